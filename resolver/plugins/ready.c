/* SPDX-License-Identifier: Apache-2.0 */
/* ready [ADDRESS] { monitor until-ready|continuously }: /ready. */
#include "lib/base/first.h"
#include "resolver/plugins/plugins.h"

static int ready_monitor(struct cf_setup *s, const struct cf_node *n, void *to)
{
	static const char *const kinds[] = {"until-ready", "continuously", NULL};
	int k = cf_choice(s, &n->tok[1], "monitor", kinds);

	(void)to;
	s->b->out.ready_continuously = k == 1;
	return k < 0 ? ERR_SYNTAX : 0;
}

static const struct cf_option options[] = {
	{"monitor", 1, 1, "until-ready|continuously", ready_monitor},
	{0},
};

int setup_ready(struct cf_setup *s, const struct cf_node *n)
{
	struct corefile_addr *a = &s->b->out.ready;
	int err = cf_args(s, n, 0, 1, "[ADDRESS]");

	if (err)
		return err;
	*a = (struct corefile_addr){
		.set = true, .addr = in6addr_any, .port = 8181, .text = ":8181"};
	if (n->n > 1)
		err = cf_listen_addr(s, &n->tok[1], a);
	int more = cf_options(s, n, options, NULL);

	return err_first(err, more);
}
