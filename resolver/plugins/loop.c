/* SPDX-License-Identifier: Apache-2.0 */
/* loop: ask ourselves a random name at start; if it comes back by way of an
 * upstream, that upstream is us. */
#include "resolver/plugins/plugins.h"

int setup_loop(struct cf_setup *s, const struct cf_node *n)
{
	int err = cf_args(s, n, 0, 0, "");

	if (err == 0)
		err = cf_no_block(s, n);
	s->b->out.loop = err == 0;
	return err;
}
