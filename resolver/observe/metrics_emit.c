/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Series of the core's counters. Labels come in the alphabetical order of Go's
 * client; like there, a counter with labels appears with its first event.
 */
#include <inttypes.h>
#include <string.h>

#include "resolver/core/cache.h"
#include "resolver/observe/metrics_int.h"

static const double *duration_edges(void)
{
	static double edge[STATS_DURATION_EDGES];

	for (int k = 0; k < STATS_DURATION_EDGES; k++)
		edge[k] = 0.00025 * (double)(1u << k);
	return edge;
}

static const double size_edges[STATS_SIZE_EDGES] = {0,    100,  200,  300,  400,   511,   1023,
						    2047, 4095, 8291, 16000, 32000, 48000, 64000};

static uint64_t u64_at(const void *base, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)base + offset);
}

static const char *rcode_label(unsigned rcode, char buf[16])
{
	static const char *const name[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
		"NXRRSET", "NOTAUTH", "NOTZONE", "DSOTYPENI", NULL, NULL, NULL, NULL,
		"BADSIG", "BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG", "BADTRUNC", "BADCOOKIE",
	};

	if (rcode < sizeof name / sizeof *name && name[rcode])
		return name[rcode];
	snprintf(buf, 16, "RCODE%u", rcode);
	return buf;
}

/* --- scalars --- */

void emit_core(const struct metrics_page *p, const struct metrics_family *f)
{
	fprintf(p->out, "%s %" PRIu64 "\n", f->name, u64_at(p->sum, f->at));
}

void emit_driver(const struct metrics_page *p, const struct metrics_family *f)
{
	if (p->in->driver)
		fprintf(p->out, "%s %" PRIu64 "\n", f->name, u64_at(p->in->driver, f->at));
}

/* --- per server and zone --- */

/* server="...",view="",zone="..." of a row, or NULL when it is hidden. */
static const char *row_labels(const struct metrics_page *p, uint32_t i, char buf[METRICS_LABEL_MAX])
{
	char server[160], zone[280];

	if (p->hidden[i])
		return NULL;
	snprintf(buf, METRICS_LABEL_MAX, "server=\"%s\",view=\"\",zone=\"%s\"",
		 metrics_escape(p->sum->server[i].server, server, sizeof server),
		 metrics_escape(p->sum->server[i].zone, zone, sizeof zone));
	return buf;
}

void emit_row(const struct metrics_page *p, const struct metrics_family *f)
{
	char buf[METRICS_LABEL_MAX];

	for (uint32_t i = 0; i < p->sum->n_servers; i++) {
		uint64_t v = u64_at(&p->sum->server[i], f->at);
		const char *labels = row_labels(p, i, buf);

		if (v && labels)
			fprintf(p->out, "%s{%s} %" PRIu64 "\n", f->name, labels, v);
	}
}

void emit_row_duration(const struct metrics_page *p, const struct metrics_family *f)
{
	char buf[METRICS_LABEL_MAX];

	for (uint32_t i = 0; i < p->sum->n_servers; i++) {
		const struct stats_duration *h = &p->sum->server[i].duration;
		const char *labels = row_labels(p, i, buf);

		if (h->n && labels)
			metrics_histogram(p->out, f->name, labels, duration_edges(), STATS_DURATION_EDGES, h->bucket,
					  (double)h->sum_ns / 1e9, h->n);
	}
}

void emit_row_size(const struct metrics_page *p, const struct metrics_family *f)
{
	char buf[METRICS_LABEL_MAX], with_proto[METRICS_LABEL_MAX + 32];

	for (int proto = 1; proto >= 0; proto--) {
		for (uint32_t i = 0; i < p->sum->n_servers; i++) {
			const struct stats_size *h = (const struct stats_size *)(const void *)
				((const char *)&p->sum->server[i] + f->at) + proto;
			const char *labels = row_labels(p, i, buf);

			if (!h->n || !labels)
				continue;
			snprintf(with_proto, sizeof with_proto, "proto=\"%s\",%s", proto ? "tcp" : "udp", labels);
			metrics_histogram(p->out, f->name, with_proto, size_edges, STATS_SIZE_EDGES, h->bucket,
					  (double)h->sum, h->n);
		}
	}
}

