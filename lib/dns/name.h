/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain names in uncompressed wire form (RFC 1035 section 3.1): length octets
 * and labels up to and including the root's zero octet, 255 octets at most,
 * labels of 63 at most. Comparison ignores ASCII case (RFC 4343). A `const
 * uint8_t *` called a name is always a valid one: check it with name_check, or
 * get it from a parser that did.
 */
#ifndef NODENS_NAME_H
#define NODENS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/limits.h"

struct name {
	uint8_t len; /* octets used, root included: 1..255 */
	uint8_t b[NAME_MAX_WIRE];
};

/* Presentation form to wire form; a missing final dot is added. Understands
 * \X and \DDD. 0, ERR_SYNTAX (empty label, bad escape) or ERR_LIMIT (length). */
int name_from_text(struct name *ret, const char *text);
/* Writes presentation form with the final dot, returns its length without NUL;
 * `cap` of NAME_MAX_TEXT always suffices. Non-graphic octets become \DDD, and
 * dot, backslash and " ( ) ; @ $ inside labels get a backslash, so no blank or tab
 * can appear, and a master file reads the name as it is (RFC 1035 section 5.1). */
size_t name_to_text(const uint8_t *name, char *buf, size_t cap);

/* Length in octets of a well-formed uncompressed name within `max` octets,
 * or 0 if it is not one. */
size_t name_check(const uint8_t *b, size_t max);
size_t name_len(const uint8_t *name);      /* octets, root included */
unsigned name_labels(const uint8_t *name); /* without the root: "." is 0 */
bool name_eq(const uint8_t *a, const uint8_t *b);
bool name_eq_len(const uint8_t *a, const uint8_t *b, size_t len); /* of two that are both so long */
/* Equal to `zone`, or below it. Everything is below the root. */
bool name_within(const uint8_t *name, const uint8_t *zone);
bool name_within_len(const uint8_t *name, size_t len, const uint8_t *zone, size_t zone_len); /* so long are they */
/* One label up; the root's parent is the root. Points into `name`. */
const uint8_t *name_parent(const uint8_t *name);
/* The rightmost `n` labels; points into `name`. n may exceed its labels. */
const uint8_t *name_tail(const uint8_t *name, unsigned n_labels);
/* Lower-case copy; `ret` may be the source. Returns its length. */
size_t name_lower(uint8_t *ret, const uint8_t *name);
/* The same for one whose length is known. */
void name_fold(uint8_t *ret, const uint8_t *name, size_t len);
/* Letter i of a lower-case name becomes upper case if bit i % 64 is set. */
void name_spell(uint8_t *name, uint64_t bits);
void name_copy(struct name *ret, const uint8_t *name);
/* head without its root, then tail. 0, or ERR_LIMIT above 255 octets. */
int name_join(struct name *ret, const uint8_t *head, const uint8_t *tail);
/* Canonical order, RFC 4034 section 6.1: <0, 0, >0. */
int name_cmp(const uint8_t *a, const uint8_t *b);

#endif
