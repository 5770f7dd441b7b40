/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions of the Corefile. CoreDNS uses RE2, whose time is linear;
 * PCRE2 reads the same syntax and more, and is held by match limits instead: a
 * pattern that would run away does not match.
 */
#ifndef NODENS_CF_REGEX_H
#define NODENS_CF_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

enum { CF_PATTERN_MAX = 10000, CF_GROUPS_MAX = 16 };

struct cf_regex;
struct cf_match {
	size_t n; /* groups, the whole match (0) included */
	struct {
		size_t start, end; /* start == end == SIZE_MAX: did not take part */
	} g[CF_GROUPS_MAX];
};

/* ERR_SYNTAX with PCRE2's words and the offset in the diag. */
int cf_regex_new(struct cf_regex **ret, const char *pattern, struct diag *d);
void cf_regex_free(struct cf_regex *r);
/* One thread at a time per regex; `ret` may be NULL. */
bool cf_regex_exec(const struct cf_regex *r, const char *text, size_t len, struct cf_match *ret);
/* Number of a named group, or -1. */
int cf_regex_group(const struct cf_regex *r, const char *name);
int cf_regex_groups(const struct cf_regex *r); /* highest group number */

#endif
