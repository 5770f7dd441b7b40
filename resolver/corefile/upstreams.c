/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forward targets to upstreams. Blocks that name the same server share one
 * upstream, so that they share its connections and its health. A target that is
 * an address we listen on would be a loop and is left out.
 */
#include <string.h>

#include "resolver/corefile/compile.h"

struct upstream_list {
	size_t n;
	struct core_upstream *core;
	struct corefile_upstream *sock;
};

static bool text_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool addr_is_loopback(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

static bool addr_is_any(const struct in6_addr *a)
{
	static const struct in6_addr v4 = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	return IN6_IS_ADDR_UNSPECIFIED(a) || memcmp(a, &v4, sizeof(v4)) == 0;
}

/* Would a question to it come back to us? */
static bool target_is_own(const struct cf_setup *s, const struct cf_target *t)
{
	const struct core_conf *c = &s->plan->conf;

	for (size_t i = 0; i < c->n_listeners; i++) {
		const struct core_listener *l = &c->listener[i];

		if (l->port != t->port || core_transport_is_tls(t->transport))
			continue;
		if (memcmp(&l->addr, &t->addr, sizeof(t->addr)) == 0 || addr_is_any(&t->addr))
			return true;
		if (addr_is_any(&l->addr) && addr_is_loopback(&t->addr))
			return true;
	}
	return false;
}

/* Was it found to come back to us, by the `loop` plugin? */
static bool target_loops(const struct cf_setup *s, const struct cf_block *b, const struct cf_target *t)
{
	char zone[NAME_MAX_TEXT];

	for (size_t i = 0; i < s->env->n_loops; i++) {
		const struct corefile_loop *l = &s->env->loop[i];

		if (l->port != t->port || l->scope_id != t->scope_id || core_transport_is_tls(t->transport) ||
		    memcmp(&l->addr, &t->addr, sizeof(t->addr)) != 0)
			continue;
		for (size_t k = 0; k < b->n_names; k++) {
			name_to_text(b->name[k].b, zone, sizeof(zone));
			if (b->out.loop && strcmp(zone, l->zone) == 0)
				return true;
		}
	}
	return false;
}

static bool sock_eq(const struct corefile_upstream *a, const struct corefile_upstream *b)
{
	return a->scope_id == b->scope_id && a->has_source == b->has_source &&
	       memcmp(&a->source, &b->source, sizeof(a->source)) == 0 &&
	       text_eq(a->tls_cert, b->tls_cert) && text_eq(a->tls_key, b->tls_key) &&
	       text_eq(a->tls_ca, b->tls_ca) && a->max_age_ns == b->max_age_ns &&
	       a->expire_ns == b->expire_ns && a->max_idle_conns == b->max_idle_conns &&
	       text_eq(a->doh_path, b->doh_path) && a->doh_get == b->doh_get;
}

static int upstream_add(struct cf_setup *s, const struct cf_forward *f, const struct cf_target *t,
			struct upstream_list *list, uint16_t *ret)
{
	struct corefile_upstream sock = f->sock;
	size_t n_sock = list->n;

	sock.scope_id = t->scope_id;
	sock.max_age_ns = f->conf.max_age_ns;
	sock.expire_ns = f->conf.expire_ns;
	sock.doh_path = t->doh_path;
	sock.doh_get = f->sock.doh_get && t->doh_path;
	for (size_t i = 0; i < list->n; i++) {
		const struct core_upstream *u = &list->core[i];

		if (u->port == t->port && u->transport == t->transport &&
		    text_eq(u->tls_name, t->tls_name) &&
		    memcmp(&u->addr, &t->addr, sizeof(t->addr)) == 0 &&
		    sock_eq(&list->sock[i], &sock)) {
			*ret = (uint16_t)i;
			return 0;
		}
	}
	if (list->n >= CORE_UPSTREAMS_MAX)
		return cf_error(s, &t->at, "more than %d upstreams in all", CORE_UPSTREAMS_MAX);
	struct core_upstream *u = arena_push(s->arena, &list->core, &list->n, sizeof(*u));
	struct corefile_upstream *x = arena_push(s->arena, &list->sock, &n_sock, sizeof(*x));

	if (!u || !x)
		return cf_nomem(s);
	*x = sock;
	*u = (struct core_upstream){.addr = t->addr,
				    .port = t->port,
				    .transport = t->transport,
				    .label = cf_addr_text(s->arena, &t->addr, t->port),
				    .tls_name = t->tls_name};
	*ret = (uint16_t)(list->n - 1);
	return 0;
}

static int forward_upstreams(struct cf_setup *s, const struct cf_block *b, struct cf_forward *f,
			     struct upstream_list *list)
{
	unsigned n_own = 0;

	for (size_t i = 0; i < f->n_targets; i++) {
		const struct cf_target *t = &f->target[i];
		uint16_t index = 0;
		bool twice = false;

		if (target_is_own(s, t)) {
			n_own++;
			cf_warn(s, &t->at,
				"upstream %s%s%s is an address we listen on: left out, it would be "
				"a loop",
				cf_addr_text(s->arena, &t->addr, t->port),
				t->from_file ? " of " : "", t->from_file ? t->from_file : "");
			continue;
		}
		if (target_loops(s, b, t)) {
			n_own++;
			cf_warn(s, &t->at, "upstream %s leads back to us (a loop): left out",
				cf_addr_text(s->arena, &t->addr, t->port));
			continue;
		}
		int err = upstream_add(s, f, t, list, &index);

		if (err)
			return err;
		for (size_t k = 0; k < f->conf.n_to; k++)
			twice |= f->conf.to[k] == index;
		if (twice)
			continue;
		if (f->conf.n_to >= CORE_FORWARD_TO_MAX)
			return cf_error(s, &t->at, "more than %d TOs configured",
					CORE_FORWARD_TO_MAX);
		f->conf.to[f->conf.n_to++] = index;
	}
	if (f->conf.n_to == 0 && n_own)
		cf_warn(s, &f->at,
			"no upstream is left: what is not cached here will be answered SERVFAIL");
	return 0;
}

int cf_upstreams(struct cf_setup *s)
{
	struct upstream_list list = {0};

	for (size_t i = 0; i < s->n_blocks; i++)
		for (size_t k = 0; k < s->block[i].n_forwards; k++) {
			int err = forward_upstreams(s, &s->block[i], &s->block[i].forward[k],
						    &list);

			if (err == ERR_NOMEM)
				return err;
		}
	s->plan->conf.n_upstreams = list.n;
	s->plan->conf.upstream = list.core;
	s->plan->upstream = list.sock;
	return 0;
}
