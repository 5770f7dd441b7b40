/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `import NAME`: a snippet's tokens, or those of every file that a path or glob
 * names, take the statement's place. CoreDNS's limits hold: one wildcard, a
 * missing literal file is an error, an empty glob a warning, and both the
 * number of imports and of tokens are bounded, so a file that imports itself
 * ends.
 */
#include "resolver/corefile/parse.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

int cf_push(struct cf_parse *p, const struct cf_tokens *t, bool starts_line)
{
	p->n_pushed += t->n;
	if (p->n_pushed > CF_TOKENS_MAX)
		return cf_report_error(p->report, &p->last, "imports grow the file past %d words",
				       CF_TOKENS_MAX);
	for (size_t i = t->n; i-- > 0;) {
		int err = cf_tokens_add(&p->in, &t->tok[i]);

		if (err)
			return err;
	}
	if (t->n && starts_line)
		p->in.tok[p->in.n - 1].starts_line = true;
	return 0;
}

const struct cf_token *cf_peek(const struct cf_parse *p, size_t ahead)
{
	return ahead < p->in.n ? &p->in.tok[p->in.n - 1 - ahead] : NULL;
}

bool cf_take(struct cf_parse *p, struct cf_token *ret)
{
	if (p->in.n == 0)
		return false;
	p->last = *ret = p->in.tok[--p->in.n];
	return true;
}

static int import_file(struct cf_parse *p, const struct cf_token *at, const char *path,
		       struct cf_tokens *ret)
{
	struct diag d;
	char *text;
	size_t len;

	if (cf_env_read(p->env, path, false, &text, &len, &d) != 0)
		return cf_report_error(p->report, at, "cannot import: %s", d.text);
	const char **slot = arena_push(p->arena, &p->file, &p->n_files, sizeof(*slot));
	const char *file = arena_str(p->arena, path);
	size_t before = ret->n;
	int err = slot && file ? cf_lex(p, file, text, len, ret) : ERR_NOMEM;

	if (slot)
		*slot = file ? file : "";
	if (ret->n > before)
		ret->tok[before].starts_line = true;
	free(text);
	return err;
}

static int import_glob(struct cf_parse *p, const struct cf_token *arg, struct cf_tokens *ret)
{
	const char *slash = strrchr(arg->file, '/');
	const char *pattern = arg->text;
	unsigned n_stars = 0, n_marks = 0;

	if (pattern[0] != '/' && slash)
		pattern = arena_printf(p->arena, "%.*s/%s", (int)(slash - arg->file), arg->file,
				       arg->text);
	if (!pattern)
		return ERR_NOMEM;
	for (const char *s = pattern; *s; s++) {
		n_stars += *s == '*';
		n_marks += *s == '?';
	}
	if (n_stars > 1 || n_marks > 1 || (strchr(pattern, '[') && strchr(pattern, ']')))
		return cf_report_error(
			p->report, arg,
			"Glob pattern may only contain one wildcard (*), but has others: %s",
			pattern);
	char *paths, *save = NULL;
	int rc = cf_env_glob(p->env, pattern, &paths), err = 0;

	if (rc == GLOB_NOMATCH) {
		if (n_stars + n_marks)
			cf_report_warn(p->report, arg, "No files matching import glob pattern: %s",
				       arg->text);
		else if (strchr(arg->text, '/') || strchr(arg->text, '.'))
			err = cf_report_error(p->report, arg, "File to import not found: %s",
					      arg->text);
		else
			err = cf_report_error(p->report, arg,
					      "File to import not found: %s (and no snippet (%s) "
					      "is defined above)",
					      arg->text, arg->text);
		return err;
	}
	if (rc != 0)
		return cf_report_error(p->report, arg, "cannot import %s: %s", arg->text,
				       strerror(errno));
	for (char *path = strtok_r(paths, "\n", &save); path && err == 0; path = strtok_r(NULL, "\n", &save)) {
		if (++p->n_imports > CF_IMPORTS_MAX)
			err = cf_report_error(p->report, arg,
					      "more than %d imports: does a file import itself?",
					      CF_IMPORTS_MAX);
		else
			err = import_file(p, arg, path, ret);
	}
	free(paths);
	return err;
}

/* The statement's argument, checked to be the only one; false after a fault. */
static bool import_arg(struct cf_parse *p, const struct cf_token *stmt, struct cf_token *ret)
{
	const struct cf_token *t = cf_peek(p, 0);

	if (!t || t->starts_line || cf_is(t, "}")) {
		cf_report_error(p->report, stmt,
				"import needs a snippet's name, a file or a glob pattern");
		return false;
	}
	cf_take(p, ret);
	t = cf_peek(p, 0);
	if (t && !t->starts_line && !cf_is(t, "}"))
		cf_report_error(p->report, t,
				"Import takes only one argument (glob pattern or file)");
	else if (ret->text[0] == 0)
		cf_report_error(p->report, ret, "Import requires a non-empty filepath");
	else
		return true;
	while ((t = cf_peek(p, 0)) && !t->starts_line && !cf_is(t, "}"))
		cf_take(p, &p->last);
	return false;
}

int cf_import(struct cf_parse *p)
{
	struct cf_token stmt = {0}, arg;
	struct cf_tokens got = {0};

	cf_take(p, &stmt);
	if (++p->n_imports > CF_IMPORTS_MAX) {
		p->in.n = 0; /* no way to go on from here */
		return cf_report_error(
			p->report, &stmt,
			"more than %d imports: does a file or snippet import itself?",
			CF_IMPORTS_MAX);
	}
	if (!import_arg(p, &stmt, &arg))
		return ERR_SYNTAX;
	for (size_t i = 0; i < p->n_snippets; i++)
		if (strcmp(p->snippet[i].name, arg.text) == 0)
			return cf_push(p, &p->snippet[i].body, stmt.starts_line);
	int err = import_glob(p, &arg, &got);

	if (err == 0)
		err = cf_push(p, &got, stmt.starts_line);
	free(got.tok);
	return err;
}
