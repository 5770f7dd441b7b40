/* SPDX-License-Identifier: Apache-2.0 */
/* Templates; see gotext.h. */
#include "resolver/plugins/gotext.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 8 };

static struct gotext_part *part_add(struct cf_setup *s, struct gotext *g)
{
	struct gotext_part *p = arena_push(s->arena, &g->part, &g->n, sizeof(*p));

	if (!p)
		cf_nomem(s);
	return p;
}

/* Words between the braces; parentheses only group and are dropped. */
static unsigned expr_split(struct cf_setup *s, const char *text, size_t len, char *word[WORDS_MAX])
{
	char *copy = arena_strn(s->arena, text, len), *save = NULL;
	unsigned n = 0;

	for (char *w = copy ? strtok_r(copy, " \t\r\n()", &save) : NULL; w && n < WORDS_MAX;
	     w = strtok_r(NULL, " \t\r\n()", &save))
		word[n++] = w;
	return n;
}

static const char *unquote(char *w)
{
	size_t len = strlen(w);

	if (len < 2 || (w[0] != '"' && w[0] != '`') || w[len - 1] != w[0])
		return NULL;
	w[len - 1] = 0;
	return w + 1;
}

static bool field_parse(const char *w, struct gotext_part *p)
{
	static const struct {
		const char *name;
		enum gotext_kind kind;
	} fields[] = {{".Name", GOTEXT_NAME},	{".Question.Name", GOTEXT_NAME},
		      {".Zone", GOTEXT_ZONE},	{".Type", GOTEXT_TYPE},
		      {".Class", GOTEXT_CLASS}, {".Remote", GOTEXT_REMOTE}};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(w, fields[i].name) == 0) {
			p->kind = fields[i].kind;
			return true;
		}
	if (strncmp(w, ".Group.", 7) != 0 || w[7] == 0)
		return false;
	p->kind = GOTEXT_GROUP;
	p->text = w + 7;
	return true;
}

static bool index_parse(char *what, char *which, struct gotext_part *p)
{
	const char *name = unquote(which);
	char *end;

	p->kind = GOTEXT_GROUP;
	if (strcmp(what, ".Group") == 0 && name) {
		p->text = name;
		return true;
	}
	if (strcmp(what, ".Match") != 0 || name)
		return false;
	p->group = (int)strtol(which, &end, 10);
	return *end == 0 && end != which && p->group >= 0 && p->group < CF_GROUPS_MAX;
}

/* FIELD | index .Match N | index .Group "x" | parseInt OPERAND BASE BITS | "text" */
static bool expr_parse(char **w, unsigned n, struct gotext_part *p)
{
	const char *text;

	if (n >= 3 && strcmp(w[0], "parseInt") == 0) {
		p->base = atoi(w[n - 2]);
		return p->base >= 2 && p->base <= 36 && expr_parse(w + 1, n - 3, p);
	}
	if (n == 3 && strcmp(w[0], "index") == 0)
		return index_parse(w[1], w[2], p);
	if (n != 1)
		return false;
	text = unquote(w[0]);
	if (text) {
		p->kind = GOTEXT_TEXT;
		p->text = text;
		return true;
	}
	return field_parse(w[0], p);
}

static int expr_compile(struct cf_setup *s, const struct cf_token *t, const char *text, size_t len,
			struct gotext *g)
{
	char *word[WORDS_MAX];
	struct gotext_part part = {0};

	size_t blanks = strspn(text, " \t\r\n");

	if (len >= blanks + 4 && memcmp(text + blanks, "/*", 2) == 0)
		return 0;
	unsigned n = expr_split(s, text, len, word);

	if (!expr_parse(word, n, &part))
		return cf_error(s, t,
				"template expression '{{%.*s}}' is not supported: expected .Name, "
				".Zone, .Type, .Class, .Remote, .Group.x, index .Match N, index "
				".Group \"x\" or parseInt of one of them",
				(int)len, text);
	struct gotext_part *p = part_add(s, g);

	if (!p)
		return ERR_NOMEM;
	*p = part;
	return 0;
}

