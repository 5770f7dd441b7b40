/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions of templates read, their types checked; see gotext.h. */
#include <stdlib.h>
#include <string.h>

#include "resolver/plugins/gotext_parse.h"

#define EXPECTED                                                                                   \
	"expected .Name, .Zone, .Type, .Class, .Remote, .Group.x, index .Match N, "                \
	"index .Group \"x\", $variable, a literal, parseInt, eq, ne, lt, le, gt, ge, "             \
	"and, or, not, len, print, printf, if, else or end"

static const struct {
	const char *name;
	enum gotext_op op;
	uint8_t min, max;
} functions[] = {
	{"eq", GOTEXT_EQ, 2, GOTEXT_ARGS_MAX},
	{"ne", GOTEXT_NE, 2, 2},
	{"lt", GOTEXT_LT, 2, 2},
	{"le", GOTEXT_LE, 2, 2},
	{"gt", GOTEXT_GT, 2, 2},
	{"ge", GOTEXT_GE, 2, 2},
	{"and", GOTEXT_AND, 1, GOTEXT_ARGS_MAX},
	{"or", GOTEXT_OR, 1, GOTEXT_ARGS_MAX},
	{"not", GOTEXT_NOT, 1, 1},
	{"len", GOTEXT_LEN, 1, 1},
	{"print", GOTEXT_PRINT, 1, GOTEXT_ARGS_MAX},
	{"printf", GOTEXT_PRINTF, 1, GOTEXT_ARGS_MAX},
	{"index", GOTEXT_INDEX, 2, 2},
	{"parseInt", GOTEXT_PARSE_INT, 3, 3},
};
static const struct {
	const char *name;
	enum gotext_op op;
} fields[] = {{".Name", GOTEXT_NAME},	  {".Question.Name", GOTEXT_NAME},
	      {".Zone", GOTEXT_ZONE},	  {".Type", GOTEXT_KIND},
	      {".Class", GOTEXT_CLASS},	  {".Remote", GOTEXT_REMOTE},
	      {".Match", GOTEXT_MATCHES}, {".Group", GOTEXT_NAMED}};

int gotext_fault(struct gotext_parse *p, const char *what)
{
	return cf_error(p->s, p->tok, "template expression '{{%.*s}}': %s",
			(int)(p->end - p->whole), p->whole, what);
}

/* Any use of what is not known. */
int gotext_unsupported(struct gotext_parse *p)
{
	return cf_error(p->s, p->tok, "template expression '{{%.*s}}' is not supported: " EXPECTED,
			(int)(p->end - p->whole), p->whole);
}

static void blanks_skip(struct gotext_parse *p)
{
	while (p->action < p->end && strchr(" \t\r\n", *p->action))
		p->action++;
}

/* The next word; 0 at the end. Strings come with their quotes. */
size_t gotext_word(struct gotext_parse *p)
{
	blanks_skip(p);
	const char *from = p->action;
	size_t left = (size_t)(p->end - from), n = 0;

	if (left == 0)
		return 0;
	if (strchr("()|", *from))
		return 1;
	if (*from == '"' || *from == '`') {
		for (n = 1; n < left && from[n] != *from; n++)
			n += *from == '"' && from[n] == '\\' && n + 1 < left;
		return n < left ? n + 1 : left;
	}
	while (n < left && !strchr(" \t\r\n()|\"`", from[n]))
		n++;
	return n;
}

bool gotext_word_is(struct gotext_parse *p, const char *w)
{
	size_t n = gotext_word(p);

	return n && n == strlen(w) && memcmp(p->action, w, n) == 0;
}

bool gotext_word_take(struct gotext_parse *p, const char *w)
{
	if (!gotext_word_is(p, w))
		return false;
	p->action += strlen(w);
	return true;
}

static struct gotext_expr *expr_new(struct gotext_parse *p, enum gotext_op op,
				    enum gotext_type type)
{
	struct gotext_expr *e = arena_alloc(p->s->arena, sizeof(*e));

	if (!e) {
		cf_nomem(p->s);
		return NULL;
	}
	*e = (struct gotext_expr){.op = op, .type = type};
	return e;
}

static const char *string_read(struct gotext_parse *p, const char *w, size_t n)
{
	char *text;
	size_t len = 0;

	if (n < 2 || w[n - 1] != w[0])
		return NULL;
	text = arena_strn(p->s->arena, w + 1, n - 2);
	for (const char *c = text; text && *w == '"' && *c; c++) {
		c += *c == '\\' && c[1]; /* \" and \\ */
		text[len++] = *c;
	}
	if (text && *w == '"')
		text[len] = 0;
	return text;
}

