/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer as what it says: records with names expanded and in lower case, in no
 * order, so that compression, rotation and 0x20 make no difference.
 */
#ifndef NODENS_JUDGE_CANON_H
#define NODENS_JUDGE_CANON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CANON_RECORDS_MAX 256 /* of a section; what follows is not looked at, and told */

struct canon_set { /* sorted */
	uint64_t hash[CANON_RECORDS_MAX]; /* owner, type, class, data */
	size_t n;
	uint32_t ttl_min, ttl_max; /* seconds; 0 when empty */
};
struct canon {
	bool readable;
	uint16_t rcode, flags; /* flags without opcode and rcode */
	uint8_t opcode;
	bool edns, do_bit;
	uint16_t udp_size;
	bool same_spelling;    /* the question is spelt as it was asked */
	bool too_many;
	struct canon_set answer, authority;
};
void canon_read(struct canon *ret, const uint8_t *msg, size_t len, const uint8_t *asked, size_t asked_len);
bool canon_set_eq(const struct canon_set *a, const struct canon_set *b);

#endif
