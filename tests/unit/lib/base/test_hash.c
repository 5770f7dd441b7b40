/* SPDX-License-Identifier: Apache-2.0 */
/* Published vectors: SipHash-1-3's first and FIPS 180-4's examples; lengths round block borders. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/base/hash.h"

static const struct hash_key counting_key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

Test(hash, sip13_vectors)
{
	/* Messages 00, 0001, 000102, ... as in the reference's test table. */
	static const struct {
		size_t len;
		uint64_t want;
	} row[] = {
		{0, 0xabac0158050fc4dcu},
		{1, 0xc9f49bf37d57ca93u},
		{15, 0xd320d86d2a519956u},
	};
	uint8_t data[16];

	for (int i = 0; i < 16; i++)
		data[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		cr_expect_eq(hash_sip13(&counting_key, data, row[i].len), row[i].want,
			     "length %zu: %016lx", row[i].len,
			     (unsigned long)hash_sip13(&counting_key, data, row[i].len));
}

Test(hash, sip13_depends_on_key_and_each_octet)
{
	struct hash_key other = {counting_key.k0, counting_key.k1 ^ 1};
	uint8_t data[40] = {0};
	uint64_t h = hash_sip13(&counting_key, data, sizeof(data));

	cr_assert_neq(h, hash_sip13(&other, data, sizeof(data)));
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = 1;
		cr_assert_neq(h, hash_sip13(&counting_key, data, sizeof(data)), "octet %zu", i);
		data[i] = 0;
	}
}

Test(hash, sha256_vectors)
{
	static const struct {
		const char *text, *want;
	} row[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	char hex[65];

	for (size_t i = 0; i < 3; i++) {
		hash_sha256_hex(row[i].text, strlen(row[i].text), hex);
		cr_assert_str_eq(hex, row[i].want);
	}
}

Test(hash, sha256_of_a_file_equals_that_of_its_bytes)
{
	char path[] = "/tmp/test_hash.XXXXXX", hex[65], want[65];
	char *data = malloc(50000);
	int fd = mkstemp(path);

	for (int i = 0; i < 50000; i++)
		data[i] = (char)(i * 7);
	cr_assert_eq(write(fd, data, 50000), 50000);
	close(fd);
	hash_sha256_hex(data, 50000, want);
	cr_assert_eq(hash_sha256_file(path, hex), 0);
	cr_assert_str_eq(hex, want);
	unlink(path);
	free(data);
	cr_assert_eq(hash_sha256_file(path, hex), ERR_SYS);
	cr_assert_eq(hash_sha256_file("/", hex), ERR_UNSUPPORTED);
	cr_assert_eq(hash_sha256_file("/dev/zero", hex), ERR_UNSUPPORTED, "which has no end");
}

Test(hash, sha256_at_every_length_round_a_block)
{
	/* Padding moves to a second block at 56 octets; each length must give
	 * another digest, and 55, 56, 64 the known ones for 'a'. */
	static const struct {
		size_t len;
		const char *start;
	} row[] = {{55, "9f4390f8"}, {56, "b35439a4"}, {64, "ffe054fe"}};
	char text[65], hex[65];

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < 3; i++) {
		hash_sha256_hex(text, row[i].len, hex);
		cr_assert_eq(strncmp(hex, row[i].start, 8), 0, "%zu: %s", row[i].len, hex);
	}
}
