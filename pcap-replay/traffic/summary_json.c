/* SPDX-License-Identifier: Apache-2.0 */
/* For a program, and for the report. */
#include "pcap-replay/traffic/summary_int.h"

#include <string.h>

#include "lib/dns/name.h"
#include "lib/dns/wire.h"
#include "lib/base/jout.h"
#include "pcap-replay/traffic/waste.h"

struct figure {
	const char *name;
	double v;
};

static uint64_t skipped(const struct extract_counts *x)
{
	uint64_t n = x->other_ports + x->tls;
	for (int v = 1; v < N_DECODE; v++)
		n += x->decode[v];
	return n;
}

#define FIGURES 29

/* The metrics of summary_metrics, in one place for JSON and record. */
static size_t figures(const struct summary *s, const struct summary_ends *e, struct figure ret[FIGURES])
{
	const struct extract_counts *x = e->x;
	const struct figure f[] = {
		{"capture.frames", (double)x->frames.frames},
		{"capture.skipped", (double)skipped(x)},
		{"capture.malformed", (double)x->malformed},
		{"capture.span", summary_span_s(e)},
		{"capture.hops", (double)s->views},
		{"queries.sent", (double)s->queries},
		{"queries.retried", (double)s->retransmits},
		{"queries.unanswered", (double)s->unanswered},
		{"queries.udp", (double)s->udp},
		{"queries.tcp", (double)s->tcp},
		{"queries.rate", summary_rate(s)},
		{"queries.peak_1s", (double)s->second.peak},
		{"queries.peak_100ms", (double)s->tenth.peak},
		{"queries.local", (double)s->to_local},
		{"answers.total", (double)s->answered},
		{"answers.noerror", (double)s->rcode[DNS_NOERROR]},
		{"answers.nxdomain", (double)s->rcode[DNS_NXDOMAIN]},
		{"answers.servfail", (double)s->rcode[DNS_SERVFAIL]},
		{"answers.truncated", (double)s->truncated},
		{"answers.alone", (double)e->t->event[TXE_ALONE]},
		{"answers.elsewhere", (double)s->elsewhere},
		{"answers.late", (double)s->late},
		{"answers.twice", (double)s->again},
		{"lookups.total", (double)e->lookups},
		{"lookups.wasted", (double)e->waste->queries},
		{"names.distinct", (double)tally_count(s->names)},
		{"stubs.named", (double)summary_stubs_named(s)},
		{"tcp.connections", (double)e->t->opens},
		{"tcp.holes", (double)x->streams.holes},
	};
	_Static_assert(sizeof(f) / sizeof(f[0]) == FIGURES, "room for each");
	memcpy(ret, f, sizeof(f));
	return FIGURES;
}

void summary_record(const struct summary *s, const struct summary_ends *e, struct result *r)
{
	struct figure f[FIGURES];
	size_t n = figures(s, e, f);
	for (size_t i = 0; i < n; i++)
		result_num(r, f[i].name, f[i].v);
	result_hist(r, "latency.capture", &s->latency);
	summary_tables(s, r);
}

static void addresses(struct jout *j, const char *key, const struct tally *t, const struct summary *s)
{
	const struct tally_row *top[TOP];
	char ip[INET6_ADDRSTRLEN];
	size_t n = tally_top(t, BY_ASKED, top, TOP);
	jout_open(j, key, '[');
	for (size_t i = 0; i < n; i++) {
		struct in6_addr a;
		memcpy(&a, top[i]->key, 16);
		jout_open(j, NULL, '{');
		jout_text(j, "address", qs_ip_to_text(&a, ip));
		if (addrmap_name(s->map, &a, NULL))
			jout_text(j, "name", addrmap_name(s->map, &a, NULL));
		jout_u64(j, "queries", top[i]->n[BY_ASKED]);
		jout_u64(j, "unanswered", top[i]->n[BY_UNANSWERED]);
		jout_u64(j, "nxdomain", top[i]->n[BY_DENIED]);
		jout_u64(j, "resent", top[i]->n[BY_RESENT]);
		jout_u64(j, "answered_elsewhere", top[i]->n[BY_ELSEWHERE]);
		struct stub_verdict v;
		if (t == s->clients && summary_stub_of(s, &a, &v)) {
			jout_text(j, "stub", v.who);
			jout_text(j, "stub_because", v.why);
		}
		jout_close(j, '}');
	}
	jout_close(j, ']');
}

static void stubs_json(struct jout *j, const struct summary *s)
{
	struct stub_row row[STUB_ROWS];
	size_t n = summary_stubs(s, row);
	jout_open(j, "stubs", '[');
	for (size_t i = 0; i < n; i++) {
		jout_open(j, NULL, '{');
		jout_text(j, "stub", row[i].who);
		jout_u64(j, "clients", row[i].clients);
		jout_u64(j, "questions", row[i].questions);
		jout_close(j, '}');
	}
	jout_close(j, ']');
}

static void paths_json(struct jout *j, const struct summary *s)
{
	struct path_shares p;
	paths_shares(s->paths, s->map, &p);
	jout_open(j, "paths", '{');
	for (int i = 0; i < N_PATHS; i++)
		jout_u64(j, path_key[i], p.queries[i]);
	jout_u64(j, "forwarded", p.forwarded);
	jout_close(j, '}');
}

