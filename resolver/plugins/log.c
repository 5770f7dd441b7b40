/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log [NAMES...] [FORMAT] { class CLASSES...; sample PERCENT% }. A last word
 * with a brace in it is the format; {common} and {combined} are put in here.
 */
#include <string.h>

#include "resolver/plugins/plugins.h"

#define COMMON                                                                                     \
	"{remote}:{port} - {>id} \"{type} {class} {name} {proto} {size} {>do} {>bufsize}\" "       \
	"{rcode} {>rflags} {rsize} {duration}"
#define COMBINED COMMON " \"{>opcode}\""

static const char *const tokens[] = {
	"{type}", "{name}",	"{class}",  "{proto}",	  "{remote}",  "{local}",    "{size}",
	"{port}", "{duration}", "{rcode}",  "{rsize}",	  "{>rflags}", "{>bufsize}", "{>do}",
	"{>id}",  "{>opcode}",	"{common}", "{combined}", NULL,
};

static const char *format_expand(struct cf_setup *s, const char *format)
{
	static const char *const shorts[][2] = {{"{common}", COMMON}, {"{combined}", COMBINED}};

	for (size_t i = 0; i < 2 && format; i++) {
		const char *hit = strstr(format, shorts[i][0]);

		if (hit)
			format = arena_printf(s->arena, "%.*s%s%s", (int)(hit - format), format,
					      shorts[i][1], hit + strlen(shorts[i][0]));
	}
	return format;
}

/* A {word} we cannot fill stays; {/metadata} prints "-". Other braces, as those
 * of a line in JSON, are text. */
static void format_check(struct cf_setup *s, const struct cf_token *t)
{
	static const char word[] = ">abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	for (const char *open = t->text; (open = strchr(open, '{')); open++) {
		size_t len = 1 + strspn(open + 1, word) + 1;
		bool known = len == 2 || open[len - 1] != '}';

		for (size_t i = 0; tokens[i] && !known; i++)
			known = strlen(tokens[i]) == len && memcmp(tokens[i], open, len) == 0;
		if (!known)
			cf_warn(s, t, "unknown placeholder %.*s in the log format stays as it is",
				(int)len, open);
	}
}

static int log_class(struct cf_setup *s, const struct cf_node *n, void *to)
{
	static const char *const kinds[] = {"success", "denial", "error", "all", NULL};
	static const unsigned bits[] = {COREFILE_LOG_SUCCESS, COREFILE_LOG_DENIAL,
					COREFILE_LOG_FAILURE, COREFILE_LOG_ALL};
	struct corefile_log *l = to;

	for (size_t i = 1; i < n->n; i++) {
		int k = cf_choice(s, &n->tok[i], "class", kinds);

		if (k < 0)
			return ERR_SYNTAX;
		l->classes |= bits[k];
	}
	return 0;
}

static int log_sample(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct cf_token t = n->tok[1];
	struct corefile_log *l = to;
	uint64_t percent = 0;
	size_t len = strlen(t.text);

	if (len < 2 || t.text[len - 1] != '%')
		return cf_error(s, &t, "'%s' is not a percentage: expected one like 1%%", t.text);
	t.text = arena_strn(s->arena, t.text, len - 1);
	if (!t.text)
		return cf_nomem(s);
	int err = cf_number(s, &t, 0, 100, &percent);

	l->sample = (double)percent / 100.0;
	return err;
}

static const struct cf_option options[] = {
	{"class", 1, CF_MANY, "success|denial|error|all...", log_class},
	{"sample", 1, 1, "PERCENT%", log_sample},
	{0},
};

int setup_log(struct cf_setup *s, const struct cf_node *n)
{
	struct corefile_log l = {.sample = 1.0};
	struct name *names = NULL, root = {.len = 1};
	size_t n_names = n->n - 1;
	const char *format = COMMON;
	int err;

	if (n_names && strchr(n->tok[n_names].text, '{')) {
		format = format_expand(s, n->tok[n_names].text);
		format_check(s, &n->tok[n_names]);
		n_names--;
	}
	err = cf_zones(s, n->tok + 1, n_names, &names, &l.n_names);
	if (err == 0 && l.n_names == 0) {
		names = arena_copy(s->arena, &root, sizeof(root));
		l.n_names = 1;
	}
	int more = cf_options(s, n, options, &l);

	l.name = names;
	l.format = format ? arena_str(s->arena, format) : NULL;
	if (l.classes == 0)
		l.classes = COREFILE_LOG_ALL;
	if (!l.name || !l.format)
		return err ? err : cf_nomem(s);
	if (s->b->out.n_logs >= COREFILE_LOG_MAX)
		return cf_error(s, &n->tok[0], "more than %d 'log' in a block", COREFILE_LOG_MAX);
	s->b->out.log[s->b->out.n_logs++] = l;
	s->b->zone.has_log = true;
	return err ? err : more;
}
