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

#define CANON_RECORDS_MAX 5957 /* of a section: no message has more, of 11 octets each */

struct canon_record {
	uint64_t hash; /* owner, type, class, data */
	uint32_t ttl;  /* seconds */
};
struct canon_set { /* sorted */
	struct canon_record record[CANON_RECORDS_MAX];
	size_t n;
};
struct canon {
	bool readable;
	uint16_t rcode, flags; /* flags without opcode and rcode */
	uint8_t opcode;
	bool edns, do_bit;
	uint16_t udp_size;
	bool has_question;
	bool same_spelling;    /* the question is spelt as it was asked */
	struct canon_set answer, authority;
};
void canon_read(struct canon *ret, const uint8_t *msg, size_t len, const uint8_t *asked, size_t asked_len);
bool canon_set_eq(const struct canon_set *a, const struct canon_set *b);

#endif
