/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler's stages; only corefile/ uses this. */
#ifndef NODENS_CF_COMPILE_H
#define NODENS_CF_COMPILE_H

#include "resolver/corefile/setup.h"

/* A key's zones and port, appended to the block. */
int cf_key(struct cf_setup *s, struct cf_block *b, const struct cf_token *t);
/* Listeners of all blocks, each once, and "cannot serve" checks. */
int cf_listeners(struct cf_setup *s);
/* Forward targets to upstreams, each once; our own addresses are left out. */
int cf_upstreams(struct cf_setup *s);
/* Zones into the plan, after listeners and upstreams. */
int cf_plan_zones(struct cf_setup *s);
/* Which zones are the cluster's: docs/corefile.md, "search_path". */
void cf_mark_cluster(struct cf_setup *s, struct core_zone *zone, size_t n);

/* As corefile_compile, but everything found goes to the report (in the plan's
 * arena), and the plan is handed out in any case: NULL only without memory. */
int cf_compile_report(struct corefile_plan **ret, const struct corefile *c,
		      const struct corefile_env *e, struct cf_report **ret_report);

#endif
