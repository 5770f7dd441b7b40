/* SPDX-License-Identifier: Apache-2.0 */
/* timeouts { read D; write D; idle D; maxtcpqueries N }: of client TCP. */
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/plugins/plugins.h"

static int timeout_set(struct cf_setup *s, const struct cf_node *n, uint64_t *to)
{
	return cf_duration(s, &n->tok[1], NS_PER_S, NS_PER_S, 86400 * NS_PER_S, to);
}

static int timeout_read(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)to;
	return timeout_set(s, n, &s->b->out.tcp_read_ns);
}

static int timeout_write(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)to;
	return timeout_set(s, n, &s->b->out.tcp_write_ns);
}

static int timeout_idle(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)to;
	return timeout_set(s, n, &s->b->out.tcp_idle_ns);
}

static int timeout_queries(struct cf_setup *s, const struct cf_node *n, void *to)
{
	uint64_t v = 0;

	(void)to;
	if (strcmp(n->tok[1].text, "-1") == 0) {
		s->b->out.tcp_max_queries = -1;
		return 0;
	}
	int err = cf_number(s, &n->tok[1], 1, INT64_MAX, &v);

	if (err == 0)
		s->b->out.tcp_max_queries = (int64_t)v;
	return err;
}

static const struct cf_option options[] = {
	{"read", 1, 1, "DURATION", timeout_read},
	{"write", 1, 1, "DURATION", timeout_write},
	{"idle", 1, 1, "DURATION", timeout_idle},
	{"maxtcpqueries", 1, 1, "NUMBER", timeout_queries},
	{0},
};

int setup_timeouts(struct cf_setup *s, const struct cf_node *n)
{
	int err = cf_args(s, n, 0, 0, "");

	if (err == 0 && n->n_nodes == 0)
		return cf_error(
			s, &n->end,
			"timeouts block with no timeouts specified: expected read, write or idle");
	return err ? err : cf_options(s, n, options, NULL);
}
