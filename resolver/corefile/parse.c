/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens to tree: server blocks with their keys, directives with their lines.
 * Looser than CoreDNS where that harms nobody (a brace pair may stand on one
 * line), stricter where CoreDNS is silent (words after a closing brace).
 */
#include "resolver/corefile/parse.h"

#include <stdlib.h>
#include <string.h>

/* Snippets are top-level, and their braces nest. */
static int parse_snippet(struct cf_parse *p, const struct cf_token *key)
{
	struct cf_token t;
	unsigned depth = 1;
	size_t len = strlen(key->text);
	char *name = arena_strn(p->arena, key->text + 1, len - 2);
	const struct cf_token *next = cf_peek(p, 0);

	if (!name)
		return ERR_NOMEM;
	if (!next || !cf_is(next, "{"))
		return cf_report_error(p->report, key, "snippet %s: expected '{' after its name",
				       key->text);
	for (size_t i = 0; i < p->n_snippets; i++)
		if (strcmp(p->snippet[i].name, name) == 0)
			cf_report_error(p->report, key,
					"redeclaration of previously declared snippet %s (%s:%u)",
					name, p->snippet[i].at.file, p->snippet[i].at.line);
	struct cf_snippet *s = arena_push(p->arena, &p->snippet, &p->n_snippets, sizeof(*s));

	if (!s)
		return ERR_NOMEM;
	*s = (struct cf_snippet){.name = name, .at = *key};
	cf_take(p, &t);
	while (cf_take(p, &t)) {
		if (cf_is(&t, "{"))
			depth++;
		else if (cf_is(&t, "}") && --depth == 0)
			return 0;
		int err = cf_tokens_add(&s->body, &t);

		if (err)
			return err;
	}
	return cf_report_error(p->report, key, "snippet %s is not closed: expected '}'", key->text);
}

static int node_token(struct cf_parse *p, struct cf_node *n)
{
	struct cf_token t;
	struct cf_token *slot = arena_push(p->arena, &n->tok, &n->n, sizeof(*slot));

	if (!slot)
		return ERR_NOMEM;
	cf_take(p, &t);
	*slot = n->end = t;
	return 0;
}

static int parse_lines(struct cf_parse *p, unsigned depth, size_t *n_nodes, struct cf_node **node,
		       const struct cf_token *open, struct cf_token *ret_end);

/* Where a brace is missing, the next one out closes the wrong block, and stands too
 * far left for it. */
static void slip_note(struct cf_parse *p, const struct cf_node *n)
{
	if (p->slip.text || !n->n || n->end.line == n->tok[0].line || n->end.col >= n->tok[0].col ||
	    strcmp(n->end.file, n->tok[0].file) != 0)
		return;
	p->slip = n->end;
	p->slip_of = n->tok[0];
}

static int never_closed(struct cf_parse *p, const struct cf_token *open)
{
	if (!p->slip.text)
		return cf_report_error(p->report, open,
				       "the '{' here is never closed: unexpected end of file");
	return cf_report_error(p->report, open,
			       "the '{' here is never closed: unexpected end of file; the '}' of "
			       "line %u closes '%s' of line %u and not what it stands under: is "
			       "one missing before it?",
			       p->slip.line, p->slip_of.text, p->slip_of.line);
}

/* One directive or option: its words, then perhaps a block. */
static int parse_node(struct cf_parse *p, unsigned depth, struct cf_node *n)
{
	const struct cf_token *t;
	struct cf_token brace;

	while ((t = cf_peek(p, 0))) {
		if (n->n && (t->starts_line || cf_is(t, "}")))
			break;
		if (cf_is(t, "{")) {
			cf_take(p, &brace);
			if (depth >= CF_DEPTH_MAX)
				return cf_report_error(p->report, &brace,
						       "blocks nest deeper than %d", CF_DEPTH_MAX);
			int err = parse_lines(p, depth + 1, &n->n_nodes, &n->node, &brace, &n->end);

			if (err)
				return err;
			slip_note(p, n);
			t = cf_peek(p, 0);
			if (t && !t->starts_line && !cf_is(t, "}"))
				return cf_report_error(
					p->report, t,
					"'%s' after '}': expected the end of the line", t->text);
			return 0;
		}
		int err = node_token(p, n);

		if (err)
			return err;
	}
	return 0;
}

