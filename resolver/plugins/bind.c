/* SPDX-License-Identifier: Apache-2.0 */
/* bind ADDRESS|INTERFACE... { except ADDRESS|INTERFACE... } */
#include <string.h>

#include "resolver/plugins/plugins.h"

enum { ADDRS_MAX = 64 };

/* Addresses that a word stands for; 0 after a fault. */
static size_t bind_addrs(struct cf_setup *s, const struct cf_token *t, struct in6_addr *a,
			 uint32_t *scope)
{
	if (cf_parse_ip(t->text, a, scope))
		return 1;
	size_t n = s->env->if_addrs(s->env->ctx, t->text, a, scope, ADDRS_MAX);

	if (n == 0)
		cf_absent(
			s, t, "not a valid IP address or existing interface name: '%s'%s", t->text,
			strchr(t->text, ':') ? " (a port belongs to the server block's key)" : "");
	return n;
}

/* One that is there already is no other listener: cf_listeners has each once. */
static int bind_add(struct cf_setup *s, const struct cf_token *t, const struct in6_addr *a,
		    uint32_t scope)
{
	struct cf_bind *slot = arena_push(s->arena, &s->b->bind, &s->b->n_binds, sizeof(*slot));

	if (!slot)
		return cf_nomem(s);
	*slot = (struct cf_bind){.addr = *a, .scope_id = scope, .at = *t};
	return 0;
}

static void bind_remove(struct cf_block *b, const struct in6_addr *a)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_binds; i++)
		if (memcmp(&b->bind[i].addr, a, sizeof(*a)) != 0)
			b->bind[n++] = b->bind[i];
	b->n_binds = n;
}

static int bind_except(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct in6_addr a[ADDRS_MAX];
	uint32_t scope[ADDRS_MAX];

	(void)to;
	for (size_t i = 1; i < n->n; i++) {
		size_t got = bind_addrs(s, &n->tok[i], a, scope);

		for (size_t k = 0; k < got; k++)
			bind_remove(s->b, &a[k]);
	}
	return 0;
}

static const struct cf_option options[] = {
	{"except", 1, CF_MANY, "ADDRESS|INTERFACE...", bind_except},
	{0},
};

/* On a lint the interface may be missing: the block is then bound to a sample
 * address, so that blocks that differ in their interface still differ. */
int setup_bind(struct cf_setup *s, const struct cf_node *n)
{
	struct in6_addr a[ADDRS_MAX];
	uint32_t scope[ADDRS_MAX];
	int err = cf_args(s, n, 1, CF_MANY, "ADDRESS|INTERFACE...");

	for (size_t i = 1; i < n->n && err == 0; i++) {
		size_t got = bind_addrs(s, &n->tok[i], a, scope);

		if (got == 0 && s->env->lint) {
			got = 1;
			a[0] = (struct in6_addr){
				.s6_addr = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}};
			for (const char *c = n->tok[i].text; *c; c++)
				a[0].s6_addr[15] = (uint8_t)(a[0].s6_addr[15] * 31 + (uint8_t)*c);
			scope[0] = 0;
		}
		for (size_t k = 0; k < got && err == 0; k++)
			err = bind_add(s, &n->tok[i], &a[k], scope[k]);
	}
	if (err == 0)
		err = cf_options(s, n, options, NULL);
	if (err == 0 && s->b->n_binds == 0 && n->n_nodes)
		err = cf_error(s, &n->tok[0], "bind: 'except' leaves no address");
	return err;
}
