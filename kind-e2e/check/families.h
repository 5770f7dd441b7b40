/* SPDX-License-Identifier: Apache-2.0 */
/* The families of checks, one file each. */
#ifndef NODENS_KIND_E2E_FAMILIES_H
#define NODENS_KIND_E2E_FAMILIES_H

#include "kind-e2e/check/check.h"

extern const struct family family_self, family_load, family_answers, family_clients, family_loss,
	family_path, family_ipvs, family_upstream, family_metrics, family_policy, family_proxy,
	family_backend, family_cache, family_teardown;

#endif
