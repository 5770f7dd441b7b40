/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-1-3, written from its description: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (one compression
 * round, three finalisation rounds). As hash_sip13, for callers whose length the compiler knows.
 */
#ifndef NODENS_SIP_H
#define NODENS_SIP_H

#include <string.h>

#include "lib/base/hash.h"

static inline uint64_t rotl64(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static inline uint64_t load_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotl64(s->v1, 13) ^ s->v0;
	s->v3 = rotl64(s->v3, 16) ^ s->v2;
	s->v0 = rotl64(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotl64(s->v1, 17) ^ s->v2;
	s->v3 = rotl64(s->v3, 21) ^ s->v0;
	s->v2 = rotl64(s->v2, 32);
}

/* The n < 8 octets that end at `end`, where n_before octets precede them: with
 * enough of those, one read that reaches back and a shift. */
static inline uint64_t load_tail(const uint8_t *end, size_t n, size_t n_before)
{
	uint64_t v = 0;

	if (n == 0)
		return 0;
	if (n_before >= 8)
		return load_le64(end - 8) >> (8 * (8 - n));
	end -= n;
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)end[i] << (8 * i);
	return v;
}

static inline uint64_t sip13(const struct hash_key *key, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t last = (uint64_t)len << 56;
	struct sip s = {
		.v0 = key->k0 ^ 0x736f6d6570736575u,
		.v1 = key->k1 ^ 0x646f72616e646f6du,
		.v2 = key->k0 ^ 0x6c7967656e657261u,
		.v3 = key->k1 ^ 0x7465646279746573u,
	};

	for (; len >= 8; len -= 8, p += 8) {
		uint64_t m = load_le64(p);

		s.v3 ^= m;
		sip_round(&s);
		s.v0 ^= m;
	}
	last |= load_tail(p + len, len, (size_t)(p - (const uint8_t *)data));
	s.v3 ^= last;
	sip_round(&s);
	s.v0 ^= last;
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

#endif