static int text_compile(struct cf_setup *s, const char *text, size_t len, struct gotext *g)
{
	struct gotext_part *p = len ? part_add(s, g) : NULL;

	if (len == 0)
		return 0;
	if (!p)
		return ERR_NOMEM;
	*p = (struct gotext_part){.kind = GOTEXT_TEXT, .text = arena_strn(s->arena, text, len)};
	return p->text ? 0 : cf_nomem(s);
}

/* {{- and -}} eat the blanks beside them. */
int gotext_compile(struct cf_setup *s, const struct cf_token *t, struct gotext *ret)
{
	const char *at = t->text;
	int err = 0;

	*ret = (struct gotext){0};
	while (*at && err == 0) {
		const char *open = strstr(at, "{{");
		size_t len = open ? (size_t)(open - at) : strlen(at);

		if (!open)
			return text_compile(s, at, len, ret);
		const char *close = strstr(open, "}}");

		if (!close)
			return cf_error(s, t, "'{{' without '}}' in '%s'", t->text);
		const char *from = open + 2, *to = close;
		bool left = from[0] == '-' && strchr(" \t", from[1]),
		     right = to > from && to[-1] == '-';

		while (left && len && strchr(" \t\n", at[len - 1]))
			len--;
		err = text_compile(s, at, len, ret);
		if (err == 0 && to - right >= from + left)
			err = expr_compile(s, t, from + left, (size_t)(to - right - from - left),
					   ret);
		at = close + 2;
		at += right ? strspn(at, " \t\n") : 0;
	}
	return err;
}

static void part_value(const struct gotext_part *p, const struct gotext_values *v, const char **ret,
		       size_t *ret_len)
{
	int g = p->group;

	switch (p->kind) {
	case GOTEXT_TEXT:
		*ret = p->text;
		break;
	case GOTEXT_NAME:
		*ret = v->name;
		break;
	case GOTEXT_ZONE:
		*ret = v->zone;
		break;
	case GOTEXT_TYPE:
		*ret = v->type;
		break;
	case GOTEXT_CLASS:
		*ret = v->rclass;
		break;
	case GOTEXT_REMOTE:
		*ret = v->remote;
		break;
	case GOTEXT_GROUP:
		if (p->text) {
			char *end;

			g = v->regex ? cf_regex_group(v->regex, p->text) : -1;
			if (g < 0 && p->text[0] >= '0' && p->text[0] <= '9')
				g = (int)strtol(p->text, &end, 10);
		}
		*ret = "";
		*ret_len = 0;
		if (v->match && g >= 0 && (size_t)g < v->match->n &&
		    v->match->g[g].start != SIZE_MAX) {
			*ret = v->name + v->match->g[g].start;
			*ret_len = v->match->g[g].end - v->match->g[g].start;
		}
		return;
	}
	*ret_len = strlen(*ret);
}

/* Unsigned, in decimal. */
static bool number_text(const char *s, size_t len, int base, char out[24], size_t *ret_len)
{
	char in[66], *end, rev[24];
	size_t n = 0;

	if (len == 0 || len >= sizeof(in))
		return false;
	memcpy(in, s, len);
	in[len] = 0;
	unsigned long long v = strtoull(in, &end, base);

	if (*end || in[0] == '-' || in[0] == '+')
		return false;
	do {
		rev[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (size_t i = 0; i < n; i++)
		out[i] = rev[n - 1 - i];
	*ret_len = n;
	return true;
}

bool gotext_run(const struct gotext *g, const struct gotext_values *v, char *buf, size_t cap)
{
	size_t at = 0;

	for (size_t i = 0; i < g->n; i++) {
		const char *s = "";
		char number[24];
		size_t len = 0;

		part_value(&g->part[i], v, &s, &len);
		if (g->part[i].base) {
			if (!number_text(s, len, g->part[i].base, number, &len))
				return false;
			s = number;
		}
		if (at + len >= cap)
			return false;
		memcpy(buf + at, s, len);
		at += len;
	}
	buf[at] = 0;
	return true;
}
