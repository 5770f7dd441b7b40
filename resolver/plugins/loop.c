/* SPDX-License-Identifier: Apache-2.0 */
/* loop: ask ourselves a random name at start; if it comes back by way of an
 * upstream, that upstream is us. */
#include "resolver/plugins/plugins.h"

int setup_loop(struct cf_setup *s, const struct cf_node *n)
{
	s->b->out.loop = true;
	return cf_args_only(s, n, 0, 0, "");
}