static struct gotext_expr *operand_named(struct gotext_parse *p, const char *w)
{
	struct gotext_expr *e;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(w, fields[i].name) == 0)
			return expr_new(p, fields[i].op,
					fields[i].op == GOTEXT_MATCHES ||
							fields[i].op == GOTEXT_NAMED
						? GOTEXT_GROUPS
						: GOTEXT_STRING);
	if (strncmp(w, ".Group.", 7) == 0 && w[7]) {
		e = expr_new(p, GOTEXT_INDEX, GOTEXT_STRING);
		if (e)
			e->text = w + 7;
		return e;
	}
	for (unsigned i = p->n_vars; *w == '$' && i-- > 0;)
		if (strcmp(w, p->var[i]) == 0) {
			e = expr_new(p, GOTEXT_VAR, p->var_type[i]);
			if (e)
				e->num = i;
			return e;
		}
	if (*w == '$')
		gotext_fault(p, "a variable that is not set before, by {{ $x := ... }}");
	else
		gotext_unsupported(p);
	return NULL;
}

static struct gotext_expr *pipeline(struct gotext_parse *p);

/* A field, variable, literal, or a pipeline in parentheses. */
static struct gotext_expr *operand(struct gotext_parse *p)
{
	size_t n = gotext_word(p);
	const char *w = arena_strn(p->s->arena, p->action, n);
	struct gotext_expr *e;
	char *end;

	if (!w || n == 0) {
		gotext_fault(p, "something is missing at its end");
		return NULL;
	}
	if (gotext_word_take(p, "(")) {
		if (++p->depth > GOTEXT_DEPTH_MAX) {
			gotext_fault(p, "nested too deep");
			return NULL;
		}
		e = pipeline(p);
		p->depth--;
		if (e && !gotext_word_take(p, ")")) {
			gotext_fault(p, "'(' without ')'");
			return NULL;
		}
		return e;
	}
	p->action += n;
	if (*w == '"' || *w == '`') {
		e = expr_new(p, GOTEXT_LITERAL, GOTEXT_STRING);
		if (e && !(e->text = string_read(p, w, n))) {
			gotext_fault(p, "a string that does not end");
			return NULL;
		}
		return e;
	}
	if (strcmp(w, "true") == 0 || strcmp(w, "false") == 0) {
		e = expr_new(p, GOTEXT_LITERAL, GOTEXT_BOOL);
		if (e)
			e->num = *w == 't';
		return e;
	}
	if (*w < '0' || *w > '9')
		return operand_named(p, w);
	e = expr_new(p, GOTEXT_LITERAL, GOTEXT_NUMBER);
	if (e)
		e->num = strtoll(w, &end, 10);
	if (e && (*end || e->num == INT64_MAX)) {
		gotext_unsupported(p);
		return NULL;
	}
	return e;
}

/* --- functions and the types of their arguments --- */

static bool prints(const struct gotext_expr *e)
{
	bool yes = e->op == GOTEXT_PRINT || e->op == GOTEXT_PRINTF;

	for (size_t i = 0; i < e->n && !yes; i++)
		yes = prints(e->arg[i]);
	return yes;
}

/* NULL, or what is wrong with a printf. */
static const char *format_fault(const struct gotext_expr *e)
{
	size_t next = 1;

	if (e->arg[0]->op != GOTEXT_LITERAL || e->arg[0]->type != GOTEXT_STRING)
		return "printf needs its format as a string";
	for (const char *f = e->arg[0]->text; *f; f++) {
		char *end;

		if (*f != '%')
			continue;
		if (*++f == '%')
			continue;
		if (strtoul(f, &end, 10) > 64)
			return "printf: a width above 64";
		f = end;
		if (!*f || !strchr("svdxX", *f))
			return "printf knows %s, %v, %d, %x, %X and %%";
		if (next >= e->n)
			return "printf has fewer values than its format";
		if (*f != 'v' && (*f == 's') != (e->arg[next]->type == GOTEXT_STRING))
			return "printf: a value that is not of its format's type";
		next++;
	}
	return next < e->n ? "printf has more values than its format" : NULL;
}

