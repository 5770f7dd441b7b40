/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Queries" are what clients put on the wire, each counted once however many
 * views of it the capture holds; a retransmission is a query again.
 */
#include "pcap-replay/traffic/summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/name.h"

#define RCODES 4096
#define TOP    10

struct top { /* the most frequent values of something */
	uint32_t *value;
	uint64_t *count;
	size_t n;
};

struct summary {
	const struct extract_counts *x;
	const struct transact *t;
	uint64_t queries, retransmits, answered, unanswered, truncated, hops, udp, tcp;
	uint64_t type[65536], rcode[RCODES];
	uint64_t *by_name;
	uint32_t top_name[TOP];
	size_t n_top;
	uint64_t n_clients;
	struct hist latency, retry_gap;
};

const struct metric_def summary_metrics[] = {
	{"capture.frames", "1", MERGE_SUM, "frames read"},
	{"capture.skipped", "1", MERGE_SUM, "frames that did not lead to a DNS message, all reasons"},
	{"capture.malformed", "1", MERGE_SUM, "DNS messages that could not be parsed"},
	{"capture.span", "s", MERGE_MAX, "from the first to the last frame"},
	{"capture.hops", "1", MERGE_SUM, "further views of queries already counted"},
	{"queries.sent", "1", MERGE_SUM, "queries by clients, retransmissions included, views not"},
	{"queries.retried", "1", MERGE_SUM, "of them repeats of an unanswered question"},
	{"queries.unanswered", "1", MERGE_SUM, "transactions without an answer"},
	{"queries.udp", "1", MERGE_SUM, "queries over UDP"},
	{"queries.tcp", "1", MERGE_SUM, "queries over TCP"},
	{"answers.total", "1", MERGE_SUM, "transactions answered"},
	{"answers.noerror", "1", MERGE_SUM, "with rcode NOERROR"},
	{"answers.nxdomain", "1", MERGE_SUM, "with rcode NXDOMAIN"},
	{"answers.servfail", "1", MERGE_SUM, "with rcode SERVFAIL"},
	{"answers.truncated", "1", MERGE_SUM, "with TC set"},
	{"answers.alone", "1", MERGE_SUM, "answers whose question is not in the capture"},
	{"lookups.total", "1", MERGE_SUM, "lookups: address families and search list folded"},
	{"names.distinct", "1", MERGE_MAX, "distinct names asked for"},
	{"tcp.connections", "1", MERGE_SUM, "TCP connections seen from their SYN"},
	{"tcp.holes", "1", MERGE_SUM, "segments missing from the capture"},
	{"latency.capture", "ns", MERGE_SUM, "histogram: question to answer, as the capture saw it"},
	{NULL, NULL, MERGE_SUM, NULL},
};

static void count_txn(struct summary *s, const struct txn *q)
{
	uint64_t repeats = q->n_sent - 1u + q->retry;
	s->queries += q->n_sent;
	s->retransmits += repeats;
	s->hops += q->n_hops;
	s->type[q->qtype] += q->n_sent;
	*(q->proto == QS_UDP ? &s->udp : &s->tcp) += q->n_sent;
	s->by_name[q->name] += q->n_sent;
	if (!q->answered_ns) {
		s->unanswered++;
		return;
	}
	s->answered++;
	s->rcode[q->rcode % RCODES]++;
	s->truncated += q->truncated;
	hist_record(&s->latency, q->answered_ns > q->t_ns ? q->answered_ns - q->t_ns : 0);
}

static void find_top(struct summary *s)
{
	size_t n = transact_n_names(s->t);
	for (size_t k = 0; k < TOP && k < n; k++) {
		uint32_t best = UINT32_MAX;
		for (uint32_t i = 0; i < n; i++) {
			bool have = false;
			for (size_t j = 0; j < k; j++)
				have |= s->top_name[j] == i;
			if (!have && s->by_name[i] && (best == UINT32_MAX || s->by_name[i] > s->by_name[best]))
				best = i;
		}
		if (best == UINT32_MAX)
			return;
		s->top_name[s->n_top++] = best;
	}
}

