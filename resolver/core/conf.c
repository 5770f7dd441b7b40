/* SPDX-License-Identifier: Apache-2.0 */
/* The values that a Corefile leaves open. */
#include "resolver/core/conf.h"

#include <string.h>

#include "lib/base/clock.h"

/* A typical entry of each kind with its slot and ghost: header 56, name twice
 * or compressed, two addresses or an SOA; generous, so that the capacity of a
 * Corefile is what really fits. */
#define BYTES_PER_POSITIVE 440
#define BYTES_PER_DENIAL   330
#define CACHE_BYTES_MIN    (1u << 20)

void core_conf_forward_defaults(struct core_forward *f)
{
	memset(f, 0, sizeof(*f));
	f->from.len = 1;
	f->health_domain.len = 1;
	f->policy = CORE_RANDOM;
	f->max_fails = 2;
	f->health_ns = 500 * NS_PER_MS;
	f->read_timeout_ns = 2 * NS_PER_S;
	f->budget_ns = 4500 * NS_PER_MS;
	f->expire_ns = 10 * NS_PER_S;
	f->hedge_percent = 5;
}

void core_conf_cache_defaults(struct core_cache_conf *c)
{
	memset(c, 0, sizeof(*c));
	c->pos_max_s = 3600;
	c->pos_min_s = 5;
	c->neg_max_s = 1800;
	c->neg_min_s = 5;
	c->pos_capacity = 9984;
	c->neg_capacity = 9984;
	c->prefetch_window_ns = 60 * NS_PER_S;
	c->prefetch_percent = 10;
	c->stale_ns = 3600 * NS_PER_S;
	c->stale_verify_timeout_ns = 1800 * NS_PER_MS; /* RFC 8767 section 5 */
	c->stale_ttl_s = 30;
	c->stale_recheck_ns = 30 * NS_PER_S;
	c->servfail_ns = 5 * NS_PER_S;
}

void core_conf_zone_defaults(struct core_zone *z)
{
	memset(z, 0, sizeof(*z));
	z->origin.len = 1;
	z->bufsize = 1232;
	core_conf_cache_defaults(&z->cache);
}

uint64_t core_conf_cache_bytes(uint32_t pos_capacity, uint32_t neg_capacity)
{
	uint64_t n = (uint64_t)pos_capacity * BYTES_PER_POSITIVE +
		     (uint64_t)neg_capacity * BYTES_PER_DENIAL;

	return n < CACHE_BYTES_MIN ? CACHE_BYTES_MIN : n;
}

unsigned core_conf_neg_percent(uint32_t pos_capacity, uint32_t neg_capacity)
{
	uint64_t neg = (uint64_t)neg_capacity * BYTES_PER_DENIAL;
	uint64_t all = (uint64_t)pos_capacity * BYTES_PER_POSITIVE + neg;
	uint64_t percent = all ? neg * 100 / all : 0;

	return percent < 5 ? 5 : percent > 90 ? 90 : (unsigned)percent;
}
