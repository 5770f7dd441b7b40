/* SPDX-License-Identifier: Apache-2.0 */
/* Which plays are made, and how they are shown. */
#include "pcap-replay/whatif/whatif.h"

#include <inttypes.h>

#include "lib/record/table.h"

#include "lib/base/clock.h"

static const uint32_t sizes[WHATIF_SIZES] = {64, 256, 1024, 4096, PLAY_STOCK_ENTRIES, 65536};
static const uint32_t ttls[WHATIF_TTLS] = {5, 10, 30, 60, 300, 3600};
static const char *const shields[WHATIF_SHIELDS] = {"off", "on", "trust"};
static const char *const rival_key[PLAY_RIVALS] = {"original", "lru", "no_limit"};

int whatif_run(struct whatif *ret, const struct asked *a, const char *domain, struct diag *d)
{
	struct play_conf c = {.asked = a, .domain = domain, .ttl_s = PLAY_STOCK_TTL_S, .negative_ttl_s = PLAY_STOCK_NEGATIVE_S};
	int rc = 0;

	*ret = (struct whatif){.asked = a};
	for (size_t i = 0; i < a->n; i++) {
		ret->captured_wait_ns += a->one[i].wait_ns;
		ret->unanswered += a->one[i].wait_ns == 0;
	}
	for (size_t i = 0; i < WHATIF_SIZES && rc == 0; i++) {
		c.entries = ret->size[i].entries = sizes[i];
		rc = play_ours(&c, &ret->size[i].ours, d);
		for (enum play_rival k = 0; k < PLAY_RIVALS && rc == 0; k++)
			rc = play_rival(&c, k, &ret->size[i].rival[k], d);
	}
	for (size_t i = 0; i < WHATIF_TTLS && rc == 0; i++) {
		c.ttl_s = ret->ttl[i].ttl_s = ttls[i];
		rc = play_ours(&c, &ret->ttl[i].ours, d); /* of the largest size */
	}
	c.ttl_s = PLAY_STOCK_TTL_S;
	c.entries = PLAY_STOCK_ENTRIES;
	for (size_t i = 0; i < WHATIF_SHIELDS && rc == 0; i++) {
		c.shield = shields[i];
		rc = play_ours(&c, &ret->shield[i], d);
	}
	return rc;
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static double at_once(const struct play_counts *n)
{
	return share(n->at_once, n->questions);
}

/* The smallest from which a larger one brings less than half a percent of the questions. */
static size_t knee(const struct whatif *w)
{
	size_t i = WHATIF_SIZES - 1;

	while (i > 0 && at_once(&w->size[i - 1].ours) > at_once(&w->size[WHATIF_SIZES - 1].ours) - 0.005)
		i--;
	return i;
}

static size_t stock(void)
{
	size_t i = 0;

	while (sizes[i] != PLAY_STOCK_ENTRIES)
		i++;
	return i;
}

void whatif_print(const struct whatif *w, FILE *out)
{
	const struct play_counts *n = &w->size[stock()].ours;

	if (!w->asked->n) {
		fputs("\nwhat a node cache would have made of it: no client's question is known whole\n", out);
		return;
	}
	fprintf(out, "\nwhat a node cache would have made of it (%zu questions of clients)\n", w->asked->n);
	fprintf(out, "  %.1f %% answered at once; %" PRIu64 " questions to upstreams (%.1f %%), of them %" PRIu64 " second tries; %" PRIu64 " to the cluster's DNS\n",
		100 * at_once(n), n->asked, 100 * share(n->asked, n->questions), n->again, n->asked_cluster);
	fprintf(out, "  clients waited %.3f s for answers; it would have been %.3f s\n", (double)w->captured_wait_ns / 1e9,
		(double)n->waited_ns / 1e9);
	fprintf(out, "  %" PRIu32 " entries are enough: more answer less than 0.5 %% of the questions besides\n", w->size[knee(w)].entries);
	if (w->asked->forwarded)
		fprintf(out, "  %" PRIu64 " questions that servers asked other servers are not among them\n", w->asked->forwarded);
	if (w->unanswered)
		fprintf(out, "  %" PRIu64 " have no answer in the capture: it stays out here too\n", w->unanswered);
	if (w->asked->untold)
		fprintf(out, "  %" PRIu64 " more questions are not counted for want of memory (--memory) or of their octets\n", w->asked->untold);
	fprintf(out, "\n  answered at once, %%\n  %10s %12s", "entries", "node-cache");
	for (enum play_rival k = 0; k < PLAY_RIVALS; k++)
		fprintf(out, " %14s", play_rival_text[k]);
	fputs("\n", out);
	for (size_t i = 0; i < WHATIF_SIZES; i++) {
		fprintf(out, "  %10" PRIu32 " %12.2f", w->size[i].entries, 100 * at_once(&w->size[i].ours));
		for (enum play_rival k = 0; k < PLAY_RIVALS; k++)
			fprintf(out, " %14.2f", 100 * at_once(&w->size[i].rival[k]));
		fputs("\n", out);
	}
	fprintf(out, "\n  %10s %12s\n", "TTLs up to", "node-cache");
	for (size_t i = 0; i < WHATIF_TTLS; i++)
		fprintf(out, "  %8" PRIu32 " s %12.2f\n", w->ttl[i].ttl_s, 100 * at_once(&w->ttl[i].ours));
	fprintf(out, "\n  %-22s %12s %14s %14s\n", "search-path shield", "at once, %", "cluster DNS", "of them denied");
	for (size_t i = 0; i < WHATIF_SHIELDS; i++)
		fprintf(out, "  %-22s %12.2f %14" PRIu64 " %14" PRIu64 "\n", shields[i], 100 * at_once(&w->shield[i]),
			w->shield[i].asked_cluster, w->shield[i].asked_cluster_nx);
}

static void counts_json(struct jout *j, const char *key, const struct play_counts *n)
{
	jout_open(j, key, '{');
	jout_u64(j, "questions", n->questions);
	jout_u64(j, "at_once", n->at_once);
	jout_u64(j, "asked", n->asked);
	jout_close(j, '}');
}

static void ours_json(struct jout *j, const char *key, const struct play_counts *n)
{
	jout_open(j, key, '{');
	jout_u64(j, "questions", n->questions);
	jout_u64(j, "at_once", n->at_once);
	jout_u64(j, "asked", n->asked);
	jout_u64(j, "again", n->again);
	jout_u64(j, "asked_cluster", n->asked_cluster);
	jout_u64(j, "asked_cluster_nxdomain", n->asked_cluster_nx);
	jout_u64(j, "made_up", n->made_up);
	jout_f64(j, "waited_s", (double)n->waited_ns / 1e9);
	jout_close(j, '}');
}

void whatif_json(const struct whatif *w, struct jout *j)
{
	jout_open(j, "what_if", '{');
	jout_u64(j, "questions", w->asked->n);
	jout_u64(j, "forwarded", w->asked->forwarded);
	jout_u64(j, "unanswered", w->unanswered);
	jout_u64(j, "untold", w->asked->untold);
	jout_f64(j, "captured_wait_s", (double)w->captured_wait_ns / 1e9);
	jout_u64(j, "enough_entries", w->size[knee(w)].entries);
	jout_open(j, "sizes", '[');
	for (size_t i = 0; i < WHATIF_SIZES; i++) {
		jout_open(j, NULL, '{');
		jout_u64(j, "entries", w->size[i].entries);
		ours_json(j, "node_cache", &w->size[i].ours);
		for (enum play_rival k = 0; k < PLAY_RIVALS; k++)
			counts_json(j, rival_key[k], &w->size[i].rival[k]);
		jout_close(j, '}');
	}
	jout_close(j, ']');
	jout_open(j, "ttls", '[');
	for (size_t i = 0; i < WHATIF_TTLS; i++) {
		jout_open(j, NULL, '{');
		jout_u64(j, "ttl_s", w->ttl[i].ttl_s);
		ours_json(j, "node_cache", &w->ttl[i].ours);
		jout_close(j, '}');
	}
	jout_close(j, ']');
	jout_open(j, "shield", '{');
	for (size_t i = 0; i < WHATIF_SHIELDS; i++)
		ours_json(j, shields[i], &w->shield[i]);
	jout_close(j, '}');
	jout_close(j, '}');
}

/* The curve as the report draws it. */
static void put_curve(const struct whatif *w, struct result *r)
{
	static const char *const columns[] = {"entries", "hit_share", "original_share", "lru_share", "no_limit_share", NULL};
	struct table t;
	int rc = 0;

	table_init(&t, columns);
	for (size_t i = 0; i < WHATIF_SIZES; i++) {
		double row[2 + PLAY_RIVALS] = {w->size[i].entries, at_once(&w->size[i].ours)};
		for (enum play_rival k = 0; k < PLAY_RIVALS; k++)
			row[2 + k] = at_once(&w->size[i].rival[k]);
		rc = rc ? rc : table_add(&t, NULL, row);
	}
	if (rc == 0)
		result_table(r, "cache_size", &t);
	table_release(&t);
}

static void put_ttls(const struct whatif *w, struct result *r)
{
	static const char *const columns[] = {"ttl_s", "hit_share", NULL};
	struct table t;
	int rc = 0;

	table_init(&t, columns);
	for (size_t i = 0; i < WHATIF_TTLS; i++) {
		double row[] = {w->ttl[i].ttl_s, at_once(&w->ttl[i].ours)};
		rc = rc ? rc : table_add(&t, NULL, row);
	}
	if (rc == 0)
		result_table(r, "cache_ttl", &t);
	table_release(&t);
}

void whatif_record(const struct whatif *w, struct result *r)
{
	const struct play_counts *n = &w->size[stock()].ours;
	char name[64];

	result_num(r, "whatif.questions", (double)n->questions);
	result_num(r, "whatif.at_once", (double)n->at_once);
	result_num(r, "whatif.asked", (double)n->asked);
	result_num(r, "whatif.asked_cluster", (double)n->asked_cluster);
	result_num(r, "whatif.waited", (double)n->waited_ns / 1e9);
	result_num(r, "whatif.captured_wait", (double)w->captured_wait_ns / 1e9);
	for (size_t i = 0; i < WHATIF_SIZES; i++) {
		snprintf(name, sizeof(name), "whatif.hit_ratio.node_cache.%" PRIu32, w->size[i].entries);
		result_num(r, name, at_once(&w->size[i].ours));
		for (enum play_rival k = 0; k < PLAY_RIVALS; k++) {
			snprintf(name, sizeof(name), "whatif.hit_ratio.%s.%" PRIu32, rival_key[k], w->size[i].entries);
			result_num(r, name, at_once(&w->size[i].rival[k]));
		}
	}
	for (size_t i = 0; i < WHATIF_SHIELDS; i++) {
		snprintf(name, sizeof(name), "whatif.shield.%s", shields[i]);
		result_num(r, name, (double)w->shield[i].asked_cluster);
	}
	if (w->asked->n) {
		put_curve(w, r);
		put_ttls(w, r);
	}
}
