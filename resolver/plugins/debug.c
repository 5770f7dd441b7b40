/* SPDX-License-Identifier: Apache-2.0 */
/* debug: [DEBUG] lines in the log. */
#include "resolver/plugins/plugins.h"

int setup_debug(struct cf_setup *s, const struct cf_node *n)
{
	int err = cf_args(s, n, 0, 0, "");

	s->b->out.debug = err == 0;
	return err;
}
