/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who listens where: each (address, port) once over all blocks, and the two
 * refusals of CoreDNS: the same zone twice at one listener, and a zone both at
 * one address and at all of them.
 */
#include <string.h>

#include "resolver/corefile/compile.h"

static const char *listener_label(struct arena *a, const struct in6_addr *addr, uint16_t port)
{
	const char *text = cf_addr_text(a, addr, port);

	return arena_printf(a, "dns://%s", text);
}

static int listener_add(struct cf_setup *s, const struct cf_bind *bind, uint16_t port,
			struct core_listener **list, uint32_t **scope, uint64_t *ret_mask)
{
	struct core_conf *c = &s->plan->conf;
	size_t n_scope = c->n_listeners;

	for (size_t i = 0; i < c->n_listeners; i++)
		if ((*list)[i].port == port &&
		    memcmp(&(*list)[i].addr, &bind->addr, sizeof(bind->addr)) == 0 &&
		    (*scope)[i] == bind->scope_id) {
			*ret_mask |= 1ull << i;
			return 0;
		}
	if (c->n_listeners >= CORE_LISTENERS_MAX)
		return cf_error(s, bind->at.text ? &bind->at : NULL,
				"more than %d addresses to listen on", CORE_LISTENERS_MAX);
	struct core_listener *l = arena_push(s->arena, list, &c->n_listeners, sizeof(*l));
	uint32_t *sc = arena_push(s->arena, scope, &n_scope, sizeof(*sc));

	if (!l || !sc)
		return cf_nomem(s);
	*l = (struct core_listener){.addr = bind->addr,
				    .port = port,
				    .label = listener_label(s->arena, &bind->addr, port)};
	*sc = bind->scope_id;
	*ret_mask |= 1ull << (c->n_listeners - 1);
	return l->label ? 0 : cf_nomem(s);
}

static int block_listeners(struct cf_setup *s, struct cf_block *b, struct core_listener **list,
			   uint32_t **scope)
{
	static const struct cf_bind everywhere = {.addr = IN6ADDR_ANY_INIT};
	const struct cf_bind *bind = b->n_binds ? b->bind : &everywhere;
	size_t n_binds = b->n_binds ? b->n_binds : 1;

	b->mask = arena_alloc(s->arena, b->n_names * sizeof(*b->mask));
	if (!b->mask)
		return cf_nomem(s);
	for (size_t i = 0; i < b->n_names; i++) {
		for (size_t k = 0; k < n_binds; k++) {
			int err = listener_add(s, &bind[k], b->port[i], list, scope, &b->mask[i]);

			if (err)
				return err;
		}
		b->out.listeners |= b->mask[i];
	}
	return 0;
}

static const char *zone_addr_text(struct cf_setup *s, const struct name *zone,
				  const struct core_listener *l)
{
	char text[NAME_MAX_TEXT];
	const char *ip = cf_addr_text(s->arena, &l->addr, l->port);
	const char *colon = strrchr(ip, ':');

	name_to_text(zone->b, text, sizeof(text));
	const char *out = colon && colon != ip
				  ? arena_printf(s->arena, "dns://%s:%u on %.*s", text, l->port,
						 (int)(colon - ip), ip)
				  : arena_printf(s->arena, "dns://%s:%u", text, l->port);

	return out ? out : "";
}

/* One name of one block against one of another (or the same) block. */
static bool names_clash(struct cf_setup *s, const struct cf_block *a, size_t i,
			const struct cf_block *b, size_t k)
{
	const struct core_listener *l = s->plan->conf.listener;
	uint64_t both = a->mask[i] & b->mask[k];
	size_t n = s->plan->conf.n_listeners;

	if (!name_eq(a->name[i].b, b->name[k].b))
		return false;
	if (both) {
		cf_error(s, &a->key[i], "cannot serve %s - it is already defined (line %u)",
			 zone_addr_text(s, &a->name[i], &l[__builtin_ctzll(both)]), b->key[k].line);
		return true;
	}
	for (size_t x = 0; x < n; x++)
		for (size_t y = 0; y < n; y++) {
			bool any_x = IN6_IS_ADDR_UNSPECIFIED(&l[x].addr),
			     any_y = IN6_IS_ADDR_UNSPECIFIED(&l[y].addr);

			if (!(a->mask[i] >> x & 1) || !(b->mask[k] >> y & 1) ||
			    l[x].port != l[y].port || any_x == any_y)
				continue;
			cf_error(s, &a->key[i],
				 "cannot serve %s - zone overlap listener capacity with %s (line "
				 "%u)",
				 zone_addr_text(s, &a->name[i], &l[x]),
				 zone_addr_text(s, &b->name[k], &l[y]), b->key[k].line);
			return true;
		}
	return false;
}

static void name_check_clash(struct cf_setup *s, size_t block, size_t i)
{
	const struct cf_block *a = &s->block[block];

	for (size_t other = 0; other <= block; other++) {
		const struct cf_block *b = &s->block[other];
		size_t n = other == block ? i : b->n_names;

		for (size_t k = 0; k < n; k++)
			if (names_clash(s, a, i, b, k))
				return;
	}
}

bool corefile_never_service(const struct in6_addr *a)
{
	const uint8_t *v4 = a->s6_addr + 12;

	if (IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_LINKLOCAL(a))
		return true;
	return IN6_IS_ADDR_V4MAPPED(a) && (v4[0] == 127 || (v4[0] == 169 && v4[1] == 254));
}

/* In no block: the self-test's question is answered before one is looked for. */
static int private_listener(struct cf_setup *s, struct core_listener **list, uint32_t **scope)
{
	struct cf_bind bind = {.addr.s6_addr = {[10] = 0xff, 0xff, 127, 0, 0, 1}};
	uint64_t ignored = 0;

	if (!s->env->private_port)
		return 0;
	for (size_t i = 0; i < s->plan->conf.n_listeners; i++)
		if (corefile_never_service(&(*list)[i].addr))
			return 0;
	return listener_add(s, &bind, s->env->private_port, list, scope, &ignored);
}

int cf_listeners(struct cf_setup *s)
{
	struct core_listener *list = NULL;
	uint32_t *scope = NULL;

	for (size_t i = 0; i < s->n_blocks; i++) {
		int err = block_listeners(s, &s->block[i], &list, &scope);

		if (err)
			return err;
	}
	int err = private_listener(s, &list, &scope);

	s->plan->conf.listener = list;
	s->plan->listener_scope = scope;
	for (size_t i = 0; i < s->n_blocks; i++)
		for (size_t k = 0; k < s->block[i].n_names; k++)
			name_check_clash(s, i, k);
	return err;
}
