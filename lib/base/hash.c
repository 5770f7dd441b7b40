/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256, written from its description: FIPS 180-4 section 6.2. SipHash is in sip.h.
 */
#include "lib/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/base/hot.h"
#include "lib/base/sip.h"

HOT uint64_t hash_sip13(const struct hash_key *key, const void *data, size_t len)
{
	return sip13(key, data, len);
}

/* --- SHA-256 --- */

struct sha256 {
	uint32_t h[8];
	uint64_t total;
	uint8_t block[64]; /* the first total % 64 octets are waiting */
};

static const uint32_t sha256_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static inline uint32_t rotr32(uint32_t x, int k)
{
	return x >> k | x << (32 - k);
}

static void sha256_schedule(uint32_t w[64], const uint8_t *block)
{
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
		       (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = (rotr32(b, 17) ^ rotr32(b, 19) ^ b >> 10) + w[i - 7] +
		       (rotr32(a, 7) ^ rotr32(a, 18) ^ a >> 3) + w[i - 16];
	}
}

static void sha256_block(struct sha256 *s, const uint8_t *block)
{
	uint32_t w[64], v[8];

	sha256_schedule(w, block);
	memcpy(v, s->h, sizeof(v));
	for (int i = 0; i < 64; i++) {
		uint32_t e = v[4], a = v[0];
		uint32_t t1 = v[7] + (rotr32(e, 6) ^ rotr32(e, 11) ^ rotr32(e, 25)) +
			      ((e & v[5]) ^ (~e & v[6])) + sha256_k[i] + w[i];
		uint32_t t2 = (rotr32(a, 2) ^ rotr32(a, 13) ^ rotr32(a, 22)) +
			      ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		s->h[i] += v[i];
}

static void sha256_init(struct sha256 *s)
{
	static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	memcpy(s->h, start, sizeof(start));
	s->total = 0;
}

static void sha256_add(struct sha256 *s, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t have = s->total % 64;
		size_t n = 64 - have < len ? 64 - have : len;

		memcpy(s->block + have, p, n);
		s->total += n;
		p += n;
		len -= n;
		if (have + n == 64)
			sha256_block(s, s->block);
	}
}

static void sha256_finish(struct sha256 *s, uint8_t ret_digest[32])
{
	static const uint8_t pad[64] = {0x80};
	uint64_t bits = s->total * 8;
	uint8_t tail[8];

	sha256_add(s, pad, 1 + (119 - s->total % 64) % 64);
	for (int i = 0; i < 8; i++)
		tail[i] = (uint8_t)(bits >> (56 - 8 * i));
	sha256_add(s, tail, sizeof(tail));
	for (int i = 0; i < 32; i++)
		ret_digest[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

void hash_sha256(const void *data, size_t len, uint8_t ret_digest[32])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, data, len);
	sha256_finish(&s, ret_digest);
}

static void hex_write(const uint8_t digest[32], char hex[65])
{
	for (int i = 0; i < 32; i++) {
		hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
	hex[64] = 0;
}

void hash_sha256_hex(const void *data, size_t len, char hex[65])
{
	uint8_t digest[32];

	hash_sha256(data, len, digest);
	hex_write(digest, hex);
}

int hash_sha256_file(const char *path, char hex[65])
{
	uint8_t buf[16384], digest[32];
	struct sha256 s;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return ERR_SYS;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) { /* a pipe is read once, a device may have no end */
		close(fd);
		return ERR_UNSUPPORTED;
	}
	sha256_init(&s);
	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		sha256_add(&s, buf, (size_t)n);
	}
	close(fd);
	if (n < 0)
		return ERR_SYS;
	sha256_finish(&s, digest);
	hex_write(digest, hex);
	return 0;
}
