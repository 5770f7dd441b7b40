/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload [INTERVAL] [JITTER]. We see a change at once and do not need to look;
 * the interval remains as the pace of looking where the kernel cannot tell us.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/plugins/plugins.h"

int setup_reload(struct cf_setup *s, const struct cf_node *n)
{
	uint64_t interval = 30 * NS_PER_S, jitter = 15 * NS_PER_S;
	int err = cf_args(s, n, 0, 2, "[INTERVAL] [JITTER]");

	if (err == 0)
		err = cf_no_block(s, n);
	if (err == 0 && n->n == 2 && strcmp(n->tok[1].text, "0") == 0)
		return 0; /* CoreDNS: 0 switches it off */
	if (err == 0 && n->n > 1)
		err = cf_duration(s, &n->tok[1], 0, 2 * NS_PER_S, 86400 * NS_PER_S, &interval);
	if (err == 0 && n->n > 2)
		err = cf_duration(s, &n->tok[2], 0, 0, 86400 * NS_PER_S, &jitter);
	if (err)
		return err;
	s->plan->reload = true;
	s->plan->reload_interval_ns = interval;
	s->plan->reload_jitter_ns = jitter > interval / 2 ? interval / 2 : jitter;
	return 0;
}
