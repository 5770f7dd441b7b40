/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of both dialects add to, with its limits. */
#include "kind-e2e/doctor/rules.h"

#include <stdio.h>
#include <string.h>

void rules_add_notrack(struct rules_facts *r, const struct notrack_rule *n)
{
	if (r->n_notrack < RULES_MAX)
		r->notrack[r->n_notrack++] = *n;
	else
		r->cut++;
}

void rules_add_target(struct rules_facts *r, const struct addr *a)
{
	for (unsigned i = 0; i < r->n_targets; i++)
		if (addr_eq(&r->target[i], a))
			return;
	if (r->n_targets < TARGETS_MAX)
		r->target[r->n_targets++] = *a;
	else
		r->cut++;
}

void rules_set_vip(struct rules_facts *r, const struct addr *a)
{
	struct addr *to = &r->vip[a->family == AF_INET6];

	if (!to->family)
		*to = *a;
}

void rules_forbid(struct rules_facts *r, const char *words)
{
	words += strspn(words, " \t");
	if (r->n_forbidden < 8)
		snprintf(r->forbidden[r->n_forbidden++], FACT_TEXT, "%s", words);
	else
		r->cut++;
}