static void requests_of(const struct metrics_page *p, const struct metrics_family *f, uint32_t row, int proto, int family)
{
	const struct stats_server *s = &p->sum->server[row];
	char server[160], zone[280];

	metrics_escape(s->server, server, sizeof server);
	metrics_escape(s->zone, zone, sizeof zone);
	for (unsigned t = 0; t <= STATS_TYPES; t++) {
		if (s->requests[proto][family][t])
			fprintf(p->out, "%s{family=\"%d\",proto=\"%s\",server=\"%s\",type=\"%s\",view=\"\",zone=\"%s\"} %" PRIu64 "\n",
				f->name, family + 1, proto ? "tcp" : "udp", server, stats_type_label(t), zone,
				s->requests[proto][family][t]);
	}
}

void emit_requests(const struct metrics_page *p, const struct metrics_family *f)
{
	for (int family = 0; family < 2; family++) {
		for (int proto = 1; proto >= 0; proto--) {
			for (uint32_t i = 0; i < p->sum->n_servers; i++) {
				if (!p->hidden[i])
					requests_of(p, f, i, proto, family);
			}
		}
	}
}

void emit_responses(const struct metrics_page *p, const struct metrics_family *f)
{
	char buf[METRICS_LABEL_MAX], rcode[16];

	for (uint32_t i = 0; i < p->sum->n_servers; i++) {
		const struct stats_server *s = &p->sum->server[i];
		const char *labels = row_labels(p, i, buf);

		for (unsigned r = 0; labels && r < STATS_RCODES; r++) {
			if (s->responses[r])
				fprintf(p->out, "%s{plugin=\"%s\",rcode=\"%s\",%s} %" PRIu64 "\n", f->name,
					metrics_plugin_label(p, s), rcode_label(r, rcode), labels, s->responses[r]);
		}
	}
}

/* --- cache: per server and block, so rows of one block's zones are one series --- */

static bool same_cache(const struct stats_server *a, const struct stats_server *b)
{
	return !strcmp(a->server, b->server) && !strcmp(a->zones, b->zones);
}

/* Sum over the rows of row i's cache; false when an earlier row did that. */
static bool cache_sum(const struct metrics_page *p, uint32_t i, size_t at, uint64_t *ret)
{
	const struct stats_server *row = p->sum->server;

	if (!row[i].zones[0])
		return false;
	for (uint32_t k = 0; k < i; k++) {
		if (same_cache(&row[k], &row[i]))
			return false;
	}
	*ret = 0;
	for (uint32_t k = i; k < p->sum->n_servers; k++) {
		if (same_cache(&row[k], &row[i]))
			*ret += u64_at(&row[k], at);
	}
	return true;
}

static void cache_line(const struct metrics_page *p, const char *name, uint32_t i, const char *type, uint64_t v)
{
	char server[160], zones[560];

	metrics_escape(p->sum->server[i].server, server, sizeof server);
	metrics_escape(p->sum->server[i].zones, zones, sizeof zones);
	if (type)
		fprintf(p->out, "%s{server=\"%s\",type=\"%s\",view=\"\",zones=\"%s\"} %" PRIu64 "\n", name, server, type, zones, v);
	else
		fprintf(p->out, "%s{server=\"%s\",view=\"\",zones=\"%s\"} %" PRIu64 "\n", name, server, zones, v);
}

void emit_cache(const struct metrics_page *p, const struct metrics_family *f)
{
	uint64_t v;

	for (uint32_t i = 0; i < p->sum->n_servers; i++) {
		if (cache_sum(p, i, f->at, &v) && v)
			cache_line(p, f->name, i, NULL, v);
	}
}

void emit_cache_typed(const struct metrics_page *p, const struct metrics_family *f)
{
	uint64_t v;

	for (uint32_t i = 0; i < p->sum->n_servers; i++) {
		if (cache_sum(p, i, f->at2, &v) && v)
			cache_line(p, f->name, i, "denial", v);
		if (cache_sum(p, i, f->at, &v) && v)
			cache_line(p, f->name, i, "success", v);
	}
}