/* Lines up to the closing brace; without `open`, to the end of the file. */
static int parse_lines(struct cf_parse *p, unsigned depth, size_t *n_nodes, struct cf_node **node,
		       const struct cf_token *open, struct cf_token *ret_end)
{
	const struct cf_token *t;
	struct cf_token end;

	while ((t = cf_peek(p, 0))) {
		if (cf_is(t, "}")) {
			cf_take(p, &end);
			if (open) {
				*ret_end = end;
				return 0;
			}
			cf_report_error(p->report, &end,
					"Unexpected '}' because no matching opening brace");
			continue;
		}
		if (cf_is(t, "{"))
			return cf_report_error(p->report, t,
					       "unexpected '{': expected a name before it%s",
					       *n_nodes ? ", on the same line" : "");
		if (cf_is(t, "import")) {
			int err = cf_import(p);

			if (err == ERR_NOMEM)
				return err;
			continue;
		}
		struct cf_node *n = arena_push(p->arena, node, n_nodes, sizeof(*n));
		int err = n ? parse_node(p, depth, n) : ERR_NOMEM;

		if (err)
			return err;
	}
	if (open)
		return never_closed(p, open);
	return 0;
}

static int key_add(struct cf_parse *p, struct cf_server *s, struct cf_token *t, bool *ret_comma)
{
	const char *text = t->text;
	unsigned col = t->col;

	*ret_comma = false;
	while (*text) { /* "a,b," is a, b and more to come; a CIDR or port has no comma */
		size_t n = strcspn(text, ",");

		if (n) {
			struct cf_token *k = arena_push(p->arena, &s->key, &s->n_keys, sizeof(*k));

			if (!k)
				return ERR_NOMEM;
			*k = *t;
			k->col = col;
			k->text = arena_strn(p->arena, text, n);
			if (!k->text)
				return ERR_NOMEM;
		}
		*ret_comma = text[n] == ',';
		text += n + *ret_comma;
		col += (unsigned)n + 1;
	}
	return 0;
}

/* Keys up to the brace or the line's end; a trailing comma joins the next line. */
static int parse_keys(struct cf_parse *p, struct cf_server *s)
{
	const struct cf_token *t;
	struct cf_token taken;
	bool comma = false;

	while ((t = cf_peek(p, 0))) {
		if (cf_is(t, "import") && t->starts_line) {
			if (cf_import(p) == ERR_NOMEM)
				return ERR_NOMEM;
			continue;
		}
		if (cf_is(t, "{")) {
			if (comma)
				return cf_report_error(p->report, t,
						       "Expected another address but had '{' - "
						       "check for extra comma");
			if (s->n_keys == 0)
				return cf_report_error(p->report, t,
						       "unexpected '{': expected a zone before it, "
						       "as in 'example.org {'");
			return 0;
		}
		if (s->n_keys && t->starts_line && !comma)
			return 0;
		if (cf_is(t, "}"))
			return cf_report_error(
				p->report, t,
				"unexpected '}': expected a zone, as in 'example.org {'");
		cf_take(p, &taken);
		if (key_add(p, s, &taken, &comma) != 0)
			return ERR_NOMEM;
	}
	if (comma)
		return cf_report_error(
			p->report, &p->last,
			"expected another zone after ',', found the end of the file");
	return 0;
}

static bool key_is_snippet(const struct cf_server *s)
{
	const char *k = s->n_keys == 1 ? s->key[0].text : "";
	size_t n = strlen(k);

	return n >= 2 && k[0] == '(' && k[n - 1] == ')' && !s->key[0].quoted;
}

