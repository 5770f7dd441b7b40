/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a configuration, copies it into one piece, and builds routes and views over it. */
#include "resolver/core/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/checked.h"
#include "lib/base/hash.h"
#include "lib/base/hot.h"
#include "resolver/plugins/plugin.h"

/* --- checks --- */

static int forward_check(const struct core_conf *conf, const struct core_zone *z,
			 const struct core_forward *f, struct diag *d)
{
	char text[NAME_MAX_TEXT];

	name_to_text(z->origin.b, text, sizeof(text));
	if (f->n_to > CORE_FORWARD_TO_MAX)
		return diag_set(d, ERR_RANGE, "zone %s: forward takes at most %d targets", text,
				CORE_FORWARD_TO_MAX);
	for (size_t i = 0; i < f->n_to; i++)
		if (f->to[i] >= conf->n_upstreams)
			return diag_set(d, ERR_RANGE, "zone %s: forward to an upstream that is not there",
					text);
	return 0;
}

static int conf_check(const struct core_conf *conf, struct diag *d)
{
	if (conf->n_listeners > CORE_LISTENERS_MAX || conf->n_zones > CORE_ZONES_MAX ||
	    conf->n_upstreams > CORE_UPSTREAMS_MAX)
		return diag_set(d, ERR_RANGE,
				"at most %d listeners, %d zones and %d upstreams are possible",
				CORE_LISTENERS_MAX, CORE_ZONES_MAX, CORE_UPSTREAMS_MAX);
	for (size_t i = 0; i < conf->n_zones; i++) {
		const struct core_zone *z = &conf->zone[i];

		for (size_t j = 0; j < z->n_forward; j++) {
			int err = forward_check(conf, z, &z->forward[j], d);

			if (err)
				return err;
		}
	}
	return 0;
}

/* --- one piece of memory for everything that is pointed to --- */

struct arena {
	uint8_t *base;
	size_t len, cap;
};

static size_t rounded(size_t len)
{
	return len ? ((len + 15) & ~(size_t)15) + ASAN_GAP(4096) : 0;
}

static void *arena_take(struct arena *a, const void *src, size_t len)
{
	void *p = a->base + a->len;

	a->len += rounded(len);
	assert(a->len <= a->cap);
	if (src && len)
		memcpy(p, src, len);
	asan_forbid((uint8_t *)p + len, rounded(len) - len);
	return p;
}

static const char *arena_text(struct arena *a, const char *s)
{
	return s ? arena_take(a, s, strlen(s) + 1) : NULL;
}

static size_t text_size(const char *s)
{
	return s ? rounded(strlen(s) + 1) : 0;
}

static size_t zone_size(const struct core_zone *z)
{
	const struct core_cache_conf *cc = &z->cache;
	size_t n = text_size(z->label_zones) + text_size(z->nsid);

	n += rounded(cc->n_only * sizeof(struct name)) + rounded(cc->n_no_pos * sizeof(struct name));
	n += rounded(cc->n_no_neg * sizeof(struct name)) + rounded(z->n_steps * sizeof(*z->step));
	n += rounded(z->n_forward * sizeof(*z->forward));
	for (size_t i = 0; i < z->n_forward; i++)
		n += rounded(z->forward[i].n_except * sizeof(struct name));
	return n;
}

static size_t routes_size(const struct core_conf *conf, size_t listener)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->n_zones; i++)
		n += conf->zone[i].listeners >> listener & 1;
	return rounded(n * sizeof(struct route));
}

/* To the octet: config_new holds it against what was taken. */
static size_t conf_size(const struct core_conf *conf)
{
	size_t n = rounded(conf->n_zones * sizeof(struct config_zone));

	n += rounded(conf->n_upstreams * sizeof(struct core_upstream));
	n += rounded(conf->n_listeners * sizeof(struct core_listener));
	for (size_t i = 0; i < conf->n_zones; i++)
		n += zone_size(&conf->zone[i]);
	for (size_t i = 0; i < conf->n_upstreams; i++)
		n += text_size(conf->upstream[i].label) + text_size(conf->upstream[i].tls_name);
	for (size_t i = 0; i < conf->n_listeners; i++)
		n += text_size(conf->listener[i].label) + routes_size(conf, i);
	return n;
}

