/* SPDX-License-Identifier: Apache-2.0 */
/* The two readers of rules: what iptables-save prints, and what nft does. */
#ifndef NODENS_KIND_E2E_RULES_DIALECTS_H
#define NODENS_KIND_E2E_RULES_DIALECTS_H

#include "kind-e2e/doctor/facts.h"

void rules_iptables(struct rules_facts *r, const char *save);
/* `compat`: also the tables that iptables' programs keep in nf_tables, where nobody printed them as
 * iptables'. */
void rules_nft(struct rules_facts *r, const char *ruleset, bool compat);

#endif
