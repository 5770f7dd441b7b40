/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of Go's text/template that Corefiles use: fields, `index`, and
 * `parseInt`. Control flow and variables are refused when the Corefile is read.
 */
#ifndef NODENS_GOTEXT_H
#define NODENS_GOTEXT_H

#include "resolver/corefile/regex.h"
#include "resolver/plugins/plugins.h"

enum gotext_kind {
	GOTEXT_TEXT,
	GOTEXT_NAME,
	GOTEXT_ZONE,
	GOTEXT_TYPE,
	GOTEXT_CLASS,
	GOTEXT_REMOTE,
	GOTEXT_GROUP
};
struct gotext_part {
	enum gotext_kind kind;
	const char
		*text; /* TEXT: itself; GROUP: a name to be looked up in the regex that matched */
	int group;     /* GROUP without a name */
	int base;      /* parseInt: 2..36; 0: as it is */
};
struct gotext {
	size_t n;
	const char *source; /* as written */
	struct gotext_part *part;
};
struct gotext_values {
	const char *name, *zone, *type, *rclass, *remote;
	const struct cf_regex *regex;
	const struct cf_match *match; /* into name */
};

int gotext_compile(struct cf_setup *s, const struct cf_token *t, struct gotext *ret);
/* False when it does not fit or parseInt fails. */
bool gotext_run(const struct gotext *g, const struct gotext_values *v, char *buf, size_t cap);

#endif
