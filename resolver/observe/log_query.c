/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the rule, then fills its compiled format. */
#include "resolver/observe/log_query.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"

#define PREFIX "[INFO] "

struct log_query {
	const struct corefile_plan *plan;
	struct log_out *out;
	struct rng rng; /* sampling: nobody gains by guessing it */
	size_t n_formats;
	struct log_format *format[]; /* COREFILE_LOG_MAX a block */
};

static const struct corefile_log *rule_find(const struct log_query *l, const struct core_done *done,
					    struct log_format **ret_format)
{
	const struct core_conf *conf = &l->plan->conf;
	struct dns_question q;
	struct wire w;

	if (done->zone >= conf->n_zones || !conf->zone[done->zone].has_log)
		return NULL;
	uint16_t block = conf->zone[done->zone].block;
	const struct corefile_block *b = &l->plan->block[block];

	wire_init(&w, done->query, done->query_len);
	wire_skip(&w, DNS_HEADER_LEN);
	wire_question(&w, &q);
	if (w.err)
		return NULL;
	for (size_t i = 0; i < b->n_logs; i++) {
		for (size_t j = 0; j < b->log[i].n_names; j++) {
			if (!name_within(q.name, b->log[i].name[j].b))
				continue;
			*ret_format = l->format[block * COREFILE_LOG_MAX + i];
			return &b->log[i];
		}
	}
	return NULL;
}

static const char *upstream_of(const struct log_query *l, const struct core_done *done)
{
	const struct core_conf *conf = &l->plan->conf;

	return done->upstream < conf->n_upstreams ? conf->upstream[done->upstream].label : NULL;
}

void log_query_add(struct log_query *l, const struct core_client *c, const struct core_done *done)
{
	struct log_format *format;
	const struct corefile_log *rule = rule_find(l, done, &format);
	const char *type;

	if (!rule || done->reply_len == 0)
		return; /* what gets no reply never reached CoreDNS's log either */
	if (rule->classes != COREFILE_LOG_ALL &&
	    !(rule->classes & log_class_of(done->reply, done->reply_len, &type)))
		return;
	if (rule->sample < 1.0 && rng_unit(&l->rng) >= rule->sample)
		return;
	char *line = log_out_reserve(l->out);

	if (!line)
		return;
	/* A hit takes no time on the core's clock, which stands still in a round. */
	uint64_t now = clock_mono_ns();
	struct log_facts facts = {.client = c,
				  .done = done,
				  .upstream = upstream_of(l, done),
				  .took_ns = now > done->start_ns ? now - done->start_ns : 0};
	size_t n = sizeof(PREFIX) - 1;

	memcpy(line, PREFIX, n);
	n += log_format_print(format, &facts, line + n, LOG_OUT_LINE_MAX - n);
	log_out_commit(l->out, n);
}

int log_query_new(struct log_query **ret, const struct corefile_plan *p, struct log_out *out,
		  struct diag *d)
{
	size_t n = p->n_blocks * COREFILE_LOG_MAX, n_logs = 0;
	struct log_query *l;

	for (size_t i = 0; i < p->n_blocks; i++)
		n_logs += p->block[i].n_logs;
	*ret = NULL;
	if (!n_logs)
		return 0;
	l = calloc(1, sizeof(*l) + n * sizeof(l->format[0]));
	if (!l)
		return diag_set(d, ERR_NOMEM, "no memory for the query log");
	l->plan = p;
	l->out = out;
	l->n_formats = n;
	rng_seed(&l->rng, rng_os_u64());
	for (size_t i = 0; i < p->n_blocks; i++) {
		for (size_t j = 0; j < p->block[i].n_logs; j++) {
			if (log_format_new(&l->format[i * COREFILE_LOG_MAX + j],
					   p->block[i].log[j].format) == 0)
				continue;
			log_query_free(l);
			return diag_set(d, ERR_NOMEM, "no memory for the query log");
		}
	}
	*ret = l;
	return 0;
}

void log_query_free(struct log_query *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_formats; i++)
		log_format_free(l->format[i]);
	free(l);
}
