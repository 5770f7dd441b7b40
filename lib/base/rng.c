/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeded numbers: xoshiro256** (Blackman and Vigna) whose state comes from
 * splitmix64. The kernel's numbers: getrandom(2) in blocks, one block a thread;
 * a block is never shared across fork, because two workers that draw the same
 * "unguessable" ids are one guess apart.
 */
#include "lib/base/rng.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		r->s[i] = splitmix64(&seed);
}

void rng_seed_stream(struct rng *r, uint64_t seed, uint64_t stream)
{
	/* Both numbers pass through the mixer before they meet, so that
	 * (1, 2) and (2, 1), or neighbouring streams, share nothing. */
	uint64_t a = splitmix64(&seed);
	uint64_t b = ~stream;

	rng_seed(r, a ^ splitmix64(&b));
}

/* --- the kernel's numbers --- */

static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;
static unsigned fork_generation = 1;

static _Thread_local struct {
	unsigned generation; /* block is void unless it equals fork_generation */
	size_t used;
	uint8_t block[512];
} pool;

static void fork_child(void)
{
	fork_generation++;
}

static void fork_watch_start(void)
{
	pthread_atfork(NULL, NULL, fork_child);
}

static void os_fill(uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		/* Blocks at boot, and can be interrupted only for large requests. */
		assert(n > 0 || errno == EINTR);
		if (n <= 0)
			continue;
		p += n;
		len -= (size_t)n;
	}
}

void rng_os_bytes(void *buf, size_t len)
{
	pthread_once(&fork_watch, fork_watch_start);
	if (len > sizeof(pool.block)) {
		os_fill(buf, len);
		return;
	}
	if (pool.generation != fork_generation || len > sizeof(pool.block) - pool.used) {
		os_fill(pool.block, sizeof(pool.block));
		pool.generation = fork_generation;
		pool.used = 0;
	}
	memcpy(buf, pool.block + pool.used, len);
	memset(pool.block + pool.used, 0, len);
	pool.used += len;
}

uint16_t rng_os_u16(void)
{
	uint16_t v;

	rng_os_bytes(&v, sizeof(v));
	return v;
}

uint64_t rng_os_u64(void)
{
	uint64_t v;

	rng_os_bytes(&v, sizeof(v));
	return v;
}
