/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of `rewrite`, as text on lower-case names with their final dot, which is
 * how CoreDNS defines them. rewrite_rules.c reads them, rewrite.c applies them.
 */
#ifndef NODENS_REWRITE_RULES_H
#define NODENS_REWRITE_RULES_H

#include "resolver/corefile/regex.h"
#include "resolver/corefile/setup.h"
#include "resolver/plugins/rewrite_edns0.h"

enum { REWRITE_ANSWERS_MAX = 4 };

enum rewrite_field {
	REWRITE_NAME,
	REWRITE_TYPE,
	REWRITE_CLASS,
	REWRITE_TTL,
	REWRITE_RCODE,
	REWRITE_EDNS0,
	REWRITE_CNAME
};
enum rewrite_match {
	REWRITE_EXACT,
	REWRITE_PREFIX,
	REWRITE_SUFFIX,
	REWRITE_SUBSTRING,
	REWRITE_REGEX
};
struct rewrite_answer { /* answer name|value FROM TO */
	bool is_value;
	const struct cf_regex *from;
	const char *to;
};
struct rewrite_rule {
	enum rewrite_field field;
	enum rewrite_match match;
	bool goes_on;	       /* continue */
	bool is_auto;	       /* answers are mapped back */
	const char *from, *to; /* names; `to` may hold {1} */
	const struct cf_regex *regex;
	uint16_t from_value, to_value; /* type, class, rcode */
	uint32_t ttl_min_s, ttl_max_s;
	size_t n_answers;
	struct rewrite_answer answer[REWRITE_ANSWERS_MAX];
	struct rewrite_edns0 edns0;
};

/* One rule from its words, from tok[0] (continue, stop or a field) on. */
int rewrite_rule_read(struct cf_setup *s, const struct cf_token *tok, size_t n,
		      struct rewrite_rule *ret);

#endif