struct summary *summary_new(const struct extract_counts *x, const struct transact *t)
{
	struct summary *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->x = x;
	s->t = t;
	hist_init(&s->latency);
	s->by_name = calloc(transact_n_names(t) + 1, sizeof(*s->by_name));
	if (!s->by_name) {
		free(s);
		return NULL;
	}
	for (size_t i = 0; i < transact_count(t); i++)
		count_txn(s, transact_at(t, i));
	find_top(s);
	return s;
}

void summary_free(struct summary *s)
{
	if (!s)
		return;
	free(s->by_name);
	free(s);
}

/* --- for a person --- */

static void line(FILE *out, const char *what, uint64_t n, const char *note)
{
	fprintf(out, "  %-28s %10" PRIu64 "%s%s\n", what, n, *note ? "  " : "", note);
}

static void print_frames(const struct summary *s, FILE *out)
{
	const struct extract_counts *x = s->x;
	double span = x->last_ns > x->first_ns ? (double)(x->last_ns - x->first_ns) / 1e9 : 0;
	fprintf(out, "capture (%s, %.3f s)\n", x->format, span);
	line(out, "frames", x->frames, "");
	for (int v = 1; v < N_DECODE; v++)
		if (x->decode[v])
			line(out, decode_verdict_str((enum decode_verdict)v), x->decode[v], "skipped");
	if (x->other_ports)
		line(out, "other ports", x->other_ports, "skipped");
	if (x->tls)
		line(out, "DNS over TLS segments", x->tls, "not readable");
	if (x->out_of_order)
		line(out, "frames out of time order", x->out_of_order, "");
	line(out, "DNS messages", x->messages, "");
	if (x->malformed)
		line(out, "malformed", x->malformed, "");
	if (x->cut)
		line(out, "cut by the snap length", x->cut, "");
}

static void print_queries(const struct summary *s, FILE *out)
{
	const struct transact_counts *c = transact_counts(s->t);
	uint64_t lookups = transact_n_lookups(s->t);
	fprintf(out, "\nqueries\n");
	line(out, "queries", s->queries, "");
	line(out, "over UDP", s->udp, "");
	line(out, "over TCP", s->tcp, "");
	line(out, "retransmits", s->retransmits, "");
	line(out, "other views of them", s->hops, "not counted as queries");
	line(out, "lookups", lookups, "");
	if (lookups)
		fprintf(out, "  %-28s %10.2f\n", "queries per lookup", (double)s->queries / (double)lookups);
	line(out, "distinct names", transact_n_names(s->t), "");
	fprintf(out, "\nanswers\n");
	line(out, "answered", s->answered, "");
	line(out, "unanswered", s->unanswered, "");
	line(out, "truncated", s->truncated, "");
	if (c->answers_alone)
		line(out, "without their question", c->answers_alone, "");
	if (c->answers_again)
		line(out, "answered twice", c->answers_again, "");
	if (c->no_question)
		line(out, "no readable question", c->no_question, "");
}

static void print_table(const char *title, const uint64_t *count, size_t n,
			const char *(*word)(uint16_t, char *), FILE *out)
{
	char buf[16];
	fprintf(out, "\n%s\n", title);
	for (size_t i = 0; i < n; i++)
		if (count[i])
			line(out, word((uint16_t)i, buf), count[i], "");
}

static void print_latency(const struct summary *s, FILE *out)
{
	static const double q[] = {0.5, 0.9, 0.99, 0.999};
	if (!s->latency.n)
		return;
	fprintf(out, "\nquestion to answer, as the capture saw it (n = %" PRIu64 ")\n", s->latency.n);
	for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++)
		if ((double)s->latency.n * (1 - q[i]) >= 1 || q[i] == 0.5)
			fprintf(out, "  p%-27g %10.3f ms\n", q[i] * 100, (double)hist_quantile(&s->latency, q[i]) / 1e6);
	fprintf(out, "  %-28s %10.3f ms\n", "max", (double)s->latency.max / 1e6);
}

