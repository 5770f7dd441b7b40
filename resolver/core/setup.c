/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Birth, change of configuration and death of a core, and what carries over:
 * the cache always, an upstream's health and speed by its address, a counter's
 * row by its labels.
 */
#include "resolver/core/core_int.h"

#include <stdlib.h>
#include <string.h>

#define INFLIGHT_DEFAULT 4096
#define INFLIGHT_MAX     65536
#define WAITERS_DEFAULT  16384
#define WAITERS_MAX      (1u << 20)
#define NEG_SHARE        30
#define FAILURE_PAIRS    1024

/* --- counters' rows --- */

static uint64_t label_key(const char *a, const char *b)
{
	static const struct hash_key fixed = {0x73746174, 0x726f7773};
	uint64_t k = hash_sip13(&fixed, a, strlen(a)) * 31 + hash_sip13(&fixed, b, strlen(b));

	return k ? k : 1;
}

static void label_copy(char *to, size_t cap, const char *from)
{
	size_t n = strnlen(from ? from : "", cap - 1);

	memcpy(to, from ? from : "", n);
	to[n] = 0;
}

static uint16_t block_row(struct core_stats *s, const char *zones)
{
	uint64_t key = label_key(zones, "");
	uint32_t i = 1;

	while (i < s->n_blocks && s->block_key[i] != key)
		i++;
	if (i >= s->n_blocks) {
		if (i == STATS_BLOCKS_MAX)
			return 0;
		s->block_key[i] = key;
		s->n_blocks = i + 1;
	}
	return (uint16_t)i;
}

static uint16_t server_row(struct core_stats *s, const char *server, const char *zone,
			   const char *zones)
{
	uint64_t key = label_key(server, zone);
	uint32_t i = 0;

	while (i < s->n_servers && s->server[i].key != key)
		i++;
	if (i == s->n_servers) {
		if (i == STATS_SERVERS_MAX)
			return STATS_SERVERS_MAX - 1;
		s->server[i] = (struct stats_server){.key = key};
		label_copy(s->server[i].server, sizeof(s->server[i].server), server);
		label_copy(s->server[i].zone, sizeof(s->server[i].zone), zone);
		s->n_servers++;
	}
	label_copy(s->server[i].zones, sizeof(s->server[i].zones), zones);
	s->server[i].block = zones[0] ? block_row(s, zones) : 0;
	return (uint16_t)i;
}

static uint16_t upstream_row(struct core_stats *s, const char *to)
{
	uint64_t key = label_key(to, "");
	uint32_t i = 0;

	while (i < s->n_upstreams && s->upstream[i].key != key)
		i++;
	if (i == s->n_upstreams) {
		if (i == CORE_UPSTREAMS_MAX)
			return CORE_UPSTREAMS_MAX - 1;
		s->upstream[i] = (struct stats_upstream){.key = key};
		label_copy(s->upstream[i].to, sizeof(s->upstream[i].to), to);
		s->n_upstreams++;
	}
	return (uint16_t)i;
}

void stats_bind(struct core *c)
{
	const struct config *conf = c->conf;
	struct core_stats *s = c->stats;
	char zone[NAME_MAX_TEXT];

	for (size_t l = 0; l < conf->n_listeners; l++) {
		const char *server = conf->listener[l].label ? conf->listener[l].label : "";

		for (size_t r = 0; r < conf->n_routes[l]; r++) {
			uint16_t i = conf->route[l][r].zone;
			const struct core_zone *z = &conf->zone[i].z;

			name_to_text(z->origin.b, zone, sizeof(zone));
			s->server_row[l][i] = server_row(s, server, zone,
							 z->label_zones ? z->label_zones : zone);
			s->server[s->server_row[l][i]].has_metrics = z->has_metrics;
		}
		s->server_row[l][CORE_ZONES_MAX] = server_row(s, server, "dropped", "");
		s->server[s->server_row[l][CORE_ZONES_MAX]].has_metrics = true;
	}
	for (size_t u = 0; u < conf->n_upstreams; u++)
		s->upstream_row[u] = upstream_row(s, conf->upstream[u].label ? conf->upstream[u].label : "");
}

/* --- what goes with a configuration --- */

int forwards_new(const struct config *conf, struct forward_state **ret, uint32_t *at)
{
	uint32_t n = 0;

	for (size_t i = 0; i < conf->n_zones; i++) {
		at[i] = n;
		n += (uint32_t)conf->zone[i].z.n_forward;
	}
	*ret = calloc(n + 1, sizeof(**ret));
	return *ret ? 0 : ERR_NOMEM;
}

int path_table(const struct config *conf, struct path_client **ret)
{
	*ret = conf->has_autopath ? calloc(PATH_CLIENTS, sizeof(**ret)) : NULL;
	return conf->has_autopath && !*ret ? ERR_NOMEM : 0;
}

void upstream_fresh(const struct core *c, struct upstream *u, const struct core_upstream *conf)
{
	memset(u, 0, sizeof(*u));
	u->addr = conf->addr;
	u->port = conf->port;
	u->transport = conf->transport;
	cookie_jar_init(&u->jar, &c->key, &u->addr, u->port);
}

