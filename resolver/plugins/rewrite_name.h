/* SPDX-License-Identifier: Apache-2.0 */
/* Names as text, what a rewrite rule sees in one and makes of it (rewrite_name.c).
 * Buffers hold NAME_MAX_TEXT; false: the result does not fit, unless said otherwise. */
#ifndef NODENS_REWRITE_NAME_H
#define NODENS_REWRITE_NAME_H

#include "resolver/plugins/rewrite_rules.h"

/* Appends at *at, which moves on. */
bool rewrite_text_add(char *buf, size_t *at, const char *s, size_t len);
/* `to` with {n} filled from the groups of a match in `src`. */
bool rewrite_text_fill(char *buf, const char *to, const char *src, const struct cf_match *m);
bool rewrite_ends_with(const char *s, const char *end);
/* Does the rule apply to the name? *m is filled by a REWRITE_REGEX only. */
bool rewrite_matches(const struct rewrite_rule *r, const char *name, struct cf_match *m);
/* The name that a matching rule makes of `name`. */
bool rewrite_name(const struct rewrite_rule *r, const char *name, const struct cf_match *m, char *buf);

#endif