static int parse_server(struct cf_parse *p, struct corefile *c)
{
	struct cf_server s = {0};
	struct cf_token brace, end;
	int err = parse_keys(p, &s);

	if (err || s.n_keys == 0)
		return err;
	if (key_is_snippet(&s))
		return parse_snippet(p, &s.key[0]);
	const struct cf_token *t = cf_peek(p, 0);
	bool braces = t && cf_is(t, "{");

	if (braces)
		cf_take(p, &brace);
	else if (c->n_servers)
		return cf_report_error(p->report, &s.key[0],
				       "expected '{' after '%s': only a file with one server block "
				       "may leave out braces",
				       s.key[s.n_keys - 1].text);
	err = parse_lines(p, 0, &s.n_nodes, &s.node, braces ? &brace : NULL, &end);
	t = cf_peek(p, 0);
	if (err == 0 && braces && t && !t->starts_line)
		err = cf_report_error(p->report, t, "'%s' after '}': expected the end of the line",
				      t->text);
	struct cf_server *slot = arena_push(p->arena, &c->server, &c->n_servers, sizeof(*slot));

	if (!slot)
		return ERR_NOMEM;
	*slot = s;
	return err;
}

/* After a fault in the structure the braces cannot be trusted, so reading ends
 * with it; faults inside directives are found by the compiler, all of them. */
int cf_parse_servers(struct cf_parse *p, struct corefile *c)
{
	int err = 0;

	while (err == 0 && cf_peek(p, 0))
		err = parse_server(p, c);
	if (err == 0 && c->n_servers == 0 && p->report->n_errors == 0)
		cf_report_error(p->report, NULL,
				"%s: no server block: expected one, as in '. { forward . "
				"/etc/resolv.conf }'",
				c->file[0]);
	return err;
}

static int corefile_read(struct cf_parse *p, struct corefile *c, const char *file, const char *text,
			 size_t len)
{
	struct cf_tokens got = {0};
	int err = cf_lex(p, file, text, len, &got);

	if (err == 0)
		err = cf_push(p, &got, true);
	free(got.tok);
	if (err == ERR_LIMIT)
		err = cf_report_error(p->report, NULL, "%s: larger than %d octets or %d words",
				      file, CF_TEXT_MAX, CF_TOKENS_MAX);
	if (err == 0)
		err = cf_parse_servers(p, c);
	c->n_files = p->n_files;
	c->file = p->file;
	return err ? err : cf_digest(c);
}

int corefile_parse_text(struct corefile **ret, const char *file, const char *text, size_t len,
			const struct corefile_env *e, struct diag *d)
{
	struct arena *a = arena_new(CF_ARENA_MAX);
	struct corefile *c = a ? arena_alloc(a, sizeof(*c)) : NULL;
	struct cf_parse p = {.env = e, .arena = a, .report = a ? cf_report_new(a) : NULL};
	const char **name = a ? arena_push(a, &p.file, &p.n_files, sizeof(*name)) : NULL;
	int err = ERR_NOMEM;

	if (c && name && p.report && (*name = arena_str(a, file))) {
		*c = (struct corefile){.arena = a, .report = p.report, .file = p.file};
		err = corefile_read(&p, c, *name, text, len);
		if (err == ERR_SYNTAX || (err == 0 && p.report->n_errors))
			err = e->lint ? 0 : cf_report_diag(p.report, d);
		else if (err)
			diag_set(d, err, "%s: %s", file, err_str(err));
	} else {
		diag_set(d, err, "%s: %s", file, err_str(err));
	}
	for (size_t i = 0; i < p.n_snippets; i++)
		free(p.snippet[i].body.tok);
	free(p.in.tok);
	if (err) {
		arena_free(a);
		return err;
	}
	*ret = c;
	return 0;
}

int corefile_parse_file(struct corefile **ret, const char *path, const struct corefile_env *e,
			struct diag *d)
{
	char *text;
	size_t len;
	int err = cf_read_file(path, &text, &len, d);

	if (err)
		return err;
	err = corefile_parse_text(ret, path, text, len, e, d);
	free(text);
	return err;
}

void corefile_free(struct corefile *c)
{
	if (c)
		arena_free(c->arena);
}
