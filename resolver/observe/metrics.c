/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page: the workers' counters are summed row by row (rows are found by their
 * key, because each worker numbers its own), then each family of the tables
 * writes itself. HELP, TYPE and the order of families are done here, once.
 */
#include "resolver/observe/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "resolver/observe/metrics_int.h"

/* From the first counter to the end of a row everything is uint64_t. */
_Static_assert((sizeof(struct stats_server) - offsetof(struct stats_server, requests)) % 8 == 0, "row of counters");
_Static_assert((sizeof(struct stats_upstream) - offsetof(struct stats_upstream, duration)) % 8 == 0, "row of counters");
_Static_assert(offsetof(struct core_stats, n_servers) % 8 == 0, "block of counters");

static void add(void *to, const void *from, size_t start, size_t end)
{
	uint64_t *t = (uint64_t *)(void *)((char *)to + start);
	const uint64_t *f = (const uint64_t *)(const void *)((const char *)from + start);

	for (size_t i = 0; i < (end - start) / 8; i++)
		t[i] += f[i];
}

static struct stats_server *server_row(struct core_stats *sum, const struct stats_server *like)
{
	uint32_t i = 0;

	while (i < sum->n_servers && sum->server[i].key != like->key)
		i++;
	if (i == sum->n_servers && i < STATS_SERVERS_MAX) {
		sum->n_servers++;
		memcpy(&sum->server[i], like, offsetof(struct stats_server, requests));
	}
	return &sum->server[i < STATS_SERVERS_MAX ? i : STATS_SERVERS_MAX - 1];
}

static struct stats_upstream *upstream_row(struct core_stats *sum, const struct stats_upstream *like)
{
	uint32_t i = 0;

	while (i < sum->n_upstreams && sum->upstream[i].key != like->key)
		i++;
	if (i == sum->n_upstreams && i < CORE_UPSTREAMS_MAX) {
		sum->n_upstreams++;
		memcpy(&sum->upstream[i], like, offsetof(struct stats_upstream, duration));
	}
	return &sum->upstream[i < CORE_UPSTREAMS_MAX ? i : CORE_UPSTREAMS_MAX - 1];
}

static void merge_events(struct core_stats *sum, const struct core_stats *s)
{
	for (uint32_t i = 0; i < s->n_events && i < STATS_EVENTS_MAX; i++)
		stats_event_add(sum, &s->event[i], s->event[i].n);
}

/* A worker may be writing: a counter read now or a moment later is both right. */
static void merge(struct core_stats *sum, const struct core_stats *s)
{
	uint32_t n_servers = s->n_servers, n_upstreams = s->n_upstreams;

	add(sum, s, 0, offsetof(struct core_stats, n_servers));
	for (uint32_t i = 0; i < n_servers && i < STATS_SERVERS_MAX; i++) {
		const struct stats_server *row = &s->server[i];
		struct stats_server *to;

		if (!row->key)
			continue;
		to = server_row(sum, row);
		add(to, row, offsetof(struct stats_server, requests), sizeof(*row));
		for (unsigned k = 0; k < 2 && row->block < STATS_BLOCKS_MAX; k++)
			to->cache_entries[k] += s->block_entries[row->block][k];
	}
	merge_events(sum, s);
	for (uint32_t i = 0; i < n_upstreams && i < CORE_UPSTREAMS_MAX; i++) {
		if (s->upstream[i].key)
			add(upstream_row(sum, &s->upstream[i]), &s->upstream[i],
			    offsetof(struct stats_upstream, duration), sizeof(struct stats_upstream));
	}
}

/* CoreDNS counts dns_* only in blocks with `prometheus`: stub domains have none. */
static void hide_rows(struct metrics_page *p)
{
	const struct core_conf *c = p->in->plan ? &p->in->plan->conf : NULL;
	char origin[NAME_MAX_TEXT];

	for (size_t z = 0; c && z < c->n_zones; z++) {
		if (c->zone[z].has_metrics)
			continue;
		name_to_text(c->zone[z].origin.b, origin, sizeof origin);
		for (uint32_t i = 0; i < p->sum->n_servers; i++) {
			if (strcmp(p->sum->server[i].zone, origin))
				continue;
			for (size_t l = 0; l < c->n_listeners; l++) {
				if ((c->zone[z].listeners >> l & 1) &&
				    !strcmp(c->listener[l].label, p->sum->server[i].server))
					p->hidden[i] = true;
			}
		}
	}
}

/* False: some had no room, and what is left of the page says less than it seems to. */
static bool write_families(const struct metrics_page *p, const struct metrics_family *f)
{
	for (; f->name; f++) {
		char *text = NULL;
		size_t size = 0;
		FILE *mem = text_open(&text, &size);
		struct metrics_page inner = *p;

		if (!mem)
			return false;
		inner.out = mem;
		f->emit(&inner, f);
		bool whole = !fclose(mem);
		/* A family without series is not mentioned, as with Go's client. */
		if (whole && size)
			fprintf(p->out, "# HELP %s %s\n# TYPE %s %s\n%s", f->name, f->help, f->name, f->type, text);
		free(text);
		if (!whole)
			return false;
	}
	return true;
}

int metrics_write(const struct metrics_input *in, FILE *out)
{
	struct core_stats *sum = calloc(1, sizeof *sum);
	bool *hidden = calloc(STATS_SERVERS_MAX, sizeof *hidden);
	bool no_memory = false;
	struct metrics_page p = {.in = in, .sum = sum, .out = out, .hidden = hidden, .no_memory = &no_memory};
	bool whole = false;

	if (sum && hidden) {
		for (size_t i = 0; i < in->n_stats; i++)
			merge(sum, in->stats[i]);
		hide_rows(&p);
		whole = write_families(&p, metrics_coredns) && write_families(&p, metrics_own) &&
			write_families(&p, metrics_process);
	}
	free(hidden);
	free(sum);
	return whole && !no_memory ? 0 : ERR_NOMEM;
}

void metrics_health_add(struct metrics_driver *m, uint64_t ns, int ok)
{
	uint64_t edge = 250000;
	unsigned i = 0;

	for (; i < METRICS_HEALTH_EDGES && ns > edge; edge *= 10)
		i++;
	m->health.bucket[i]++;
	m->health.sum_ns += ns;
	m->health.n++;
	m->health.failures += !ok;
}