static void names(struct jout *j, const struct summary *s)
{
	const struct tally_row *top[TOP];
	char text[NAME_MAX_TEXT];
	size_t n = tally_top(s->names, BY_ASKED, top, TOP);
	jout_open(j, "names", '[');
	for (size_t i = 0; i < n; i++) {
		name_to_text(top[i]->key, text, sizeof(text));
		jout_open(j, NULL, '{');
		jout_text(j, "name", text);
		jout_u64(j, "queries", top[i]->n[BY_ASKED]);
		jout_u64(j, "nxdomain", top[i]->n[BY_DENIED]);
		jout_close(j, '}');
	}
	jout_close(j, ']');
}

static void codes(struct jout *j, const char *key, const uint64_t *count, size_t n, const char *(*word)(uint16_t, char *))
{
	char buf[16];
	jout_open(j, key, '{');
	for (size_t i = 0; i < n; i++)
		if (count[i])
			jout_u64(j, word((uint16_t)i, buf), count[i]);
	jout_close(j, '}');
}

static void skips(struct jout *j, const struct extract_counts *x)
{
	jout_open(j, "skipped", '{');
	for (int v = 1; v < N_DECODE; v++)
		if (x->decode[v])
			jout_u64(j, decode_verdict_str((enum decode_verdict)v), x->decode[v]);
	jout_u64(j, "other ports", x->other_ports);
	jout_u64(j, "looks like VXLAN", x->looks_vxlan);
	jout_u64(j, "DNS over TLS", x->tls);
	jout_close(j, '}');
}

static void quantiles(struct jout *j, const char *key, const struct hist *h)
{
	jout_open(j, key, '{');
	jout_u64(j, "n", h->n);
	jout_u64(j, "p50", hist_quantile(h, 0.5));
	jout_u64(j, "p90", hist_quantile(h, 0.9));
	jout_u64(j, "p99", hist_quantile(h, 0.99));
	jout_u64(j, "max", h->n ? h->max : 0);
	jout_close(j, '}');
}

static void advice(struct jout *j, const struct summary *s, const struct summary_ends *e)
{
	struct waste_advice a[ADVICE];
	char text[NAME_MAX_TEXT];
	size_t n = e->waste->queries ? waste_advise(e->waste->by, s->map, a, ADVICE) : 0;
	jout_open(j, "workloads", '[');
	for (size_t i = 0; i < n; i++) {
		jout_open(j, NULL, '{');
		jout_text(j, "workload", a[i].who);
		jout_u64(j, "addresses", a[i].clients);
		jout_u64(j, "queries_wasted", a[i].queries);
		jout_u64(j, "names", a[i].n_names);
		jout_u64(j, "saved_by_ndots_1", a[i].ndots1);
		jout_u64(j, "saved_by_ndots_2", a[i].ndots2);
		jout_u64(j, "saved_by_dots", a[i].by_names);
		jout_open(j, "dots_behind", '[');
		for (size_t k = 0; k < a[i].shown; k++) {
			name_to_text(a[i].name[k].b, text, sizeof(text));
			jout_text(j, NULL, text);
		}
		jout_close(j, ']');
		jout_close(j, '}');
	}
	jout_close(j, ']');
}

void summary_json(const struct summary *s, const struct summary_ends *e, FILE *out)
{
	struct jout j;
	struct figure f[FIGURES];
	size_t n = figures(s, e, f);
	jout_begin(&j, out, "nodens-pcap-summary/1");
	jout_open(&j, "metrics", '{');
	for (size_t i = 0; i < n; i++)
		jout_f64(&j, f[i].name, f[i].v);
	jout_close(&j, '}');
	skips(&j, e->x);
	codes(&j, "types", s->type, 65536, dns_type_str);
	codes(&j, "rcodes", s->rcode, RCODES, dns_rcode_str);
	jout_open(&j, "resent_after_s", '{');
	for (size_t i = 0; retry_rules[i].gap_ns; i++) {
		char gap[16];
		snprintf(gap, sizeof(gap), "%g", (double)retry_rules[i].gap_ns / 1e9);
		jout_u64(&j, gap, s->retry[i]);
	}
	jout_u64(&j, "other", s->retry_other);
	jout_close(&j, '}');
	jout_open(&j, "search_list", '{');
	jout_u64(&j, "queries_wasted", e->waste->queries);
	jout_u64(&j, "saved_by_ndots_1", e->waste->ndots1);
	jout_u64(&j, "saved_by_ndots_2", e->waste->ndots2);
	advice(&j, s, e);
	jout_close(&j, '}');
	quantiles(&j, "latency_ns", &s->latency);
	quantiles(&j, "latency_behind_nat_ns", &s->beyond);
	quantiles(&j, "latency_on_node_ns", &s->inside);
	paths_json(&j, s);
	addresses(&j, "servers", s->servers, s);
	addresses(&j, "clients", s->clients, s);
	stubs_json(&j, s);
	names(&j, s);
	if (e->more)
		e->more(e->ctx, &j);
	jout_end(&j);
}
