/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of `rewrite`, as text on lower-case names with their final dot, which is
 * how CoreDNS defines them. rewrite_rules.c reads them, rewrite.c applies them.
 */
#ifndef NODENS_REWRITE_H
#define NODENS_REWRITE_H

#include "resolver/corefile/regex.h"
#include "resolver/plugins/plugins.h"

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
enum edns0_action { EDNS0_SET, EDNS0_APPEND, EDNS0_REPLACE, EDNS0_UNSET };
enum edns0_source { /* of an option's data */
	EDNS0_DATA,
	EDNS0_QNAME,
	EDNS0_QTYPE,
	EDNS0_CLIENT_IP,
	EDNS0_SERVER_IP,
	EDNS0_CLIENT_PORT,
	EDNS0_SERVER_PORT,
	EDNS0_PROTOCOL,
	EDNS0_CLIENT_SUBNET
};
struct rewrite_edns0 {
	enum edns0_action action;
	enum edns0_source source;
	bool is_local;
	uint16_t code;
	uint8_t len, v4_bits, v6_bits;
	const uint8_t *data;
};
enum { EDNS0_OPTIONS_MAX = 8 };
struct edns0_list { /* options of one question */
	size_t n;
	struct edns0_option {
		uint16_t code;
		uint8_t len, data[UINT8_MAX];
	} opt[EDNS0_OPTIONS_MAX];
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
struct rewrite {
	struct plugin_step step;
	size_t n;
	struct rewrite_rule *rule;
};

/* One rule from its words, from tok[0] (continue, stop or a field) on. */
int rewrite_rule_read(struct cf_setup *s, const struct cf_token *tok, size_t n,
		      struct rewrite_rule *ret);

/* The words after `edns0`. ERR_UNSUPPORTED: warned of, leave the rule out. */
int edns0_read(struct cf_setup *s, const struct cf_token *tok, size_t n, struct rewrite_edns0 *e);
/* Does the rule apply? If so, what it does to the list (NULL: only tell). */
bool edns0_apply(const struct rewrite_edns0 *e, const struct plugin_query *q, struct edns0_list *l);
void edns0_put(const struct edns0_list *l, struct wire_out *o);

#endif
