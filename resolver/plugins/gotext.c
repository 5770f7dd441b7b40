/* SPDX-License-Identifier: Apache-2.0 */
/* Templates run; see gotext.h. */
#include "resolver/plugins/gotext.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SCRATCH = 2048 };

struct value {
	const char *s; /* a string's octets */
	size_t len;
	int64_t n; /* a number, or a truth */
};
struct run {
	const struct gotext_values *v;
	char *buf;
	size_t len, cap;
	size_t scratch_len;
	struct value var[GOTEXT_VARS_MAX];
	char scratch[SCRATCH]; /* strings made by print and printf */
};

static bool eval(struct run *r, const struct gotext_expr *e, struct value *ret);

static struct value string_of(const char *s)
{
	return (struct value){.s = s, .len = strlen(s)};
}

static bool truth(const struct gotext_expr *e, const struct value *v)
{
	return e->type == GOTEXT_STRING ? v->len > 0 : v->n != 0;
}

static struct value group_of(const struct gotext_values *v, const struct gotext_expr *e)
{
	int g = (int)e->num;
	char *end;

	if (v->trial)
		return string_of("1");
	if (e->text) {
		g = v->regex ? cf_regex_group(v->regex, e->text) : -1;
		if (g < 0 && e->text[0] >= '0' && e->text[0] <= '9')
			g = (int)strtol(e->text, &end, 10);
	}
	if (!v->match || g < 0 || (size_t)g >= v->match->n || v->match->g[g].start == SIZE_MAX)
		return string_of("");
	return (struct value){.s = v->name + v->match->g[g].start,
			      .len = v->match->g[g].end - v->match->g[g].start};
}

/* strconv.ParseUint: digits only, of so many bits. */
static bool parse_int(const struct gotext_values *v, const struct value *s, int64_t base,
		      int64_t bits, struct value *ret)
{
	uint64_t n = 0, most = bits > 0 && bits < 63 ? (1ull << bits) - 1 : INT64_MAX;

	*ret = (struct value){.n = 1};
	if (v->trial)
		return true;
	for (size_t i = 0; i < s->len; i++) {
		char c = s->s[i], low = c | 32;
		unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : low >= 'a' && low <= 'z' ? (unsigned)(low - 'a') + 10 : UINT_MAX;

		if (digit >= base || digit > most || n > (most - digit) / (uint64_t)base)
			return false;
		n = n * (uint64_t)base + digit;
	}
	if (!s->len)
		return false;
	ret->n = (int64_t)n;
	return true;
}

static int order(const struct gotext_expr *e, const struct value *a, const struct value *b)
{
	if (e->type != GOTEXT_STRING)
		return a->n < b->n ? -1 : a->n > b->n;
	size_t n = a->len < b->len ? a->len : b->len;
	int c = n ? memcmp(a->s, b->s, n) : 0;

	return c ? c : a->len < b->len ? -1 : a->len > b->len;
}

/* eq may have several to compare with: any will do. */
static bool compare(struct run *r, const struct gotext_expr *e, struct value *ret)
{
	struct value a, b;

	*ret = (struct value){.n = 0};
	if (!eval(r, e->arg[0], &a))
		return false;
	for (size_t i = 1; i < e->n && !ret->n; i++) {
		if (!eval(r, e->arg[i], &b))
			return false;
		int c = order(e->arg[0], &a, &b);

		ret->n = e->op == GOTEXT_EQ   ? c == 0
			 : e->op == GOTEXT_NE ? c != 0
			 : e->op == GOTEXT_LT ? c < 0
			 : e->op == GOTEXT_LE ? c <= 0
			 : e->op == GOTEXT_GT ? c > 0
					      : c >= 0;
	}
	return true;
}

/* --- printing --- */

static bool scratch_add(struct run *r, const char *s, size_t len)
{
	if (r->scratch_len + len > sizeof(r->scratch))
		return false;
	memcpy(r->scratch + r->scratch_len, s, len);
	r->scratch_len += len;
	return true;
}

/* At least `width` wide, filled up with `fill` on the left. */
static bool print_value(struct run *r, enum gotext_type type, const struct value *v, unsigned base,
			bool upper, unsigned width, char fill)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef", *s = v->s;
	char number[24];
	size_t len = v->len;

	if (type == GOTEXT_NUMBER) {
		size_t at = sizeof(number);
		uint64_t n = (uint64_t)v->n; /* never negative: literals and parseInt */

		do
			number[--at] = digits[n % base];
		while (n /= base);
		s = number + at;
		len = sizeof(number) - at;
	} else if (type == GOTEXT_BOOL) {
		s = v->n ? "true" : "false";
		len = strlen(s);
	}
	for (size_t i = len; i < width; i++)
		if (!scratch_add(r, &fill, 1))
			return false;
	return scratch_add(r, s, len);
}

/* The format was looked through when it was read. */
static bool print_format(struct run *r, const struct gotext_expr *e)
{
	size_t next = 1;

	for (const char *f = e->arg[0]->text; *f; f++) {
		struct value v;

		if (*f != '%' || f[1] == '%') {
			if (!scratch_add(r, f, 1))
				return false;
			f += *f == '%';
			continue;
		}
		char fill = *++f == '0' ? '0' : ' ', *end;
		unsigned width = (unsigned)strtoul(f, &end, 10);

		f = end;
		/* Nested printing is refused when read: nothing else is printed meanwhile. */
		if (!eval(r, e->arg[next], &v) ||
		    !print_value(r, e->arg[next]->type, &v, (*f | 32) == 'x' ? 16 : 10, *f == 'X',
				 width, fill))
			return false;
		next++;
	}
	return true;
}

