/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two answers to one question: what differs, and what that means. A row a criterion;
 * each is `expected` (caches count TTLs down, rotate records), `benign` (nobody's
 * lookup fails of it) or a `defect`. A pair is counted once, under its worst row.
 */
#ifndef NODENS_JUDGE_COMPARE_H
#define NODENS_JUDGE_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum criterion {
	CMP_SAME,
	/* expected */
	CMP_TTL_LESS,   /* B's TTLs are less: a cache counts down */
	CMP_EDNS_SIZE,  /* sizes are each hop's own */
	CMP_SPELLING,   /* the question is not spelt as asked at one side (0x20) */
	/* benign */
	CMP_COPIED,     /* RD or CD, which are the question's */
	CMP_AA, CMP_RA, CMP_AD, CMP_EDNS, CMP_AUTHORITY, CMP_TTL_MORE,
	/* defects */
	CMP_TC, CMP_ANSWER, CMP_NODATA, CMP_RCODE,
	CMP_QUESTION,   /* what is asked is not repeated, or not as another operation: stubs drop that */
	CMP_UNREADABLE, CMP_SILENT_A, CMP_SILENT_B,
	N_CMP,
};
enum verdict_class { CLASS_SAME, CLASS_EXPECTED, CLASS_BENIGN, CLASS_DEFECT, N_CLASSES };

struct criterion_row {
	const char *name, *what;
	enum verdict_class is;
};
extern const struct criterion_row criteria[N_CMP];
extern const char *const class_names[N_CLASSES];

struct octets {
	const uint8_t *p; /* NULL: no answer */
	size_t n;
};
/* The worst criterion by which B differs from A. Neither answered: CMP_SAME. */
enum criterion compare_answers(struct octets asked, struct octets a, struct octets b);

#endif
