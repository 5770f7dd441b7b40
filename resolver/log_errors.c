/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "resolver/log_errors.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"

#define PREFIX "plugin/errors: "

struct rule {
	const struct corefile_consolidate *c;
	struct loop *loop;
	struct loop_timer period;
	uint64_t n;
};
struct log_errors {
	size_t n;
	struct rule rule[];
};

static enum log_level level_of(const struct corefile_consolidate *c)
{
	static const enum log_level of[] = {
		[COREFILE_ERROR] = LOG_LVL_ERROR, [COREFILE_WARNING] = LOG_LVL_WARNING,
		[COREFILE_INFO] = LOG_LVL_INFO, [COREFILE_DEBUG] = LOG_LVL_DEBUG,
	};
	return of[c->level];
}

static void rule_tell(struct rule *r)
{
	/* With the first one shown, only those that followed are news. */
	uint64_t n = r->n - (r->c->show_first && r->n > 0);
	if (n)
		log_line(level_of(r->c), PREFIX "%llu errors like '%s' occurred in last %gs",
			 (unsigned long long)r->n, r->c->pattern, (double)r->c->period_ns / 1e9);
	r->n = 0;
}

static void period_over(struct loop_timer *t)
{
	rule_tell(container_of(t, struct rule, period));
}

bool log_errors_take(struct log_errors *l, const char *text)
{
	if (!l || strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return false;
	const char *words = text + strlen(PREFIX);
	for (size_t i = 0; i < l->n; i++) {
		struct rule *r = &l->rule[i];
		if (!corefile_regex_match(r->c->regex, words, strlen(words)))
			continue;
		if (r->n++ == 0) {
			loop_timer_set(r->loop, &r->period, r->loop->now_ns + r->c->period_ns);
			return !r->c->show_first;
		}
		return true;
	}
	return false;
}

int log_errors_new(struct log_errors **ret, const struct corefile_plan *p, struct loop *loop,
		   struct diag *d)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n_blocks; i++)
		n += p->block[i].n_consolidate;
	*ret = NULL;
	if (!n)
		return 0;
	struct log_errors *l = calloc(1, sizeof(*l) + n * sizeof(l->rule[0]));
	if (!l)
		return diag_set(d, ERR_NOMEM, "no memory for errors");
	for (size_t i = 0; i < p->n_blocks; i++)
		for (size_t j = 0; j < p->block[i].n_consolidate; j++)
			l->rule[l->n++] = (struct rule){ .c = &p->block[i].consolidate[j],
							 .loop = loop, .period.due = period_over };
	*ret = l;
	return 0;
}

void log_errors_free(struct log_errors *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		rule_tell(&l->rule[i]);
		loop_timer_set(l->rule[i].loop, &l->rule[i].period, T_NEVER);
	}
	free(l);
}
