/* SPDX-License-Identifier: Apache-2.0 */
/* nsid [DATA...]: who answered (RFC 5001); the host's name unless said. */
#include "resolver/plugins/plugins.h"

int setup_nsid(struct cf_setup *s, const struct cf_node *n)
{
	const char *text = n->n > 1 ? "" : s->env->hostname;
	int err = cf_no_block(s, n);

	for (size_t i = 1; i < n->n && text; i++)
		text = arena_printf(s->arena, "%s%s%s", text, i > 1 ? " " : "", n->tok[i].text);
	s->b->zone.nsid = text ? arena_str(s->arena, text) : NULL;
	return s->b->zone.nsid ? err : cf_nomem(s);
}