void summary_print(const struct summary *s, FILE *out)
{
	const struct tcp_counts *tcp = &s->x->streams;
	print_frames(s, out);
	print_queries(s, out);
	print_table("types", s->type, 65536, dns_type_str, out);
	print_table("rcodes", s->rcode, RCODES, dns_rcode_str, out);
	if (tcp->connections || tcp->midstream) {
		fprintf(out, "\nTCP\n");
		line(out, "connections", tcp->connections, "");
		line(out, "picked up in mid-stream", tcp->midstream, "");
		line(out, "holes", tcp->holes, "");
		line(out, "octets of no message", tcp->lost_bytes, "");
		line(out, "messages cut off", tcp->partial, "");
	}
	print_latency(s, out);
	if (s->n_top)
		fprintf(out, "\nnames asked for most\n");
	for (size_t i = 0; i < s->n_top; i++) {
		char text[NAME_MAX_TEXT];
		name_to_text(transact_name(s->t, s->top_name[i]), text, sizeof(text));
		fprintf(out, "  %10" PRIu64 "  %s\n", s->by_name[s->top_name[i]], text);
	}
}

/* --- for the report --- */

void summary_record(const struct summary *s, struct result *r)
{
	const struct extract_counts *x = s->x;
	uint64_t skipped = x->other_ports + x->tls;
	for (int v = 1; v < N_DECODE; v++)
		skipped += x->decode[v];
	const struct {
		const char *name;
		double v;
	} row[] = {
		{"capture.frames", (double)x->frames},
		{"capture.skipped", (double)skipped},
		{"capture.malformed", (double)x->malformed},
		{"capture.span", x->last_ns > x->first_ns ? (double)(x->last_ns - x->first_ns) / 1e9 : 0},
		{"capture.hops", (double)s->hops},
		{"queries.sent", (double)s->queries},
		{"queries.retried", (double)s->retransmits},
		{"queries.unanswered", (double)s->unanswered},
		{"queries.udp", (double)s->udp},
		{"queries.tcp", (double)s->tcp},
		{"answers.total", (double)s->answered},
		{"answers.noerror", (double)s->rcode[DNS_NOERROR]},
		{"answers.nxdomain", (double)s->rcode[DNS_NXDOMAIN]},
		{"answers.servfail", (double)s->rcode[DNS_SERVFAIL]},
		{"answers.truncated", (double)s->truncated},
		{"answers.alone", (double)transact_counts(s->t)->answers_alone},
		{"lookups.total", (double)transact_n_lookups(s->t)},
		{"names.distinct", (double)transact_n_names(s->t)},
		{"tcp.connections", (double)x->streams.connections},
		{"tcp.holes", (double)x->streams.holes},
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		result_num(r, row[i].name, row[i].v);
	result_hist(r, "latency.capture", &s->latency);
}

int summary_csv(const struct transact *t, const char *path, struct diag *d)
{
	FILE *out = fopen(path, "w");
	if (!out)
		return diag_errno(d, "%s", path);
	fputs("t_ns,answered_ns,proto,client,cport,server,sport,id,qname,qtype,rcode,sent,hops,retry,lookup\n", out);
	for (size_t i = 0; i < transact_count(t); i++) {
		const struct txn *q = transact_at(t, i);
		char c[INET6_ADDRSTRLEN], v[INET6_ADDRSTRLEN], type[16], rcode[16], name[NAME_MAX_TEXT];
		name_to_text(transact_name(t, q->name), name, sizeof(name));
		fprintf(out, "%" PRIu64 ",%" PRIu64 ",%s,%s,%u,%s,%u,%u,\"", q->t_ns, q->answered_ns,
			q->proto == QS_UDP ? "udp" : "tcp", qs_ip_to_text(&q->client.ip, c), q->client.port,
			qs_ip_to_text(&q->server.ip, v), q->server.port, q->id);
		for (const char *p = name; *p; p++)
			fprintf(out, *p == '"' ? "\"\"" : "%c", *p);
		fprintf(out, "\",%s,%s,%u,%u,%d,%u\n", dns_type_str(q->qtype, type),
			q->answered_ns ? dns_rcode_str(q->rcode, rcode) : "", q->n_sent, q->n_hops, q->retry, q->lookup);
	}
	if (fclose(out))
		return diag_errno(d, "%s", path);
	return 0;
}
