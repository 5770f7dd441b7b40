/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tree to plan. Each server block's directives write into a struct cf_block;
 * what needs the whole picture (listeners that blocks share, which forward
 * targets are ourselves, which zone is the cluster's) follows when all blocks
 * are read.
 */
#include "resolver/corefile/compile.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "resolver/corefile/parse.h"
#include "resolver/corefile/regex.h"
#include "resolver/corefile/report.h"

static const struct cf_directive *directive_find(const char *name)
{
	for (const struct cf_directive *d = cf_directives; d->name; d++)
		if (strcmp(d->name, name) == 0)
			return d;
	return NULL;
}

static int directive_unknown(struct cf_setup *s, const struct cf_token *t)
{
	const char *names[128];
	size_t n = 0;

	for (const struct cf_directive *d = cf_directives; d->name && n < 127; d++)
		if (!(d->flags & CF_NOT_HERE))
			names[n++] = d->name;
	names[n] = NULL;
	return cf_error(s, t, "Unknown directive '%s'%s", t->text,
			cf_did_you_mean(s->arena, t->text, names));
}

/* Does a change of this directive change answers that may lie in the cache? */
static bool directive_shapes_answers(const char *name)
{
	static const char *const list[] = {"rewrite", "template", "hosts", "minimal"};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

static int directive_setup(struct cf_setup *s, const struct cf_node *n)
{
	const struct cf_token *t = &n->tok[0];
	const struct cf_directive *d = directive_find(t->text);
	size_t row = d ? (size_t)(d - cf_directives) : 0;

	if (!d)
		return directive_unknown(s, t);
	if (d->flags & CF_NOT_HERE)
		return cf_error(s, t,
				"no action found for directive '%s' with server type 'dns' "
				"(missing a plugin?)",
				t->text);
	if (s->b->seen[row] && !(d->flags & CF_REPEATS))
		return cf_error(s, t,
				"plugin/%s: this plugin can only be used once per Server Block "
				"(first on line %u)",
				t->text, s->b->seen[row]->line);
	if (!s->b->seen[row])
		s->b->seen[row] = t;
	if (directive_shapes_answers(t->text) &&
	    cf_digest_node(n, s->b->zone.answers_digest, &s->b->zone.answers_digest) != 0)
		return cf_nomem(s);
	return d->setup(s, n);
}

static size_t step_row(const struct plugin_step *step)
{
	const struct cf_directive *d = directive_find(step->ops->name);

	return d ? (size_t)(d - cf_directives) : 0;
}

/* Steps into execution order; equal ones keep the order of the file. */
static void steps_sort(struct cf_block *b)
{
	for (size_t i = 1; i < b->n_steps; i++) {
		struct plugin_step *x = b->step[i];
		size_t k = i;

		for (; k && step_row(b->step[k - 1]) > step_row(x); k--)
			b->step[k] = b->step[k - 1];
		b->step[k] = x;
	}
}

static const char *block_label(struct cf_setup *s, const struct cf_server *src)
{
	const char *text = "";

	for (size_t i = 0; i < src->n_keys && text; i++)
		text = arena_printf(s->arena, "%s%s%s", text, i ? " " : "", src->key[i].text);
	return text;
}

static int block_names(struct cf_setup *s, struct cf_block *b)
{
	const char **list = NULL;
	size_t n = 0;

	for (size_t i = 0; cf_directives[i].name; i++) {
		if (!b->seen[i])
			continue;
		const char **slot = arena_push(s->arena, &list, &n, sizeof(*slot));

		if (!slot)
			return cf_nomem(s);
		*slot = cf_directives[i].name;
	}
	b->out.n_plugins = n;
	b->out.plugin = list;
	return 0;
}

static int block_compile(struct cf_setup *s, const struct cf_server *src)
{
	struct cf_block *b = arena_push(s->arena, &s->block, &s->n_blocks, sizeof(*b));

	if (!b || !(b->seen = arena_alloc(s->arena, (cf_directive_count() + 1) * sizeof(*b->seen))))
		return cf_nomem(s);
	s->b = b;
	b->src = src;
	core_conf_zone_defaults(&b->zone);
	b->zone.cache.enabled = false;
	b->out.label = block_label(s, src);
	b->out.file = arena_str(s->arena, src->key[0].file);
	b->out.line = src->key[0].line;
	if (!b->out.label || !b->out.file)
		return cf_nomem(s);
	for (size_t i = 0; i < src->n_keys; i++)
		cf_key(s, b, &src->key[i]);
	for (size_t i = 0; i < src->n_nodes; i++) {
		size_t told = s->report->n_errors;
		int err = directive_setup(s, &src->node[i]);

		if (err == ERR_NOMEM)
			return err;
		if (err && s->report->n_errors == told) /* who fails says why; a fault of ours never serves half of it */
			cf_error(s, &src->node[i].tok[0], "%s: cannot be set up", src->node[i].tok[0].text);
	}
	steps_sort(b);
	return block_names(s, b);
}

/* Tokens and the content of the files they name: equal digests, equal plans. */
static int plan_digest(struct cf_setup *s, const struct corefile *c)
{
	char *text = arena_str(s->arena, c->digest);

	for (size_t i = 0; i < s->n_files && text; i++) {
		text = arena_printf(s->arena, "%s %s %s", text, s->file[i].path,
				    s->file[i].kind == COREFILE_FILE_CONFIG ? "absent" : s->file[i].digest);
	}
	for (size_t i = 0; i < s->env->n_loops && text; i++)
		text = arena_printf(s->arena, "%s loop %s %s %u", text, s->env->loop[i].zone,
				    cf_addr_text(s->arena, &s->env->loop[i].addr, s->env->loop[i].port), s->env->loop[i].scope_id);
	if (!text)
		return cf_nomem(s);
	hash_sha256_hex(text, strlen(text), s->plan->digest);
	return 0;
}

static int plan_files(struct cf_setup *s, const struct corefile *c)
{
	for (size_t i = 0; i < c->n_files; i++) {
		struct corefile_file *f = arena_push(s->arena, &s->file, &s->n_files, sizeof(*f));

		if (!f)
			return cf_nomem(s);
		*f = (struct corefile_file){.path = arena_str(s->arena, c->file[i]),
					    .kind = COREFILE_FILE_CONFIG};
		if (!f->path)
			return cf_nomem(s);
	}
	return 0;
}

static int plan_warnings(struct cf_setup *s, const struct cf_report *parse)
{
	const struct cf_report *from[] = {parse, s->report};
	const char **list = NULL;
	size_t n = 0;

	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < from[k]->n; i++) {
			if (from[k]->note[i].is_error)
				continue;
			const char **slot = arena_push(s->arena, &list, &n, sizeof(*slot));

			if (!slot || !(*slot = arena_str(s->arena, from[k]->note[i].text)))
				return cf_nomem(s);
		}
	s->plan->n_warnings = n;
	s->plan->warning = list;
	return 0;
}

static int plan_blocks(struct cf_setup *s)
{
	struct corefile_block *out = arena_alloc(s->arena, s->n_blocks * sizeof(*out));

	if (!out)
		return cf_nomem(s);
	for (size_t i = 0; i < s->n_blocks; i++)
		out[i] = s->block[i].out;
	s->plan->n_blocks = s->n_blocks;
	s->plan->block = out;
	return 0;
}

static int plan_build(struct cf_setup *s, const struct corefile *c)
{
	int err = plan_files(s, c);

	for (size_t i = 0; i < c->n_servers && err == 0; i++)
		err = block_compile(s, &c->server[i]);
	if (err == 0)
		err = cf_listeners(s);
	if (err == 0)
		err = cf_upstreams(s);
	if (err == 0)
		err = cf_plan_zones(s);
	if (err == 0)
		err = plan_blocks(s);
	if (err == 0)
		err = plan_digest(s, c);
	if (err == 0)
		err = plan_warnings(s, c->report);
	s->plan->n_files = s->n_files;
	s->plan->file = s->file;
	s->plan->n_regex = s->n_regex;
	s->plan->regex = s->regex;
	return err;
}

/* Both reports in one: the tree's notes come first. */
int cf_compile_report(struct corefile_plan **ret, const struct corefile *c,
		      const struct corefile_env *e, struct cf_report **ret_report)
{
	struct arena *a = arena_new(CF_ARENA_MAX);
	struct corefile_plan *p = a ? arena_alloc(a, sizeof(*p)) : NULL;
	struct cf_report *r = a ? cf_report_new(a) : NULL;

	*ret = NULL;
	if (!p || !r) {
		arena_free(a);
		return ERR_NOMEM;
	}
	struct cf_setup s = {.env = e, .arena = a, .report = r, .plan = p};

	p->arena = a;
	int err = plan_build(&s, c);

	*ret = p;
	*ret_report = r;
	return err ? err : r->n_errors ? ERR_SYNTAX : 0;
}

int corefile_compile(struct corefile_plan **ret, const struct corefile *c,
		     const struct corefile_env *e, struct diag *d)
{
	struct corefile_plan *p;
	struct cf_report *r = NULL;
	int err = cf_compile_report(&p, c, e, &r);

	if (!p)
		return diag_set(d, err, "out of memory");
	if (err) {
		err = cf_report_diag(r, d);
		corefile_plan_free(p);
		return err;
	}
	*ret = p;
	return 0;
}

void corefile_plan_free(struct corefile_plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_regex; i++)
		cf_regex_free(p->regex[i]);
	arena_free(p->arena);
}

int corefile_load(struct corefile_plan **ret, const char *path, const struct corefile_env *e,
		  struct diag *d)
{
	struct corefile *c;
	int err = corefile_parse_file(&c, path, e, d);

	if (err)
		return err;
	err = corefile_compile(ret, c, e, d);
	corefile_free(c);
	return err;
}
