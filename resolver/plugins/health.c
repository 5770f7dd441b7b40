/* SPDX-License-Identifier: Apache-2.0 */
/* health [ADDRESS] { lameduck DURATION }: /health for the kubelet. */
#include "lib/base/clock.h"
#include "resolver/plugins/plugins.h"

static int health_lameduck(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)to;
	return cf_duration(s, &n->tok[1], 0, 0, 3600 * NS_PER_S, &s->b->out.lameduck_ns);
}

static const struct cf_option options[] = {
	{"lameduck", 1, 1, "DURATION", health_lameduck},
	{0},
};

int setup_health(struct cf_setup *s, const struct cf_node *n)
{
	struct corefile_addr *a = &s->b->out.health;
	int err = cf_args(s, n, 0, 1, "[ADDRESS]");

	if (err)
		return err;
	*a = (struct corefile_addr){
		.set = true, .addr = in6addr_any, .port = 8080, .text = ":8080"};
	if (n->n > 1)
		err = cf_listen_addr(s, &n->tok[1], a);
	int more = cf_options(s, n, options, NULL);

	return err ? err : more;
}