static const char *index_fault(struct gotext_expr *e)
{
	const struct gotext_expr *of = e->arg[0], *at = e->arg[1];
	bool by_name = of->op == GOTEXT_NAMED;

	if (of->type != GOTEXT_GROUPS || at->op != GOTEXT_LITERAL ||
	    at->type != (by_name ? GOTEXT_STRING : GOTEXT_NUMBER))
		return "expected index .Match N or index .Group \"x\"";
	if (!by_name && at->num >= CF_GROUPS_MAX)
		return "there are at most 15 groups";
	e->text = at->text;
	e->num = at->num;
	return NULL;
}

static const char *call_fault(struct gotext_expr *e)
{
	bool compares = e->op >= GOTEXT_EQ && e->op <= GOTEXT_GE;
	bool printing = e->op == GOTEXT_PRINT || e->op == GOTEXT_PRINTF;

	if (e->op == GOTEXT_INDEX)
		return index_fault(e);
	for (size_t i = 0; i < e->n; i++) {
		if (e->arg[i]->type == GOTEXT_GROUPS)
			return "of .Match and .Group only index takes something";
		if ((compares || e->op == GOTEXT_AND || e->op == GOTEXT_OR) &&
		    e->arg[i]->type != e->arg[0]->type)
			return "values of different types";
		if (printing && prints(e->arg[i]))
			return "print and printf cannot stand inside one another: set a variable";
	}
	if (e->op == GOTEXT_PARSE_INT &&
	    (e->arg[0]->type != GOTEXT_STRING || e->arg[1]->op != GOTEXT_LITERAL ||
	     e->arg[2]->op != GOTEXT_LITERAL || e->arg[1]->num < 2 || e->arg[1]->num > 36 ||
	     e->arg[2]->num > 64))
		return "expected parseInt TEXT BASE BITS, BASE from 2 to 36, BITS up to 64";
	if (e->op == GOTEXT_LEN && e->arg[0]->type != GOTEXT_STRING)
		return "len takes a string";
	return e->op == GOTEXT_PRINTF ? format_fault(e) : NULL;
}

static enum gotext_type call_type(const struct gotext_expr *e)
{
	switch (e->op) {
	case GOTEXT_AND:
	case GOTEXT_OR:
		return e->arg[0]->type;
	case GOTEXT_LEN:
	case GOTEXT_PARSE_INT:
		return GOTEXT_NUMBER;
	case GOTEXT_INDEX:
	case GOTEXT_PRINT:
	case GOTEXT_PRINTF:
		return GOTEXT_STRING;
	default:
		return GOTEXT_BOOL;
	}
}

/* FUNCTION ARG... with `last`, what came through a pipe, behind them; or OPERAND. */
static struct gotext_expr *command(struct gotext_parse *p, struct gotext_expr *last)
{
	size_t i = 0, n_functions = sizeof(functions) / sizeof(functions[0]);
	struct gotext_expr *e;
	const char *wrong;

	while (i < n_functions && !gotext_word_take(p, functions[i].name))
		i++;
	if (i == n_functions && last) {
		gotext_fault(p, "expected a function after '|'");
		return NULL;
	}
	if (i == n_functions)
		return operand(p);
	e = expr_new(p, functions[i].op, GOTEXT_BOOL);
	while (e && gotext_word(p) && !gotext_word_is(p, ")") && !gotext_word_is(p, "|")) {
		if (e->n + (last != NULL) == functions[i].max) {
			gotext_fault(p, "a function with too many arguments");
			return NULL;
		}
		e->arg[e->n] = operand(p);
		if (!e->arg[e->n++])
			return NULL;
	}
	if (e && last)
		e->arg[e->n++] = last;
	if (e && e->n < functions[i].min) {
		gotext_fault(p, "a function with too few arguments");
		return NULL;
	}
	wrong = e ? call_fault(e) : NULL;
	if (wrong) {
		gotext_fault(p, wrong);
		return NULL;
	}
	if (e)
		e->type = call_type(e);
	return e;
}

static struct gotext_expr *pipeline(struct gotext_parse *p)
{
	struct gotext_expr *e = command(p, NULL);

	while (e && gotext_word_take(p, "|"))
		e = command(p, e);
	return e;
}

/* The pipeline that ends an action. */
struct gotext_expr *gotext_pipeline(struct gotext_parse *p)
{
	struct gotext_expr *e = pipeline(p);

	if (e && e->type == GOTEXT_GROUPS) {
		gotext_fault(p, "of .Match and .Group only index takes something");
		return NULL;
	}
	if (e && gotext_word(p)) {
		gotext_unsupported(p);
		return NULL;
	}
	return e;
}
