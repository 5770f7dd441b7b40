/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of setup functions: arguments, option tables, steps, files. */
#include "resolver/corefile/setup.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "resolver/corefile/parse.h"
#include "resolver/corefile/report.h"

int cf_error(struct cf_setup *s, const struct cf_token *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cf_report_add(s->report, true, at, fmt, ap);
	va_end(ap);
	return ERR_SYNTAX;
}

void cf_warn(struct cf_setup *s, const struct cf_token *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cf_report_add(s->report, false, at, fmt, ap);
	va_end(ap);
}

int cf_absent(struct cf_setup *s, const struct cf_token *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cf_report_add(s->report, !s->env->lint, at, fmt, ap);
	va_end(ap);
	return s->env->lint ? 0 : ERR_MISSING;
}

int cf_missing(struct cf_setup *s, const struct cf_token *at, const char *fmt, ...)
{
	bool bears = s->env->lint || s->env->lenient;
	va_list ap;

	va_start(ap, fmt);
	cf_report_add(s->report, !bears, at, fmt, ap);
	va_end(ap);
	s->plan->n_missing += s->env->lenient;
	return bears ? 0 : ERR_MISSING;
}

int cf_nomem(struct cf_setup *s)
{
	s->report->n_errors++;
	return ERR_NOMEM;
}

int cf_args(struct cf_setup *s, const struct cf_node *n, unsigned min, unsigned max,
	    const char *usage)
{
	const char *name = n->tok[0].text;

	if (n->n - 1 < min)
		return cf_error(s, &n->tok[n->n - 1],
				"Wrong argument count or unexpected line ending after '%s': "
				"expected '%s%s%s'",
				n->tok[n->n - 1].text, name, usage[0] ? " " : "", usage);
	if (n->n - 1 > max)
		return cf_error(s, &n->tok[max + 1], "unexpected '%s': expected '%s%s%s'",
				n->tok[max + 1].text, name, usage[0] ? " " : "", usage);
	return 0;
}

int cf_no_block(struct cf_setup *s, const struct cf_node *n)
{
	if (n->n_nodes)
		return cf_error(s, &n->node[0].tok[0], "unexpected '%s': '%s' has no options",
				n->node[0].tok[0].text, n->tok[0].text);
	return 0;
}

int cf_args_only(struct cf_setup *s, const struct cf_node *n, unsigned min, unsigned max, const char *usage)
{
	int err = cf_args(s, n, min, max, usage);

	return err ? err : cf_no_block(s, n);
}

/* "a, b or c" out of a NULL-terminated list. */
static const char *list_text(struct arena *a, const char *const *list)
{
	const char *text = "";

	for (size_t i = 0; list[i] && text; i++)
		text = arena_printf(a, "%s%s%s", text,
				    i == 0	  ? ""
				    : list[i + 1] ? ", "
						  : " or ",
				    list[i]);
	return text ? text : "";
}

int cf_options(struct cf_setup *s, const struct cf_node *n, const struct cf_option *table, void *to)
{
	const char *names[40];
	size_t n_names = 0;
	int err = 0;

	for (; table[n_names].name && n_names + 1 < sizeof(names) / sizeof(names[0]); n_names++)
		names[n_names] = table[n_names].name;
	names[n_names] = NULL;
	for (size_t i = 0; i < n->n_nodes; i++) {
		const struct cf_node *line = &n->node[i];
		const struct cf_option *o = table;

		while (o->name && strcmp(o->name, line->tok[0].text) != 0)
			o++;
		int e = !o->name ? cf_error(s, &line->tok[0],
					    "unknown property '%s' of '%s'%s: expected %s",
					    line->tok[0].text, n->tok[0].text,
					    cf_did_you_mean(s->arena, line->tok[0].text, names),
					    list_text(s->arena, names))
				 : cf_args(s, line, o->min_args, o->max_args, o->usage);

		if (e == 0)
			e = cf_no_block(s, line);
		if (e == 0)
			e = o->set(s, line, to);
		if (e)
			err = e;
	}
	return err;
}

int cf_choice(struct cf_setup *s, const struct cf_token *t, const char *what,
	      const char *const *list)
{
	for (int i = 0; list[i]; i++)
		if (strcmp(list[i], t->text) == 0)
			return i;
	cf_error(s, t, "unknown %s '%s'%s: expected %s", what, t->text,
		 cf_did_you_mean(s->arena, t->text, list), list_text(s->arena, list));
	return -1;
}

void *cf_step_new(struct cf_setup *s, const struct plugin_ops *ops, size_t size)
{
	struct plugin_step *step = arena_alloc(s->arena, size);
	struct plugin_step **slot =
		step ? arena_push(s->arena, &s->b->step, &s->b->n_steps, sizeof(*slot)) : NULL;

	if (!slot) {
		cf_nomem(s);
		return NULL;
	}
	step->ops = ops;
	*slot = step;
	return step;
}

void *cf_step_find(struct cf_setup *s, const struct plugin_ops *ops)
{
	for (size_t i = 0; i < s->b->n_steps; i++)
		if (s->b->step[i]->ops == ops)
			return s->b->step[i];
	return NULL;
}

static struct corefile_file *file_find(struct cf_setup *s, const char *path)
{
	for (size_t i = 0; i < s->n_files; i++)
		if (strcmp(s->file[i].path, path) == 0)
			return &s->file[i];
	return NULL;
}

static const char *content_keep(struct cf_setup *s, struct corefile_file *f, char *text, size_t len)
{
	hash_sha256_hex(text, len, f->digest);
	char *copy = arena_strn(s->arena, text, strlen(text));

	free(text);
	if (!copy)
		cf_nomem(s);
	return copy;
}

const char *cf_refuse(struct cf_setup *s, const char *path, const char *why)
{
	struct corefile_file *f = file_find(s, path);
	char *text;
	size_t len;

	if (!f || !s->env->refuse || s->env->refuse(s->env->ctx, path, why, &text, &len) < 0)
		return NULL;
	return content_keep(s, f, text, len);
}

const char *cf_read(struct cf_setup *s, const struct cf_token *at, const char *path,
		    enum corefile_file_kind kind)
{
	struct corefile_file *f = file_find(s, path);
	struct diag d;
	char *text;
	size_t len;

	if (!f) {
		f = arena_push(s->arena, &s->file, &s->n_files, sizeof(*f));
		const char *copy = arena_str(s->arena, path);

		if (!f || !copy) {
			s->n_files -= f != NULL;
			cf_nomem(s);
			return NULL;
		}
		*f = (struct corefile_file){.path = copy, .kind = kind};
		strcpy(f->digest, "absent");
	}
	int err = cf_env_read(s->env, path, kind == COREFILE_FILE_TLS, &text, &len, &d);

	if (err == ERR_NOMEM)
		cf_nomem(s);
	else if (err && kind == COREFILE_FILE_HOSTS)
		cf_warn(s, at, "%s (it is used once it can be read)", d.text);
	else if (err)
		cf_missing(s, at, "%s", d.text);
	if (err)
		return NULL;
	return content_keep(s, f, text, len);
}
