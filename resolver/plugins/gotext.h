/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of Go's text/template that makes records: fields, variables, if, the
 * comparing and printing functions, and CoreDNS's parseInt. There are no loops,
 * so a run takes no more steps than the text has parts. Every expression's type
 * is known when the Corefile is read; what Go would only find wrong when asked
 * (a name compared with a number) is refused there. gotext_parse.c and
 * gotext_expr.c read it, gotext.c runs it.
 */
#ifndef NODENS_GOTEXT_H
#define NODENS_GOTEXT_H

#include "resolver/corefile/regex.h"
#include "resolver/corefile/setup.h"

enum { GOTEXT_ARGS_MAX = 8, GOTEXT_VARS_MAX = 8, GOTEXT_DEPTH_MAX = 16 };

enum gotext_type { GOTEXT_STRING, GOTEXT_NUMBER, GOTEXT_BOOL, GOTEXT_GROUPS /* .Match, .Group */ };
enum gotext_op {
	GOTEXT_LITERAL, /* text or num */
	GOTEXT_NAME,
	GOTEXT_ZONE,
	GOTEXT_KIND, /* .Type */
	GOTEXT_CLASS,
	GOTEXT_REMOTE,
	GOTEXT_MATCHES, /* .Match and .Group as a whole: only index takes them */
	GOTEXT_NAMED,
	GOTEXT_VAR,   /* num: which */
	GOTEXT_INDEX, /* text: a group's name; NULL: num is its number */
	GOTEXT_PARSE_INT,
	GOTEXT_EQ, /* from here on functions */
	GOTEXT_NE,
	GOTEXT_LT,
	GOTEXT_LE,
	GOTEXT_GT,
	GOTEXT_GE,
	GOTEXT_AND,
	GOTEXT_OR,
	GOTEXT_NOT,
	GOTEXT_LEN,
	GOTEXT_PRINT,
	GOTEXT_PRINTF
};
struct gotext_expr {
	enum gotext_op op;
	enum gotext_type type;
	const char *text;
	int64_t num;
	size_t n;
	struct gotext_expr *arg[GOTEXT_ARGS_MAX];
};
struct gotext_list {
	size_t n;
	struct gotext_node *node;
};
enum gotext_node_kind { GOTEXT_TEXT, GOTEXT_OUT, GOTEXT_SET, GOTEXT_IF };
struct gotext_node {
	enum gotext_node_kind kind;
	const char *text;
	struct gotext_expr *expr;
	unsigned var;			/* SET */
	struct gotext_list then, other; /* IF */
};
struct gotext {
	struct gotext_list list;
	const char *source; /* as written */
};
struct gotext_values {
	const char *name, *zone, *type, *rclass, *remote;
	const struct cf_regex *regex;
	const struct cf_match *match; /* into name */
	bool trial; /* nothing is asked yet: groups and numbers are 1, conditions hold */
};

int gotext_compile(struct cf_setup *s, const struct cf_token *t, struct gotext *ret);
/* False when it does not fit or parseInt fails. */
bool gotext_run(const struct gotext *g, const struct gotext_values *v, char *buf, size_t cap);
/* A query decides nothing of it but perhaps names. */
bool gotext_is_fixed(const struct gotext *g);

#endif