static void zone_copy(struct arena *a, struct config_zone *to, const struct core_zone *from)
{
	struct core_cache_conf *cc = &to->z.cache;
	struct core_forward *f;

	to->z = *from;
	cc->only = arena_take(a, cc->only, cc->n_only * sizeof(*cc->only));
	cc->no_pos = arena_take(a, cc->no_pos, cc->n_no_pos * sizeof(*cc->no_pos));
	cc->no_neg = arena_take(a, cc->no_neg, cc->n_no_neg * sizeof(*cc->no_neg));
	name_lower(to->z.origin.b, from->origin.b);
	to->z.label_zones = arena_text(a, from->label_zones);
	to->z.nsid = arena_text(a, from->nsid);
	to->z.step = arena_take(a, from->step, from->n_steps * sizeof(*from->step));
	f = arena_take(a, from->forward, from->n_forward * sizeof(*f));
	for (size_t i = 0; i < from->n_forward; i++)
		f[i].except = arena_take(a, f[i].except, f[i].n_except * sizeof(*f[i].except));
	to->z.forward = f;
}

/* --- what follows from it --- */

static uint8_t hooks_of(const struct core_zone *z)
{
	uint8_t hooks = 0;

	for (size_t i = 0; i < z->n_steps; i++) {
		const struct plugin_ops *ops = z->step[i]->ops;

		hooks |= (uint8_t)((ops->arrive ? HOOK_ARRIVE : 0) | (ops->ask ? HOOK_ASK : 0) |
				   (ops->answered ? HOOK_ANSWERED : 0) |
				   (ops->respond ? HOOK_RESPOND : 0) |
				   (ops->options ? HOOK_OPTIONS : 0) |
				   (ops->reask && ops->merge ? HOOK_REASK : 0) |
				   (z->step[i]->follows ? HOOK_FOLLOW : 0));
	}
	return hooks;
}

static void targets_mark(struct config *c)
{
	for (size_t i = 0; i < c->n_zones; i++)
		c->has_arrive |= (c->zone[i].hooks & HOOK_ARRIVE) != 0;
	for (size_t i = 0; c->has_arrive && i < c->n_zones; i++)
		if (c->zone[i].hooks & HOOK_FOLLOW)
			c->zone[i].hooks |= HOOK_TARGETS;
}

static uint64_t digest_add(uint64_t d, const void *p, size_t len)
{
	struct hash_key key = {d, 0x6e6f64656e73};

	return hash_sip13(&key, p, len);
}

/* Who answers for this zone. The same in every process, so that entries can be
 * handed over; independent of the order in which upstreams are listed. */
static uint64_t view_of(const struct core_conf *conf, const struct core_zone *z)
{
	uint64_t d = digest_add(1, &z->answers_digest, sizeof(z->answers_digest));

	for (size_t i = 0; i < z->n_forward; i++) {
		const struct core_forward *f = &z->forward[i];
		uint64_t sum = 0;

		for (size_t j = 0; j < f->n_to; j++) {
			const struct core_upstream *u = &conf->upstream[f->to[j]];

			sum += digest_add(digest_add(2, &u->addr, sizeof(u->addr)), &u->port,
					  sizeof(u->port));
		}
		d = digest_add(d, &sum, sizeof(sum));
		d = digest_add(d, f->from.b, name_len(f->from.b));
		for (size_t j = 0; j < f->n_except; j++)
			d = digest_add(d, f->except[j].b, name_len(f->except[j].b));
	}
	return d;
}

static bool same_limits(const struct core_cache_conf *a, const struct core_cache_conf *b)
{
	return a->pos_max_s == b->pos_max_s && a->pos_min_s == b->pos_min_s &&
	       a->neg_max_s == b->neg_max_s && a->neg_min_s == b->neg_min_s &&
	       a->enabled == b->enabled && a->pos_disabled == b->pos_disabled &&
	       a->neg_disabled == b->neg_disabled;
}

/* Blocks with the same upstreams share entries unless they keep them differently. */
static void views_split(struct config *c)
{
	for (size_t i = 1; i < c->n_zones; i++)
		for (size_t j = 0; j < i; j++) /* the first of a view stands behind the first of that below it */
			if (c->zone[j].view == c->zone[i].view &&
			    !same_limits(&c->zone[j].z.cache, &c->zone[i].z.cache))
				c->zone[i].view++;
}

