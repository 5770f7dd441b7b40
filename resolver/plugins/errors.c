/* SPDX-License-Identifier: Apache-2.0 */
/* errors [stdout] { stacktrace; consolidate DURATION REGEXP [LEVEL] [show_first] } */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/first.h"
#include "resolver/plugins/plugins.h"

/* Of a panic, which there is none of. */
static int errors_stacktrace(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)s;
	(void)n;
	(void)to;
	return 0;
}

static int errors_consolidate(struct cf_setup *s, const struct cf_node *n, void *to)
{
	static const char *const levels[] = {"error", "warning", "info", "debug",
					     NULL}; /* enum corefile_level */
	struct corefile_consolidate c = {.level = COREFILE_ERROR};
	struct corefile_block *b = &s->b->out;
	size_t i = 3;

	(void)to;
	if (b->n_consolidate >= COREFILE_CONSOLIDATE_MAX)
		return cf_error(s, &n->tok[0], "more than %d 'consolidate'",
				COREFILE_CONSOLIDATE_MAX);
	int err = cf_duration(s, &n->tok[1], 0, NS_PER_MS, 86400 * NS_PER_S, &c.period_ns);

	c.pattern = arena_str(s->arena, n->tok[2].text);
	if (!c.pattern)
		return cf_nomem(s);
	c.regex = cf_regex(s, &n->tok[2], c.pattern);
	if (i < n->n && strcmp(n->tok[i].text, "show_first") != 0) {
		int level = cf_choice(s, &n->tok[i++], "level", levels);

		if (level < 0)
			return ERR_SYNTAX;
		c.level = (enum corefile_level)level;
	}
	if (i < n->n) {
		static const char *const words[] = {"show_first", NULL};

		if (cf_choice(s, &n->tok[i], "option of 'consolidate'", words) < 0)
			return ERR_SYNTAX;
		c.show_first = true;
	}
	if (err || !c.regex)
		return err ? err : ERR_SYNTAX;
	b->consolidate[b->n_consolidate++] = c;
	return 0;
}

static const struct cf_option options[] = {
	{"stacktrace", 0, 0, "", errors_stacktrace},
	{"consolidate", 2, 4, "DURATION REGEXP [LEVEL] [show_first]", errors_consolidate},
	{0},
};

int setup_errors(struct cf_setup *s, const struct cf_node *n)
{
	int err = cf_args(s, n, 0, 1, "[stdout]");

	if (err == 0 && n->n > 1 && strcmp(n->tok[1].text, "stdout") != 0)
		err = cf_error(s, &n->tok[1], "invalid log file: '%s': expected stdout",
			       n->tok[1].text);
	s->b->out.has_errors = s->b->zone.has_errors = true;
	int more = cf_options(s, n, options, NULL);

	return err_first(err, more);
}