static bool print(struct run *r, const struct gotext_expr *e, struct value *ret)
{
	size_t from = r->scratch_len;
	bool ok = true;

	if (e->op == GOTEXT_PRINTF)
		ok = print_format(r, e);
	for (size_t i = 0; e->op == GOTEXT_PRINT && ok && i < e->n; i++) {
		struct value v;

		ok = eval(r, e->arg[i], &v) &&
		     print_value(r, e->arg[i]->type, &v, 10, false, 0, ' ');
	}
	*ret = (struct value){.s = r->scratch + from, .len = r->scratch_len - from};
	return ok;
}

/* --- the rest --- */

/* and, or: the value that decides, and no further. */
static bool choose(struct run *r, const struct gotext_expr *e, struct value *ret)
{
	for (size_t i = 0; i < e->n; i++) {
		if (!eval(r, e->arg[i], ret))
			return false;
		if (truth(e->arg[i], ret) == (e->op == GOTEXT_OR))
			break;
	}
	return true;
}

static bool call(struct run *r, const struct gotext_expr *e, struct value *ret)
{
	struct value a;

	switch (e->op) {
	case GOTEXT_PARSE_INT:
		return eval(r, e->arg[0], &a) &&
		       parse_int(r->v, &a, e->arg[1]->num, e->arg[2]->num, ret);
	case GOTEXT_AND:
	case GOTEXT_OR:
		return choose(r, e, ret);
	case GOTEXT_NOT:
		if (!eval(r, e->arg[0], &a))
			return false;
		*ret = (struct value){.n = !truth(e->arg[0], &a)};
		return true;
	case GOTEXT_LEN:
		if (!eval(r, e->arg[0], &a))
			return false;
		*ret = (struct value){.n = (int64_t)a.len};
		return true;
	case GOTEXT_PRINT:
	case GOTEXT_PRINTF:
		return print(r, e, ret);
	default:
		return compare(r, e, ret);
	}
}

static bool eval(struct run *r, const struct gotext_expr *e, struct value *ret)
{
	const struct gotext_values *v = r->v;

	switch (e->op) {
	case GOTEXT_LITERAL:
		*ret = e->text ? string_of(e->text) : (struct value){.n = e->num};
		return true;
	case GOTEXT_NAME:
		*ret = string_of(v->name);
		return true;
	case GOTEXT_ZONE:
		*ret = string_of(v->zone);
		return true;
	case GOTEXT_KIND:
		*ret = string_of(v->type);
		return true;
	case GOTEXT_CLASS:
		*ret = string_of(v->rclass);
		return true;
	case GOTEXT_REMOTE:
		*ret = string_of(v->remote);
		return true;
	case GOTEXT_VAR:
		*ret = r->var[e->num];
		return true;
	case GOTEXT_INDEX:
		*ret = group_of(v, e);
		return true;
	default:
		return call(r, e, ret);
	}
}

static bool out_add(struct run *r, const char *s, size_t len)
{
	if (r->len + len >= r->cap)
		return false;
	memcpy(r->buf + r->len, s, len);
	r->len += len;
	return true;
}

static bool list_run(struct run *r, const struct gotext_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct gotext_node *n = &l->node[i];
		size_t kept = r->scratch_len;
		struct value v = {0};

		if (n->expr && !eval(r, n->expr, &v))
			return false;
		switch (n->kind) {
		case GOTEXT_TEXT:
			if (!out_add(r, n->text, strlen(n->text)))
				return false;
			break;
		case GOTEXT_OUT: {
			size_t at = r->scratch_len;
			bool ok = n->expr->type == GOTEXT_STRING ||
				  print_value(r, n->expr->type, &v, 10, false, 0, ' ');

			if (n->expr->type != GOTEXT_STRING)
				v = (struct value){.s = r->scratch + at,
						   .len = r->scratch_len - at};
			if (!ok || !out_add(r, v.s, v.len))
				return false;
			r->scratch_len = kept;
			break;
		}
		case GOTEXT_SET:
			r->var[n->var] = v;
			break;
		case GOTEXT_IF:
			if (!list_run(r, r->v->trial || truth(n->expr, &v) ? &n->then : &n->other))
				return false;
			break;
		}
	}
	return true;
}

bool gotext_run(const struct gotext *g, const struct gotext_values *v, char *buf, size_t cap)
{
	struct run r = {.v = v, .buf = buf, .cap = cap};

	if (!list_run(&r, &g->list))
		return false;
	buf[r.len] = 0;
	return true;
}

bool gotext_is_fixed(const struct gotext *g)
{
	for (size_t i = 0; i < g->list.n; i++) {
		const struct gotext_node *n = &g->list.node[i];

		if (n->kind != GOTEXT_TEXT &&
		    (n->kind != GOTEXT_OUT ||
		     (n->expr->op != GOTEXT_NAME && n->expr->op != GOTEXT_ZONE)))
			return false;
	}
	return true;
}
