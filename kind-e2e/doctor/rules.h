/* SPDX-License-Identifier: Apache-2.0 */
/* What the two readers of rules, a dialect each (rules_dialects.h), add to. */
#ifndef NODENS_KIND_E2E_DOCTOR_RULES_H
#define NODENS_KIND_E2E_DOCTOR_RULES_H

#include "kind-e2e/doctor/facts.h"

void rules_add_notrack(struct rules_facts *r, const struct notrack_rule *n);
void rules_add_target(struct rules_facts *r, const struct addr *a);
void rules_set_vip(struct rules_facts *r, const struct addr *a);
void rules_forbid(struct rules_facts *r, const char *words);

#endif
