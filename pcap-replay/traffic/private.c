/* SPDX-License-Identifier: Apache-2.0 */
/* Each bit of an address is turned by a keyed hash of the bits before it; each label's letters are a keyed hash of the label. */
#include "pcap-replay/traffic/private.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/file.h"

int private_key(struct hash_key *ret, const char *path, struct diag *d)
{
	uint8_t octets[4096], digest[32];
	FILE *f = file_open(path, d);
	if (!f)
		return ERR_SYS;
	size_t n = fread(octets, 1, sizeof(octets), f);
	int bad = ferror(f);
	fclose(f);
	if (bad || n < 16)
		return diag_set(d, ERR_SHORT, "%s: expected at least 16 octets that nobody knows, found %zu", path, n);
	hash_sha256(octets, n, digest);
	memcpy(&ret->k0, digest, 8);
	memcpy(&ret->k1, digest + 8, 8);
	return 0;
}

void private_label(const struct hash_key *k, uint8_t *label, const uint8_t *lower)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t in[65];
	uint64_t h = 0;
	memcpy(in + 1, lower, lower[0] + 1u);
	unsigned first = label[1] == '_' ? 1 : 0; /* _dns._udp keeps its form */
	for (unsigned i = first; i < label[0]; i++) {
		if ((i - first) % 12 == 0) {
			in[0] = (uint8_t)i;
			h = hash_sip13(k, in, lower[0] + 2u);
		}
		label[1 + i] = (uint8_t)letters[h & 31];
		h >>= 5;
	}
}

void private_name(const struct hash_key *k, struct name *n, const struct name *keep, size_t n_keep)
{
	uint8_t lower[NAME_MAX_WIRE];
	unsigned labels = name_labels(n->b), kept = 0;
	for (size_t i = 0; i < n_keep; i++)
		if (name_within(n->b, keep[i].b) && name_labels(keep[i].b) > kept)
			kept = name_labels(keep[i].b);
	name_lower(lower, n->b);
	size_t at = 0;
	for (; labels > kept; labels--) {
		size_t step = n->b[at] + 1u;
		private_label(k, n->b + at, lower + at);
		at += step;
	}
}

void private_ip(const struct hash_key *k, struct in6_addr *ip)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(ip);
	struct in6_addr was = *ip;
	uint8_t in[18];
	if (IN6_IS_ADDR_UNSPECIFIED(ip))
		return;
	for (unsigned bit = v4 ? 96 : 0; bit < 128; bit++) {
		memset(in, 0, sizeof(in));
		memcpy(in, &was, bit / 8);
		if (bit % 8)
			in[bit / 8] = was.s6_addr[bit / 8] & (uint8_t)(0xff00 >> bit % 8);
		in[16] = (uint8_t)bit;
		in[17] = v4;
		if (hash_sip13(k, in, sizeof(in)) & 1)
			ip->s6_addr[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
}
