/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that describe the configuration:
 *
 *   listener ADDR:PORT                    (none: one at 169.254.20.10:53)
 *   upstream NAME ADDR:PORT [udp|tcp|tls]
 *   zone NAME [cluster] [shield_off] [autopath] [block N] [listeners MASK] [nsid TEXT]
 *        [bufsize N] [errors] [digest N]
 *        [cache] [pos MAX] [neg MAX] [pos_min MIN] [neg_min MIN] [servfail DUR] [keepttl]
 *        [prefetch HITS WINDOW PERCENT] [stale WINDOW immediate|verify] [client_timer DUR]
 *        [recheck DUR] [no_success] [no_denial] [no_forward]
 *   forward ZONE UPSTREAM... [from NAME] [except NAME]... [force_tcp] [prefer_udp]
 *        [policy random|round_robin|sequential] [max_fails N] [health DUR] [timeout DUR]
 *        [budget DUR] [max_concurrent N] [failover RCODE]... [next RCODE]...
 *        [next_on_nodata] [failfast] [hedge PERCENT] [health_domain NAME] [no_rec]
 *   limits [inflight N] [waiters N] [cache BYTES] [neg_share PERCENT]
 *   probe NAME                            a question of our own that must not come back
 *
 * A zone without a forward line forwards to every upstream, hedging off; so a
 * file says only what it is about. Any of these lines after the first `at` is
 * kept for the next `reconfigure`.
 */
#ifndef NODENS_SCENARIO_CONFIG_H
#define NODENS_SCENARIO_CONFIG_H

#include "tests/scenario/world.h"

/* True when the line was one of configuration. */
bool config_line(struct world *w);

/* Fills in what the file left out. */
void config_complete(struct world *w);

/* Index of the upstream of that name, or -1. */
int upstream_by_name(const struct world *w, const char *name);

#endif
