/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cookies: ours. Clients that send a COOKIE option get a server cookie (RFC 7873,
 * RFC 9018). Only where asked for: who has seen one drops answers without one from
 * the same address (section 5.3), for two minutes in c-ares, and where the node
 * fails open that address is the cluster's DNS, which knows nothing of ours.
 */
#include "resolver/plugins/plugins.h"

int setup_cookies(struct cf_setup *s, const struct cf_node *n)
{
	s->b->zone.cookies = true;
	return cf_args_only(s, n, 0, 0, "");
}
