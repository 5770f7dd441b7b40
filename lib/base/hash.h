/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyed hashing. Names are chosen by whoever asks, so every table indexed by
 * one uses a secret key (SipHash-1-3, Aumasson and Bernstein).
 */
#ifndef NODENS_HASH_H
#define NODENS_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

uint64_t hash_sip13(const struct hash_key *key, const void *data, size_t len);

/* Of two words, as a keyed product folded onto itself: for tables by what is short and fixed (addresses,
 * ports, another keyed hash), where SipHash would be most of the cost. Nobody who does not know the key
 * can choose words that meet. */
static inline uint64_t hash_pair(const struct hash_key *key, uint64_t a, uint64_t b)
{
	__uint128_t p = (__uint128_t)(a ^ key->k0) * (b ^ key->k1);
	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* SHA-256 for digests of inputs and for kube-proxy's chain names (FIPS 180-4).
 * `hex` receives 64 digits and a NUL. */
void hash_sha256(const void *data, size_t len, uint8_t ret_digest[32]);
void hash_sha256_hex(const void *data, size_t len, char hex[65]);
/* Digest of a file's content; 0, ERR_SYS, or ERR_UNSUPPORTED: it is a pipe, a device or a folder. */
int hash_sha256_file(const char *path, char hex[65]);

#endif
