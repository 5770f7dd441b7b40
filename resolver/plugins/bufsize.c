/* SPDX-License-Identifier: Apache-2.0 */
/* bufsize [SIZE]: the largest UDP answer, both ways; lowers, never raises. */
#include "resolver/plugins/plugins.h"

int setup_bufsize(struct cf_setup *s, const struct cf_node *n)
{
	uint64_t size = 1232;
	int err = cf_args_only(s, n, 0, 1, "[SIZE]");

	if (err == 0 && n->n > 1)
		err = cf_number(s, &n->tok[1], 512, 4096, &size);
	if (err == 0)
		s->b->zone.bufsize = (uint16_t)size;
	return err;
}
