/* SPDX-License-Identifier: Apache-2.0 */
/* reload [INTERVAL] [JITTER]: checked and let go, for a change is seen at once. */
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/plugins/plugins.h"

int setup_reload(struct cf_setup *s, const struct cf_node *n)
{
	uint64_t ns;
	int err = cf_args_only(s, n, 0, 2, "[INTERVAL] [JITTER]");

	if (err == 0 && n->n == 2 && strcmp(n->tok[1].text, "0") == 0)
		return 0; /* CoreDNS: 0 switches it off */
	if (err == 0 && n->n > 1)
		err = cf_duration(s, &n->tok[1], 0, 2 * NS_PER_S, 86400 * NS_PER_S, &ns);
	if (err == 0 && n->n > 2)
		err = cf_duration(s, &n->tok[2], 0, 0, 86400 * NS_PER_S, &ns);
	return err;
}