static int route_cmp(const void *a, const void *b)
{
	const struct route *x = a, *y = b;

	return x->n_labels != y->n_labels ? y->n_labels - x->n_labels : x->zone - y->zone;
}

static void routes_build(struct config *c, struct arena *a)
{
	for (size_t l = 0; l < c->n_listeners; l++) {
		struct route *r = (struct route *)(void *)(a->base + a->len);
		size_t n = 0;

		for (size_t i = 0; i < c->n_zones; i++) {
			const struct core_zone *z = &c->zone[i].z;

			if (!(z->listeners >> l & 1))
				continue;
			r[n++] = (struct route){.zone = (uint16_t)i,
						.len = (uint8_t)name_len(z->origin.b),
						.n_labels = c->zone[i].n_labels};
		}
		arena_take(a, NULL, n * sizeof(*r));
		qsort(r, n, sizeof(*r), route_cmp);
		c->route[l] = r;
		c->n_routes[l] = n;
	}
}

int config_new(struct config **ret, const struct core_conf *conf, struct diag *d)
{
	struct arena a = {0};
	struct config *c;
	int err = conf_check(conf, d);

	if (err)
		return err;
	c = calloc(1, sizeof(*c));
	a.cap = conf_size(conf);
	a.base = calloc(1, a.cap + 1); /* an empty one is no error */
	if (!c || !a.base) {
		free(c);
		free(a.base);
		return diag_set(d, ERR_NOMEM, "no memory for the configuration");
	}
	c->block = a.base;
	c->n_zones = conf->n_zones;
	c->n_listeners = conf->n_listeners;
	c->n_upstreams = conf->n_upstreams;
	c->upstream = arena_take(&a, conf->upstream, conf->n_upstreams * sizeof(*c->upstream));
	c->listener = arena_take(&a, conf->listener, conf->n_listeners * sizeof(*c->listener));
	for (size_t i = 0; i < c->n_upstreams; i++) {
		c->upstream[i].label = arena_text(&a, c->upstream[i].label);
		c->upstream[i].tls_name = arena_text(&a, c->upstream[i].tls_name);
	}
	for (size_t i = 0; i < c->n_listeners; i++)
		c->listener[i].label = arena_text(&a, c->listener[i].label);
	c->zone = arena_take(&a, NULL, c->n_zones * sizeof(*c->zone));
	for (size_t i = 0; i < c->n_zones; i++) {
		struct config_zone *z = &c->zone[i];

		zone_copy(&a, z, &conf->zone[i]);
		z->hooks = hooks_of(&z->z);
		c->has_autopath |= z->z.autopath;
		z->view = view_of(conf, &z->z);
		z->n_labels = (uint8_t)name_labels(z->z.origin.b);
		z->nsid_len = z->z.nsid ? (uint8_t)strnlen(z->z.nsid, UINT8_MAX) : 0;
	}
	targets_mark(c);
	views_split(c);
	routes_build(c, &a);
	assert(a.len == a.cap);
	*ret = c;
	return 0;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	free(c->block);
	free(c);
}

/* --- look-ups --- */

HOT uint16_t config_route(const struct config *c, unsigned listener, const struct query *q)
{
	const struct route *r = c->route[listener];
	uint16_t apex = ZONE_NONE;

	for (size_t i = 0; i < c->n_routes[listener]; i++, r++) {
		unsigned off;

		if (r->n_labels > q->n_labels)
			continue;
		off = q->label_at[q->n_labels - r->n_labels];
		if (q->name_len - off != r->len ||
		    memcmp(q->name + off, c->zone[r->zone].z.origin.b, r->len) != 0)
			continue;
		if (q->qtype != DNS_DS || r->n_labels < q->n_labels)
			return r->zone;
		if (apex == ZONE_NONE)
			apex = r->zone;
	}
	return apex;
}

const struct core_forward *config_forward(const struct config_zone *z, const uint8_t *name,
					  size_t from, size_t *ret_index)
{
	for (size_t i = from; i < z->z.n_forward; i++) {
		const struct core_forward *f = &z->z.forward[i];
		bool excepted = false;

		for (size_t j = 0; j < f->n_except && !excepted; j++)
			excepted = name_within(name, f->except[j].b);
		if (!excepted && name_within(name, f->from.b)) {
			*ret_index = i;
			return f;
		}
	}
	return NULL;
}
