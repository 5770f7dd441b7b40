/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache [TTL] [ZONES...] { success denial prefetch serve_stale
 * serve_stale_policy servfail disable keepttl }. CoreDNS's syntax onto one
 * cache for all blocks: capacities become a byte budget (docs/operations.md),
 * shards do not exist.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/plugins/plugins.h"

enum { TTL_MAX_S = 7 * 86400, CAPACITY_MAX = 100000000 };

static struct core_cache_conf *cache_of(struct cf_setup *s)
{
	return &s->b->zone.cache;
}

static int capacity_line(struct cf_setup *s, const struct cf_node *n, uint32_t *cap,
			 uint32_t *max_s, uint32_t *min_s, bool *min_set)
{
	uint64_t v[3] = {*cap, *max_s, *min_s};
	int err = cf_number(s, &n->tok[1], 0, CAPACITY_MAX, &v[0]);

	if (err == 0 && n->n > 2)
		err = cf_number(s, &n->tok[2], 1, TTL_MAX_S, &v[1]);
	if (err == 0 && n->n > 3)
		err = cf_number(s, &n->tok[3], 0, TTL_MAX_S, &v[2]);
	if (err)
		return err;
	if (n->n > 3 && v[2] > v[1])
		return cf_error(s, &n->tok[3], "the minimum TTL %s is above the maximum %llu",
				n->tok[3].text, (unsigned long long)v[1]);
	*cap = (uint32_t)v[0];
	*max_s = (uint32_t)v[1];
	*min_s = (uint32_t)v[2];
	*min_set |= n->n > 3;
	return 0;
}

static int cache_success(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct core_cache_conf *c = cache_of(s);

	(void)to;
	return capacity_line(s, n, &c->pos_capacity, &c->pos_max_s, &c->pos_min_s, &c->pos_min_set);
}

static int cache_denial(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct core_cache_conf *c = cache_of(s);

	(void)to;
	return capacity_line(s, n, &c->neg_capacity, &c->neg_max_s, &c->neg_min_s, &c->neg_min_set);
}

static int cache_prefetch(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct core_cache_conf *c = cache_of(s);
	uint64_t hits = 0, window = 60 * NS_PER_S, percent = 10;
	int err = cf_number(s, &n->tok[1], 0, UINT32_MAX, &hits);

	(void)to;
	if (err == 0 && n->n > 2)
		err = cf_duration(s, &n->tok[2], 0, 0, 86400 * NS_PER_S, &window);
	if (err == 0 && n->n > 3) {
		struct cf_token t = n->tok[3];
		size_t len = strlen(t.text);

		if (len < 2 || t.text[len - 1] != '%')
			return cf_error(s, &t,
					"last character of percentage should be `%%`, but is: '%s'",
					t.text);
		t.text = arena_strn(s->arena, t.text, len - 1);
		err = t.text ? cf_number(s, &t, 10, 90, &percent) : cf_nomem(s);
	}
	if (err)
		return err;
	c->prefetch_hits = (uint32_t)hits;
	c->prefetch_window_ns = window;
	c->prefetch_percent = (unsigned)percent;
	return 0;
}

/* RESPONSE_TTL and FAILURE_RECHECK, from token i on. */
static int stale_tail(struct cf_setup *s, const struct cf_node *n, size_t i)
{
	struct core_cache_conf *c = cache_of(s);
	uint64_t ttl = 0;
	int err = 0;

	if (i < n->n) {
		err = cf_duration(s, &n->tok[i], NS_PER_S, 0, 86400 * NS_PER_S, &ttl);
		if (err == 0 && ttl % NS_PER_S)
			err = cf_error(s, &n->tok[i],
				       "the TTL of stale answers must be whole seconds: '%s'",
				       n->tok[i].text);
		c->stale_ttl_s = (uint32_t)(ttl / NS_PER_S);
		i++;
	}
	if (err == 0 && i < n->n)
		err = cf_duration(s, &n->tok[i], NS_PER_S, 0, 300 * NS_PER_S, &c->stale_recheck_ns);
	if (err == 0 && ++i < n->n)
		err = cf_error(s, &n->tok[i], "unexpected '%s' after the failure recheck time",
			       n->tok[i].text);
	return err;
}

