/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sources of numbers, never to be confused: a seeded generator, for
 * simulations and workloads that must repeat to the bit, and the kernel's, for
 * ids, ports and hash keys that an attacker must not guess (RFC 5452 section 9).
 */
#ifndef NODENS_RNG_H
#define NODENS_RNG_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct rng { /* xoshiro256**, seeded through splitmix64 */
	uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
/* An independent stream: same (seed, stream) gives the same numbers. */
void rng_seed_stream(struct rng *r, uint64_t seed, uint64_t stream);
static inline uint64_t rng_u64(struct rng *r)
{
	uint64_t *s = r->s, x = s[1] * 5, t = s[1] << 17;
	uint64_t result = (x << 7 | x >> 57) * 9;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = s[3] << 45 | s[3] >> 19;
	return result;
}

/* Uniform in [0, n); n > 0; unbiased. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	uint64_t x = rng_u64(r);

	assert(n > 0);
	while (x < n && x < -n % n) /* 2^64 mod n: values below it would favour small results */
		x = rng_u64(r);
	return x % n;
}

/* Uniform in [0, 1), 53 bits. */
static inline double rng_unit(struct rng *r)
{
	return (double)(rng_u64(r) >> 11) * 0x1p-53;
}
/* Exponential with the given mean, for Poisson arrivals. */
double rng_exp(struct rng *r, double mean);

/* Zipf(s) over ranks 0..n-1 through a cumulative table. */
struct zipf;
struct zipf *zipf_new(size_t n, double s);
void zipf_free(struct zipf *z);
size_t zipf_draw(const struct zipf *z, struct rng *r);

/* Bytes from getrandom(2), buffered; never fails after the kernel's pool is up. */
void rng_os_bytes(void *buf, size_t len);
uint16_t rng_os_u16(void);
uint64_t rng_os_u64(void);

#endif
