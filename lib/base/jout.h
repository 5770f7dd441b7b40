/* SPDX-License-Identifier: Apache-2.0 */
/* JSON written as it comes: members and items separate themselves. */
#ifndef NODENS_JOUT_H
#define NODENS_JOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JOUT_DEPTH 16

struct jout {
	FILE *out;
	int depth;
	bool more[JOUT_DEPTH]; /* something stands before, at this depth */
};
void jout_begin(struct jout *j, FILE *out, const char *schema); /* opens the outermost object */
void jout_end(struct jout *j);                                  /* and closes it, with a newline */
/* `key` NULL inside a list. */
void jout_open(struct jout *j, const char *key, char bracket); /* '{' or '[' */
void jout_close(struct jout *j, char bracket);                 /* '}' or ']' */
void jout_u64(struct jout *j, const char *key, uint64_t v);
void jout_f64(struct jout *j, const char *key, double v); /* null when not finite */
void jout_bool(struct jout *j, const char *key, bool v);
/* Octets: what is beyond ASCII is escaped one by one, for names of the wire. */
void jout_text(struct jout *j, const char *key, const char *v);
/* Words in UTF-8; what is not becomes U+FFFD. NULL: null. */
void jout_words(struct jout *j, const char *key, const char *v);

#endif
