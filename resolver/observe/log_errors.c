/* SPDX-License-Identifier: Apache-2.0 */
/* CoreDNS's words for what failed, and their counting by rule and period. */
#include "resolver/observe/log_errors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/net/sockaddr.h"

#define PREFIX "plugin/errors: "
#define WORDS_MAX 256

struct rule {
	struct log_errors *all;
	const struct corefile_consolidate *c;
	bool debug; /* its block prints lines of level debug */
	struct loop_timer period;
	uint64_t n;
};
struct log_errors {
	const struct corefile_plan *plan;
	struct loop *loop;
	struct log_out *out;
	size_t n;
	struct rule rule[]; /* COREFILE_CONSOLIDATE_MAX a block */
};

/* --- words --- */

static size_t decimals_cut(char *s)
{
	size_t n = strlen(s);

	while (n && s[n - 1] == '0')
		n--;
	if (n && s[n - 1] == '.')
		n--;
	s[n] = 0;
	return n;
}

void log_errors_duration(char *buf, size_t cap, uint64_t ns)
{
	uint64_t s = ns / NS_PER_S;
	char num[40];

	if (ns < NS_PER_S) {
		bool ms = ns >= NS_PER_MS;

		snprintf(num, sizeof(num), "%.6f",
			 (double)ns / (double)(ms ? NS_PER_MS : NS_PER_US));
		decimals_cut(num);
		snprintf(buf, cap, "%s%s", num, ms ? "ms" : "\u00b5s");
		return;
	}
	snprintf(num, sizeof(num), "%" PRIu64 ".%09" PRIu64, s % 60, ns % NS_PER_S);
	decimals_cut(num);
	if (s >= 3600)
		snprintf(buf, cap, "%" PRIu64 "h%" PRIu64 "m%ss", s / 3600, s / 60 % 60, num);
	else if (s >= 60)
		snprintf(buf, cap, "%" PRIu64 "m%ss", s / 60, num);
	else
		snprintf(buf, cap, "%ss", num);
}

/* Which of Go's calls would have failed, and what it says after the address. */
static const char *go_call(const struct core_failed *f, bool connected, const char **ret_step)
{
	bool udp = f->proto == CORE_UDP;

	*ret_step = "";
	switch (f->why) {
	case CORE_FAIL_TIMEOUT:
		return udp || connected ? "read" : "dial";
	case CORE_FAIL_REFUSED:
		*ret_step = udp ? "read: " : "connect: ";
		return udp ? "read" : "dial";
	case CORE_FAIL_UNREACHABLE:
		*ret_step = "connect: ";
		return "dial";
	case CORE_FAIL_NOSOCKET:
		*ret_step = "socket: ";
		return "dial";
	case CORE_FAIL_TLS:
		return "dial";
	default:
		return "read";
	}
}

void log_errors_words(char *buf, size_t cap, const struct core_failed *f, const char *upstream,
		      const struct upstream_seen *at)
{
	char local[SOCKADDR_TEXT] = "";
	const char *step, *call = go_call(f, at && at->connected, &step);

	if (!upstream || f->why == CORE_FAIL_CLOSED) {
		snprintf(buf, cap, "%s", core_fail_text(f->why));
		return;
	}
	if (at && strcmp(call, "read") == 0)
		sockaddr_text(local, &at->local, at->local_port);
	snprintf(buf, cap, "%s %s %s%s%s: %s%s", call, f->proto == CORE_UDP ? "udp" : "tcp", local,
		 local[0] ? "->" : "", upstream, step, core_fail_text(f->why));
}

/* --- lines --- */

static void line_put(struct log_errors *l, enum corefile_level level, bool debug, const char *text)
{
	static const char *const word[] = {
		[COREFILE_ERROR] = "ERROR",
		[COREFILE_WARNING] = "WARNING",
		[COREFILE_INFO] = "INFO",
		[COREFILE_DEBUG] = "DEBUG",
	};
	char line[LOG_OUT_LINE_MAX];

	if (level == COREFILE_DEBUG && !debug)
		return;
	snprintf(line, sizeof(line), "[%s] " PREFIX "%s", word[level], text);
	log_out_line(l->out, line);
}

