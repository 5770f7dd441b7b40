/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to tokens, by the rules of CoreDNS's lexer: blanks separate, `#` outside
 * quotes drops the rest of the line even in mid-token, a quote counts only at a
 * token's start, and only \" is an escape. Environment references {$X} and
 * {%X%} are put in here, so that a value is never split into several tokens.
 */
#include "resolver/corefile/parse.h"

#include <stdlib.h>
#include <string.h>

struct lexer {
	struct cf_parse *p;
	const char *file;
	const char *s, *end;
	unsigned line, col;
	bool line_has_token;
	char *buf; /* the token being read; as large as the text */
	size_t n;
};

int cf_tokens_add(struct cf_tokens *t, const struct cf_token *tok)
{
	if (t->n >= CF_TOKENS_MAX)
		return ERR_LIMIT;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct cf_token *grown = realloc(t->tok, cap * sizeof(*grown));

		if (!grown)
			return ERR_NOMEM;
		t->tok = grown;
		t->cap = cap;
	}
	t->tok[t->n++] = *tok;
	return 0;
}

static int lex_next(struct lexer *x)
{
	if (x->s == x->end)
		return -1;
	unsigned char c = (unsigned char)*x->s++;

	if (c == '\n') {
		x->line++;
		x->col = 1;
		x->line_has_token = false;
	} else if ((c & 0xc0) != 0x80) { /* columns count characters, not octets */
		x->col++;
	}
	return c;
}

static bool lex_blank(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *const placeholder[][2] = {
	{"__PILLAR__DNS__DOMAIN__", "cluster.local"},
	{"__PILLAR__LOCAL__DNS__", "169.254.20.10"},
	{"__PILLAR__DNS__SERVER__", "10.96.0.10"},
	{"__PILLAR__CLUSTER__DNS__", "10.96.0.11"},
	{"__PILLAR__UPSTREAM__SERVERS__", "/etc/resolv.conf"},
	{"__PROMETHEUS__ENDPOINT__", ":9253"},
};

/* `text` with the first `old` after `from` replaced; NULL when out of memory. */
static const char *text_replace(struct arena *a, const char *text, size_t at, size_t old_len,
				const char *now)
{
	return arena_printf(a, "%.*s%s%s", (int)at, text, now, text + at + old_len);
}

static const char *token_fill_placeholders(struct cf_parse *p, const struct cf_token *t)
{
	const char *text = t->text;

	for (size_t i = 0; i < sizeof(placeholder) / sizeof(placeholder[0]); i++) {
		const char *hit = strstr(text, placeholder[i][0]);

		if (!hit)
			continue;
		if (p->env->lint && p->said_filled >> i & 1)
			; /* once is enough */
		else if (p->env->lint)
			cf_report_warn(
				p->report, t,
				"template token %s is not filled; checked with %s in its place",
				placeholder[i][0], placeholder[i][1]);
		else
			cf_report_error(p->report, t, "template token %s was never filled",
					placeholder[i][0]);
		p->said_filled |= 1u << i;
		text = text_replace(p->arena, text, (size_t)(hit - text), strlen(placeholder[i][0]),
				    placeholder[i][1]);
		if (!text)
			return NULL;
	}
	return text;
}

/* One way of writing a reference; at most 64 a token, and what a variable holds
 * is not looked at again. */
static const char *token_expand(struct cf_parse *p, const struct cf_token *t, const char *text,
				const char *open, const char *close)
{
	size_t from = 0;

	for (int i = 0; i < 64 && text; i++) {
		const char *hit = strstr(text + from, open);
		const char *end = hit ? strstr(hit + 2, close) : NULL;

		if (!end)
			return text;
		char *name = arena_strn(p->arena, hit + 2, (size_t)(end - hit - 2));
		const char *value = name ? p->env->get_var(p->env->ctx, name) : NULL;

		if (!name)
			return NULL;
		if (!value)
			cf_report_warn(p->report, t,
				       "environment variable %s is not set: nothing is put in",
				       name);
		size_t at = (size_t)(hit - text);

		text = text_replace(p->arena, text, at, (size_t)(end - hit) + strlen(close),
				    value ? value : "");
		from = at + (value ? strlen(value) : 0);
	}
	return text;
}

static int lex_emit(struct lexer *x, struct cf_token *t, struct cf_tokens *ret)
{
	t->text = arena_strn(x->p->arena, x->buf, x->n);
	if (t->text && strstr(t->text, "__P"))
		t->text = token_fill_placeholders(x->p, t);
	if (t->text && strchr(t->text, '{')) {
		t->text = token_expand(x->p, t, t->text, "{%", "%}");
		if (t->text)
			t->text = token_expand(x->p, t, t->text, "{$", "}");
	}
	x->n = 0;
	return t->text ? cf_tokens_add(ret, t) : ERR_NOMEM;
}

static void lex_quoted(struct lexer *x, const struct cf_token *t)
{
	for (int c; (c = lex_next(x)) != '"';) {
		if (c < 0) {
			cf_report_error(x->p->report, t, "the quote opened here is never closed");
			return;
		}
		if (c == '\\' && x->s < x->end && *x->s == '"')
			c = lex_next(x);
		if (c == 0) /* a text is a C string from here on */
			cf_report_error(x->p->report, t, "NUL in a quoted text");
		else
			x->buf[x->n++] = (char)c;
	}
	x->line_has_token = true;
}

static void lex_plain(struct lexer *x)
{
	while (x->s < x->end && !lex_blank((unsigned char)*x->s) && *x->s != '#') {
		int c = lex_next(x);

		if (c)
			x->buf[x->n++] = (char)c;
	}
}

int cf_lex(struct cf_parse *p, const char *file, const char *text, size_t len,
	   struct cf_tokens *ret)
{
	struct lexer x = {.p = p, .file = file, .s = text, .end = text + len, .line = 1, .col = 1};
	int err = len > CF_TEXT_MAX ? ERR_LIMIT : 0;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		x.s += 3;
	x.buf = err ? NULL : malloc(len + 1);
	if (!x.buf)
		return err ? err : ERR_NOMEM;
	while (x.s < x.end && err == 0) {
		struct cf_token t = {.file = file,
				     .line = x.line,
				     .col = x.col,
				     .starts_line = !x.line_has_token};
		unsigned char c = (unsigned char)*x.s;

		if (lex_blank(c) || c == 0) {
			lex_next(&x);
		} else if (c == '#') {
			while (x.s < x.end && *x.s != '\n')
				lex_next(&x);
		} else {
			x.line_has_token = true;
			t.quoted = c == '"';
			if (t.quoted) {
				lex_next(&x);
				lex_quoted(&x, &t);
			} else {
				lex_plain(&x);
			}
			if (t.quoted || x.n)
				err = lex_emit(&x, &t, ret);
		}
	}
	free(x.buf);
	return err;
}

bool cf_is(const struct cf_token *t, const char *symbol)
{
	return !t->quoted && strcmp(t->text, symbol) == 0;
}
