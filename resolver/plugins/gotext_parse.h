/* SPDX-License-Identifier: Apache-2.0 */
/* A template being read: gotext_expr.c the expressions, gotext_parse.c what is
 * around them. Both report what is wrong with the whole action. */
#ifndef NODENS_GOTEXT_PARSE_H
#define NODENS_GOTEXT_PARSE_H

#include "resolver/plugins/gotext.h"

struct gotext_parse {
	struct cf_setup *s;
	const struct cf_token *tok;
	const char *at;		  /* in the template */
	const char *action, *end; /* between the braces; what is being read begins at action */
	const char *whole;	  /* where the action began, for messages */
	bool trim;		  /* the last action ended in -}} */
	const char *var[GOTEXT_VARS_MAX];
	enum gotext_type var_type[GOTEXT_VARS_MAX];
	unsigned n_vars, depth;
};

/* Always ERR_SYNTAX. */
int gotext_fault(struct gotext_parse *p, const char *what);
int gotext_unsupported(struct gotext_parse *p);
/* Length of the next word, 0 at the end; strings come with their quotes. */
size_t gotext_word(struct gotext_parse *p);
bool gotext_word_is(struct gotext_parse *p, const char *w);
bool gotext_word_take(struct gotext_parse *p, const char *w);
/* The pipeline that ends an action; NULL: reported. */
struct gotext_expr *gotext_pipeline(struct gotext_parse *p);

#endif