/* serve_stale [DURATION] [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]] */
static int cache_serve_stale(struct cf_setup *s, const struct cf_node *n, void *to)
{
	static const char *const modes[] = {"immediate", "verify", NULL};
	struct core_cache_conf *c = cache_of(s);
	size_t i = 1;
	int err = 0;

	(void)to;
	if (n->n == 2 && strcmp(n->tok[1].text, "off") == 0) {
		c->stale_enabled = false;
		return 0;
	}
	c->stale_enabled = true;
	c->stale_verify = false;
	c->stale_ns = 3600 * NS_PER_S;
	if (i < n->n && n->tok[i].text[0] >= '0' && n->tok[i].text[0] <= '9')
		err = cf_duration(s, &n->tok[i++], 0, 0, 7 * 86400 * NS_PER_S, &c->stale_ns);
	if (err || i >= n->n)
		return err;
	int mode = cf_choice(s, &n->tok[i++], "refresh mode of serve_stale", modes);

	if (mode < 0)
		return ERR_SYNTAX;
	c->stale_verify = mode == 1;
	if (c->stale_verify && i < n->n)
		err = cf_duration(s, &n->tok[i++], 0, 0, 3600 * NS_PER_S,
				  &c->stale_verify_timeout_ns);
	return err ? err : stale_tail(s, n, i);
}

static int cache_stale_policy(struct cf_setup *s, const struct cf_node *n, void *to)
{
	static const char *const kinds[] = {"prefer_positive", NULL};

	(void)to; /* a failure never replaces a usable positive here: nothing to switch */
	return cf_choice(s, &n->tok[1], "serve_stale_policy", kinds) < 0 ? ERR_SYNTAX : 0;
}

static int cache_servfail(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)to;
	return cf_duration(s, &n->tok[1], 0, 0, 300 * NS_PER_S, &cache_of(s)->servfail_ns);
}

static int cache_disable(struct cf_setup *s, const struct cf_node *n, void *to)
{
	static const char *const kinds[] = {"success", "denial", NULL};
	struct core_cache_conf *c = cache_of(s);
	int k = cf_choice(s, &n->tok[1], "cache type", kinds), err = 0;
	struct name *list = NULL;
	size_t n_list = 0;

	(void)to;
	if (k < 0)
		return ERR_SYNTAX;
	err = cf_zones(s, n->tok + 2, n->n - 2, &list, &n_list);
	if (err)
		return err;
	if (n_list == 0)
		*(k == 0 ? &c->pos_disabled : &c->neg_disabled) = true;
	else if (k == 0)
		c->no_pos = list, c->n_no_pos = n_list;
	else
		c->no_neg = list, c->n_no_neg = n_list;
	return 0;
}

static int cache_keepttl(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)n;
	(void)to;
	cache_of(s)->keepttl = true;
	return 0;
}

static const struct cf_option options[] = {
	{"success", 1, 3, "CAPACITY [TTL [MINTTL]]", cache_success},
	{"denial", 1, 3, "CAPACITY [TTL [MINTTL]]", cache_denial},
	{"prefetch", 1, 3, "AMOUNT [DURATION [PERCENTAGE%]]", cache_prefetch},
	{"serve_stale", 0, 5, "[DURATION] [immediate|verify ...] | off", cache_serve_stale},
	{"serve_stale_policy", 1, 1, "prefer_positive", cache_stale_policy},
	{"servfail", 1, 1, "DURATION", cache_servfail},
	{"disable", 1, CF_MANY, "success|denial [ZONES...]", cache_disable},
	{"keepttl", 0, 0, "", cache_keepttl},
	{0},
};

/* "30", and "3600s", which CoreDNS takes for a zone's name and AKS writes. */
static bool is_ttl(struct cf_setup *s, const struct cf_token *t)
{
	size_t digits = strspn(t->text, "0123456789");

	if (digits && strcmp(t->text + digits, "s") == 0)
		cf_warn(s, t,
			"'%s' is taken as the TTL; CoreDNS takes it for a zone and caches nothing",
			t->text);
	else if (digits == 0 || t->text[digits])
		return false;
	return true;
}

int setup_cache(struct cf_setup *s, const struct cf_node *n)
{
	struct core_cache_conf *c = cache_of(s);
	struct name *only = NULL;
	size_t first_zone = 1;
	uint64_t ttl;
	int err = 0;

	c->enabled = true;
	if (n->n > 1 && is_ttl(s, &n->tok[1])) {
		struct cf_token t = n->tok[1];

		t.text = arena_strn(s->arena, t.text, strspn(t.text, "0123456789"));
		err = t.text ? cf_number(s, &t, 1, TTL_MAX_S, &ttl) : cf_nomem(s);
		if (err == 0)
			c->pos_max_s = c->neg_max_s = (uint32_t)ttl;
		first_zone = 2;
	}
	if (err == 0) {
		err = cf_zones(s, n->tok + first_zone, n->n - first_zone, &only, &c->n_only);
		c->only = only;
	}
	int more = cf_options(s, n, options, NULL);

	return err ? err : more;
}
