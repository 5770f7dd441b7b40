/* SPDX-License-Identifier: Apache-2.0 */
/* prometheus [ADDRESS]: /metrics. */
#include "resolver/plugins/plugins.h"

int setup_prometheus(struct cf_setup *s, const struct cf_node *n)
{
	struct corefile_addr *a = &s->b->out.prometheus;
	int err = cf_args(s, n, 0, 1, "[ADDRESS]");

	if (err)
		return err;
	*a = (struct corefile_addr){
		.set = true,
		.addr = {.s6_addr = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}},
		.port = 9153,
		.text = "localhost:9153",
	};
	s->b->zone.has_metrics = true;
	if (n->n > 1)
		err = cf_listen_addr(s, &n->tok[1], a);
	if (n->n_nodes)
		cf_warn(s, &n->node[0].tok[0],
			"options of 'prometheus' (TLS for metrics) are not used: metrics are "
			"served in clear");
	return err;
}
