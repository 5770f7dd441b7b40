/* SPDX-License-Identifier: Apache-2.0 */
/* Reading objects of the API, and the one kind that needs a file: NetworkPolicies. */
#ifndef NODENS_KIND_E2E_API_JSON_H
#define NODENS_KIND_E2E_API_JSON_H

#include "kind-e2e/doctor/facts.h"
#include "lib/base/json.h"

/* "spec.clusterIP" below `v`, or NULL. */
const struct jdoc *json_at(const struct jdoc *v, const char *path);

/* Those that let pods send something out, or nothing, but no DNS. */
void policies_read(struct api_facts *a, const struct jdoc *list);

#endif