/* All zones share one cache, so the largest capacities of any block decide:
 * blocks do not add up. Sets aside for denials what their capacity stands for. */
static uint64_t cache_budget(const struct core_conf *conf, unsigned *ret_neg_percent)
{
	uint32_t pos = 0, neg = 0;

	for (size_t i = 0; i < conf->n_zones; i++) {
		const struct core_cache_conf *cache = &conf->zone[i].cache;

		if (cache->enabled && cache->pos_capacity > pos)
			pos = cache->pos_capacity;
		if (cache->enabled && cache->neg_capacity > neg)
			neg = cache->neg_capacity;
	}
	*ret_neg_percent = conf->cache_bytes ? NEG_SHARE : core_conf_neg_percent(pos, neg);
	if (conf->neg_share_percent)
		*ret_neg_percent = conf->neg_share_percent;
	return conf->cache_bytes ? conf->cache_bytes : core_conf_cache_bytes(pos, neg);
}

static uint32_t limit_or(uint32_t given, uint32_t standard, uint32_t max)
{
	if (!given)
		return standard;
	return given < max ? given : max;
}

static int tables_new(struct core *c, const struct core_conf *conf)
{
	uint32_t n = limit_or(conf->max_inflight, INFLIGHT_DEFAULT, INFLIGHT_MAX);
	uint64_t ids;
	unsigned neg_percent;
	int err;

	c->up = calloc(CORE_UPSTREAMS_MAX, sizeof(*c->up));
	c->buf = malloc(sizeof(*c->buf));
	c->synth = malloc(sizeof(*c->synth));
	c->exists = calloc(SHIELD_EXISTS_SIZE, sizeof(*c->exists));
	c->reply = malloc(DNS_MSG_MAX + 1);
	c->hook = malloc(DNS_MSG_MAX + 1);
	c->second = malloc(DNS_MSG_MAX + 1);
	c->merged = malloc(DNS_MSG_MAX + 1);
	if (!c->up || !c->buf || !c->synth || !c->exists || !c->reply || !c->hook || !c->second || !c->merged)
		return ERR_NOMEM;
	err = questions_init(&c->tab, &c->key, n,
			     limit_or(conf->max_waiters, WAITERS_DEFAULT, WAITERS_MAX));
	ids = (uint64_t)c->tab.question_places * ASKS_MAX + CORE_UPSTREAMS_MAX;
	while (1ull << c->id_bits < ids)
		c->id_bits++;
	if (!err)
		err = timers_init(&c->timers, c->tab.question_places + CORE_UPSTREAMS_MAX);
	if (!err)
		err = failures_init(&c->failures, FAILURE_PAIRS);
	if (!err) {
		uint64_t octets = cache_budget(conf, &neg_percent);

		err = cache_init(&c->cache, octets, neg_percent);
		memset(c->stats->block_entries, 0, sizeof(c->stats->block_entries));
		c->cache.block_entries = c->stats->block_entries;
		if (!err) /* a third of what denials have: some eight names for each */
			err = absent_init(&c->absent, octets / 300 * neg_percent);
	}
	return err;
}

int core_new(struct core **ret, const struct core_conf *conf, const struct core_ops *ops,
	     struct core_stats *stats, const struct hash_key *key, uint64_t seed, struct diag *d)
{
	struct core *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return diag_set(d, ERR_NOMEM, "no memory for the resolver");
	c->ops = *ops;
	c->stats = stats;
	c->key = *key;
	rng_seed(&c->rng, seed);
	c->hedge_credit = HEDGE_CREDIT_MAX;
	err = config_new(&c->conf, conf, d);
	if (!err) {
		err = tables_new(c, conf);
		if (!err)
			err = path_table(c->conf, &c->path);
		if (!err)
			err = follow_table(c->conf, &c->follow);
		if (!err)
			err = forwards_new(c->conf, &c->forward, c->forward_at);
		if (err)
			diag_set(d, err, err == ERR_RANGE ?
						 "the cache's size or its share for denials is not possible" :
						 "no memory for the resolver's tables");
	}
	if (err) {
		core_free(c);
		return err;
	}
	for (size_t i = 0; i < c->conf->n_upstreams; i++)
		upstream_fresh(c, &c->up[i], &c->conf->upstream[i]);
	stats_bind(c);
	stats->bytes_limit = c->cache.len;
	cache_gauges(c);
	*ret = c;
	return 0;
}

void core_set_done(struct core *c, void (*done)(void *ctx, const struct core_client *cl, const struct core_done *done))
{
	c->ops.done = done;
}

void core_set_probes(struct core *c, struct core_probes *p)
{
	c->probes = p;
}

void core_free(struct core *c)
{
	if (!c)
		return;
	config_free(c->conf);
	questions_release(&c->tab);
	timers_release(&c->timers);
	failures_release(&c->failures);
	cache_release(&c->cache);
	absent_release(&c->absent);
	free(c->forward);
	free(c->up);
	free(c->buf);
	free(c->synth);
	free(c->path);
	free(c->exists);
	free(c->reply);
	free(c->hook);
	free(c->second);
	free(c->merged);
	free(c->follow);
	free(c);
}