/* All blocks share one cache here, where CoreDNS has one each: what a block shows
 * is what it brought. */
void emit_cache_entries(const struct metrics_page *p, const struct metrics_family *f)
{
	const struct stats_server *row = p->sum->server;
	uint64_t ignored;

	for (uint32_t i = 0; i < p->sum->n_servers; i++) {
		if (!cache_sum(p, i, offsetof(struct stats_server, cache_requests), &ignored))
			continue;
		cache_line(p, f->name, i, "denial", row[i].cache_entries[CACHE_DENIAL]);
		cache_line(p, f->name, i, "success", row[i].cache_entries[CACHE_POSITIVE]);
	}
}

/* --- upstreams --- */

void emit_upstream(const struct metrics_page *p, const struct metrics_family *f)
{
	char to[170];

	for (uint32_t i = 0; i < p->sum->n_upstreams; i++) {
		uint64_t v = u64_at(&p->sum->upstream[i], f->at);

		if (v)
			fprintf(p->out, "%s{proxy_name=\"forward\",to=\"%s\"} %" PRIu64 "\n", f->name,
				metrics_escape(p->sum->upstream[i].to, to, sizeof to), v);
	}
}

void emit_upstream_conns(const struct metrics_page *p, const struct metrics_family *f)
{
	static const char *const proto[CORE_PROTOS] = {"udp", "tcp", "tcp-tls", "https"};
	char to[170];

	for (int k = 0; k < CORE_PROTOS; k++) {
		for (uint32_t i = 0; i < p->sum->n_upstreams; i++) {
			uint64_t v = u64_at(&p->sum->upstream[i], f->at + (size_t)k * sizeof v);

			if (v)
				fprintf(p->out, "%s{proto=\"%s\",proxy_name=\"forward\",to=\"%s\"} %" PRIu64 "\n", f->name,
					proto[k], metrics_escape(p->sum->upstream[i].to, to, sizeof to), v);
		}
	}
}

void emit_upstream_duration(const struct metrics_page *p, const struct metrics_family *f)
{
	char to[170], labels[METRICS_LABEL_MAX], rcode[16];

	for (uint32_t i = 0; i < p->sum->n_upstreams; i++) {
		for (unsigned r = 0; r < STATS_RCODES; r++) {
			const struct stats_duration *h = &p->sum->upstream[i].duration[r];

			if (!h->n)
				continue;
			snprintf(labels, sizeof labels, "proxy_name=\"forward\",rcode=\"%s\",to=\"%s\"", rcode_label(r, rcode),
				 metrics_escape(p->sum->upstream[i].to, to, sizeof to));
			metrics_histogram(p->out, f->name, labels, duration_edges(), STATS_DURATION_EDGES, h->bucket,
					  (double)h->sum_ns / 1e9, h->n);
		}
	}
}

void emit_upstream_plain(const struct metrics_page *p, const struct metrics_family *f)
{
	char to[170];

	for (uint32_t i = 0; i < p->sum->n_upstreams; i++)
		fprintf(p->out, "%s{to=\"%s\"} %" PRIu64 "\n", f->name,
			metrics_escape(p->sum->upstream[i].to, to, sizeof to), u64_at(&p->sum->upstream[i], f->at));
}

void emit_upstream_fails(const struct metrics_page *p, const struct metrics_family *f)
{
	/* order of enum core_fail_why */
	static const char *const why[] = {"refused", "closed", "unreachable", "badreply", "nosocket", "tls", "guessed", "gave_way", "ended"};
	char to[170];

	for (uint32_t i = 0; i < p->sum->n_upstreams; i++) {
		const struct stats_upstream *u = &p->sum->upstream[i];

		for (size_t k = 0; k < sizeof why / sizeof *why; k++) {
			if (u->fails[k])
				fprintf(p->out, "%s{to=\"%s\",why=\"%s\"} %" PRIu64 "\n", f->name,
					metrics_escape(u->to, to, sizeof to), why[k], u->fails[k]);
		}
	}
}
