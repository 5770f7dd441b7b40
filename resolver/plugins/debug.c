/* SPDX-License-Identifier: Apache-2.0 */
/* debug: [DEBUG] lines in the log. */
#include "resolver/plugins/plugins.h"

int setup_debug(struct cf_setup *s, const struct cf_node *n)
{
	s->b->out.debug = true;
	return cf_args_only(s, n, 0, 0, "");
}
