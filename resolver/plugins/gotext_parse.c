/* SPDX-License-Identifier: Apache-2.0 */
/* Text and actions of templates read; see gotext.h. */
#include <string.h>

#include "resolver/plugins/gotext_parse.h"

static struct gotext_node *node_add(struct gotext_parse *p, struct gotext_list *l,
				    enum gotext_node_kind kind)
{
	struct gotext_node *n = arena_push(p->s->arena, &l->node, &l->n, sizeof(*n));

	if (!n) {
		cf_nomem(p->s);
		return NULL;
	}
	*n = (struct gotext_node){.kind = kind};
	return n;
}

static int text_add(struct gotext_parse *p, struct gotext_list *l, const char *text, size_t len)
{
	struct gotext_node *n;

	if (len == 0)
		return 0;
	n = node_add(p, l, GOTEXT_TEXT);
	if (!n)
		return ERR_NOMEM;
	n->text = arena_strn(p->s->arena, text, len);
	return n->text ? 0 : cf_nomem(p->s);
}

/* The text up to the next action, which is then ready to be read; *ret_more false:
 * there is none. {{- and -}} eat the blanks beside them. */
static int action_next(struct gotext_parse *p, struct gotext_list *l, bool *ret_more)
{
	const char *from = p->at + (p->trim ? strspn(p->at, " \t\r\n") : 0);
	const char *open = strstr(from, "{{"), *close = open ? strstr(open, "}}") : NULL;
	size_t len = open ? (size_t)(open - from) : strlen(from);
	bool left = open && open[2] == '-' && open[3] && strchr(" \t\r\n", open[3]);

	*ret_more = open != NULL;
	if (open && !close)
		return cf_error(p->s, p->tok, "'{{' without '}}' in '%s'", p->tok->text);
	while (left && len && strchr(" \t\r\n", from[len - 1]))
		len--;
	if (open) {
		p->trim = close > open + 3 && close[-1] == '-' && strchr(" \t\r\n", close[-2]);
		p->action = p->whole = open + 2 + left;
		p->end = close - p->trim;
		p->at = close + 2;
	}
	return text_add(p, l, from, len);
}

static int action_set(struct gotext_parse *p, struct gotext_list *l)
{
	const char *w = arena_strn(p->s->arena, p->action, gotext_word(p));
	struct gotext_expr *e;
	struct gotext_node *n;
	unsigned i = p->n_vars;

	p->action += gotext_word(p);
	bool is_new = gotext_word_take(p, ":=");

	if (!w || (!is_new && !gotext_word_take(p, "=")))
		return gotext_unsupported(p);
	while (!is_new && i > 0 && strcmp(p->var[i - 1], w) != 0)
		i--;
	if (!is_new && i-- == 0)
		return gotext_fault(p, "a variable that is not set before, by {{ $x := ... }}");
	e = gotext_pipeline(p);
	if (!e)
		return ERR_SYNTAX;
	if (!is_new && p->var_type[i] != e->type)
		return gotext_fault(p, "values of different types");
	if (i == GOTEXT_VARS_MAX)
		return gotext_fault(p, "more than 8 variables");
	n = node_add(p, l, GOTEXT_SET);
	if (!n)
		return ERR_NOMEM;
	n->expr = e;
	n->var = i;
	p->var[i] = w;
	p->var_type[i] = e->type;
	p->n_vars += is_new;
	return 0;
}

enum stop { STOP_TEXT, STOP_ELSE, STOP_END };

static int list_parse(struct gotext_parse *p, struct gotext_list *l, enum stop *ret);

/* What is behind `if`, up to its end. `else if` is an if inside the else. */
static int if_parse(struct gotext_parse *p, struct gotext_list *l)
{
	struct gotext_expr *e = gotext_pipeline(p);
	struct gotext_list then = {0}, other = {0};
	unsigned vars = p->n_vars;
	struct gotext_node *n;
	enum stop stop;
	int err = e ? 0 : ERR_SYNTAX;

	if (err == 0 && ++p->depth > GOTEXT_DEPTH_MAX)
		return gotext_fault(p, "nested too deep");
	if (err == 0)
		err = list_parse(p, &then, &stop);
	p->n_vars = vars; /* set inside: known there only */
	if (err == 0 && stop == STOP_ELSE) {
		if (gotext_word_take(p, "if")) {
			err = if_parse(p, &other);
			stop = STOP_END;
		} else {
			err = gotext_word(p) ? gotext_unsupported(p) : list_parse(p, &other, &stop);
		}
		p->n_vars = vars;
		if (err == 0 && stop == STOP_ELSE)
			return gotext_fault(p, "a second else");
	}
	p->depth--;
	if (err)
		return err;
	if (stop != STOP_END)
		return cf_error(p->s, p->tok, "'{{ if }}' without '{{ end }}' in '%s'",
				p->tok->text);
	n = node_add(p, l, GOTEXT_IF);
	if (!n)
		return ERR_NOMEM;
	n->expr = e;
	n->then = then;
	n->other = other;
	return 0;
}

static int action_parse(struct gotext_parse *p, struct gotext_list *l)
{
	struct gotext_node *n;
	struct gotext_expr *e;
	size_t len = gotext_word(p);

	if (len >= 2 && memcmp(p->action, "/*", 2) == 0)
		return 0;
	if (gotext_word_take(p, "if"))
		return if_parse(p, l);
	if (*p->action == '$' && len) {
		const char *from = p->action;

		p->action += len;
		bool sets = gotext_word_is(p, ":=") || gotext_word_is(p, "=");

		p->action = from;
		if (sets)
			return action_set(p, l);
	}
	e = gotext_pipeline(p);
	n = e ? node_add(p, l, GOTEXT_OUT) : NULL;
	if (!n)
		return ERR_SYNTAX;
	n->expr = e;
	return 0;
}

static int list_parse(struct gotext_parse *p, struct gotext_list *l, enum stop *ret)
{
	for (;;) {
		bool more;
		int err = action_next(p, l, &more);

		*ret = STOP_TEXT;
		if (err || !more)
			return err;
		*ret = gotext_word_take(p, "end")    ? STOP_END
		       : gotext_word_take(p, "else") ? STOP_ELSE
						     : STOP_TEXT;
		if (*ret == STOP_END && gotext_word(p))
			return gotext_unsupported(p);
		if (*ret != STOP_TEXT)
			return 0;
		err = action_parse(p, l);
		if (err)
			return err;
	}
}

int gotext_compile(struct cf_setup *s, const struct cf_token *t, struct gotext *ret)
{
	struct gotext_parse p = {.s = s, .tok = t, .at = t->text};
	struct gotext g = {0};
	enum stop stop;
	int err = list_parse(&p, &g.list, &stop);

	if (err == 0 && stop != STOP_TEXT)
		err = gotext_fault(&p, "there is no {{ if }} it belongs to");
	if (err == 0)
		*ret = g;
	return err;
}