static void rule_tell(struct rule *r)
{
	char period[40], pattern[1500], text[LOG_OUT_LINE_MAX / 2];
	uint64_t n = r->n;

	r->n = 0;
	if (n == 0 || (n == 1 && r->c->show_first))
		return;
	log_errors_duration(period, sizeof(period), r->c->period_ns);
	log_escape(pattern, sizeof(pattern), r->c->pattern);
	snprintf(text, sizeof(text), "%" PRIu64 " errors like '%s' occurred in last %s", n, pattern,
		 period);
	line_put(r->all, r->c->level, r->debug, text);
}

static void period_over(struct loop_timer *t)
{
	rule_tell(container_of(t, struct rule, period));
}

static struct rule *rule_find(struct log_errors *l, uint16_t block, const char *words)
{
	struct rule *r = &l->rule[(size_t)block * COREFILE_CONSOLIDATE_MAX];

	for (size_t i = 0; i < l->plan->block[block].n_consolidate; i++)
		if (corefile_regex_match(r[i].c->regex, words, strlen(words)))
			return &r[i];
	return NULL;
}

/* CoreDNS's text names the limit. */
static void limit_words(char *words, size_t cap, const struct core_zone *z)
{
	uint64_t max = 0;

	for (size_t i = 0; i < z->n_forward && !max; i++)
		max = z->forward[i].max_concurrent;
	snprintf(words, cap, "%s %" PRIu64, core_fail_text(CORE_FAIL_LIMIT), max);
}

void log_errors_add(struct log_errors *l, const struct core_failed *f,
		    const struct upstream_seen *at)
{
	char words[WORDS_MAX], name[NAME_MAX_TEXT], type[16], text[NAME_MAX_TEXT + WORDS_MAX + 64];
	enum corefile_level level = COREFILE_ERROR;

	if (!l || f->zone >= l->plan->conf.n_zones)
		return;
	const struct core_conf *conf = &l->plan->conf;
	const struct core_zone *z = &conf->zone[f->zone];
	bool has_upstream = f->upstream < conf->n_upstreams;

	log_errors_words(words, sizeof(words), f,
			 has_upstream ? conf->upstream[f->upstream].label : NULL, at);
	if (f->why == CORE_FAIL_LIMIT)
		limit_words(words, sizeof(words), z);
	struct rule *r = rule_find(l, z->block, words);

	if (r) {
		if (r->n++ == 0)
			loop_timer_set(l->loop, &r->period, l->loop->now_ns + r->c->period_ns);
		if (r->n > 1 || !r->c->show_first)
			return;
		level = r->c->level;
	}
	name_to_text(f->name, name, sizeof(name));
	snprintf(text, sizeof(text), "%u %s %s: %s", f->rcode, name, dns_type_str(f->qtype, type),
		 words);
	line_put(l, level, l->plan->block[z->block].debug, text);
}

int log_errors_new(struct log_errors **ret, const struct corefile_plan *p, struct loop *loop,
		   struct log_out *out, struct diag *d)
{
	size_t n = p->n_blocks * COREFILE_CONSOLIDATE_MAX;
	bool any = false;

	for (size_t i = 0; i < p->n_blocks; i++)
		any |= p->block[i].has_errors;
	*ret = NULL;
	if (!any)
		return 0;
	struct log_errors *l = calloc(1, sizeof(*l) + n * sizeof(l->rule[0]));

	if (!l)
		return diag_set(d, ERR_NOMEM, "no memory for errors");
	*l = (struct log_errors){.plan = p, .loop = loop, .out = out, .n = n};
	for (size_t i = 0; i < n; i++) {
		const struct corefile_block *b = &p->block[i / COREFILE_CONSOLIDATE_MAX];

		l->rule[i] = (struct rule){.all = l,
					   .c = &b->consolidate[i % COREFILE_CONSOLIDATE_MAX],
					   .debug = b->debug,
					   .period.due = period_over};
	}
	*ret = l;
	return 0;
}

void log_errors_free(struct log_errors *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		rule_tell(&l->rule[i]);
		loop_timer_set(l->loop, &l->rule[i].period, T_NEVER);
	}
	free(l);
}
