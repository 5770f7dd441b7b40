/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Queries" are what clients put on the wire, each counted once however many
 * views of it the capture holds; a retransmission is a query again.
 */
#include "pcap-replay/traffic/summary_int.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"

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
	{"queries.rate", "queries/s", MERGE_MAX, "mean over the questions' span"},
	{"queries.peak_1s", "queries", MERGE_MAX, "most in a second"},
	{"queries.peak_100ms", "queries", MERGE_MAX, "most in a tenth of a second"},
	{"queries.local", "1", MERGE_SUM, "queries to a link-local address, as node-local caches have"},
	{"answers.total", "1", MERGE_SUM, "transactions answered"},
	{"answers.noerror", "1", MERGE_SUM, "with rcode NOERROR"},
	{"answers.nxdomain", "1", MERGE_SUM, "with rcode NXDOMAIN"},
	{"answers.servfail", "1", MERGE_SUM, "with rcode SERVFAIL"},
	{"answers.truncated", "1", MERGE_SUM, "with TC set"},
	{"answers.alone", "1", MERGE_SUM, "answers whose question is not in the capture"},
	{"answers.elsewhere", "1", MERGE_SUM, "transactions answered from another address than was asked"},
	{"answers.late", "1", MERGE_SUM, "answered later than 5 s"},
	{"answers.twice", "1", MERGE_SUM, "second answers to one question"},
	{"lookups.total", "1", MERGE_SUM, "lookups: address families and search list folded"},
	{"lookups.wasted", "queries", MERGE_SUM, "denied before the bare name was found"},
	{"names.distinct", "1", MERGE_MAX, "distinct names asked for"},
	{"stubs.named", "1", MERGE_SUM, "clients whose stub resolver was told by what it does"},
	{"tcp.connections", "1", MERGE_SUM, "TCP connections seen from their SYN"},
	{"tcp.holes", "1", MERGE_SUM, "segments missing from the capture"},
	{"latency.behind_nat", "ns", MERGE_SUM, "histogram: of it, behind the last translation seen"},
	{"latency.on_node", "ns", MERGE_SUM, "histogram: the rest of it"},
	{"latency.capture", "ns", MERGE_SUM, "histogram: question to answer, as the client's view saw it"},
	/* of --what-if */
	{"whatif.questions", "1", MERGE_SUM, "clients' questions played at a cache that was not there"},
	{"whatif.at_once", "1", MERGE_SUM, "of them answered without asking anybody, by the manifest's cache"},
	{"whatif.asked", "1", MERGE_SUM, "questions that it would have asked"},
	{"whatif.asked_cluster", "1", MERGE_SUM, "of them to the cluster's DNS"},
	{"whatif.waited", "s", MERGE_SUM, "by all clients together, with it"},
	{"whatif.captured_wait", "s", MERGE_SUM, "by all clients together, as captured"},
	{"whatif.hit_ratio.*", "1", MERGE_LAST, "answered at once, by CACHE.ENTRIES: node_cache, original, lru, no_limit"},
	{"whatif.shield.*", "1", MERGE_SUM, "questions to the cluster's DNS, by the search-path shield: off, on, trust"},
	{NULL, NULL, MERGE_SUM, NULL},
};

struct summary *summary_new(struct budget *b, const struct addrmap *map)
{
	struct summary *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	hist_init(&s->latency);
	heat_init(&s->heat, HEAT_STEP_NS);
	hist_init(&s->beyond);
	hist_init(&s->inside);
	s->second.width_ns = NS_PER_S;
	s->tenth.width_ns = NS_PER_S / 10;
	s->names = tally_new(b, b->max / 8);
	s->clients = tally_new(b, b->max / 16);
	s->servers = tally_new(b, b->max / 32);
	s->paths = paths_new(b, b->max / 16);
	s->stubs = stubs_new(b, b->max / 16);
	s->map = map;
	if (!s->names || !s->clients || !s->servers || !s->paths || !s->stubs) {
		summary_free(s);
		return NULL;
	}
	return s;
}

void summary_free(struct summary *s)
{
	if (!s)
		return;
	tally_free(s->names);
	tally_free(s->clients);
	tally_free(s->servers);
	paths_free(s->paths);
	stubs_free(s->stubs);
	free(s);
}

double summary_span_s(const struct summary_ends *e)
{
	const struct frames_counts *f = &e->x->frames;
	return f->last_ns > f->first_ns ? (double)(f->last_ns - f->first_ns) / 1e9 : 0;
}

double summary_rate(const struct summary *s)
{
	return s->last_ns > s->first_ns ? (double)s->queries * 1e9 / (double)(s->last_ns - s->first_ns) : 0;
}

static void rate_count(struct rate *r, uint64_t t_ns)
{
	uint64_t bucket = t_ns / r->width_ns;
	if (bucket != r->bucket) {
		r->bucket = bucket;
		r->n = 0;
	}
	if (++r->n > r->peak)
		r->peak = r->n;
}

static void count_gap(struct summary *s, uint64_t gap_ns)
{
	const struct retry_rule *r = retry_rule_of(gap_ns);
	if (r)
		s->retry[r - retry_rules]++;
	else
		s->retry_other++;
}

void summary_message(struct summary *s, const struct dmessage *m, enum txn_event e, const struct txn *t)
{
	if (e == TXE_ANSWER && t) {
		stubs_answer(s->stubs, t);
		paths_answer(s->paths, t);
	}
	if (e == TXE_NEW && t)
		paths_question(s->paths, t);
	if (e != TXE_NEW && e != TXE_RESEND)
		return;
	rate_count(&s->second, m->pk.t_ns);
	rate_count(&s->tenth, m->pk.t_ns);
	if (!s->first_ns)
		s->first_ns = m->pk.t_ns;
	s->last_ns = m->pk.t_ns;
	if (t)
		stubs_question(s->stubs, e, t);
	if (t && t->gap_ns && (e == TXE_RESEND || t->retry))
		count_gap(s, t->gap_ns);
}

/* What of the client's waiting was spent behind the last translation seen. */
static void count_hops(struct summary *s, const struct txn *t)
{
	const struct txn_view *far = txn_translated(t);
	s->views += t->n_views - 1u;
	s->translated += far != NULL;
	if (!far || !far->answer_ns || !t->answered_ns || far->answer_ns < far->first_ns || t->answered_ns < t->t_ns)
		return;
	uint64_t all_ns = t->answered_ns - t->t_ns, beyond_ns = far->answer_ns - far->first_ns;
	hist_record(&s->beyond, beyond_ns);
	hist_record(&s->inside, all_ns > beyond_ns ? all_ns - beyond_ns : 0);
}

static void count_answer(struct summary *s, const struct txn *t)
{
	s->elsewhere += t->n_elsewhere > 0;
	s->again += t->n_again;
	if (!t->answered_ns) {
		s->unanswered++;
		s->passed_only += t->passed_ns != 0;
		return;
	}
	s->answered++;
	s->rcode[t->rcode % RCODES]++;
	s->truncated += t->truncated;
	s->late += t->late;
	hist_record(&s->latency, t->answered_ns > t->t_ns ? t->answered_ns - t->t_ns : 0);
	heat_record(&s->heat, t->t_ns > s->first_ns ? t->t_ns - s->first_ns : 0, t->answered_ns > t->t_ns ? t->answered_ns - t->t_ns : 0);
}

static void count_at(uint64_t *n, const struct txn *t)
{
	n[BY_ASKED] += t->n_sent;
	n[BY_ANSWERED] += t->answered_ns != 0;
	n[BY_UNANSWERED] += t->answered_ns == 0;
	n[BY_DENIED] += t->answered_ns && t->rcode == DNS_NXDOMAIN;
	n[BY_RESENT] += t->n_sent - 1u + t->retry;
	n[BY_ELSEWHERE] += t->n_elsewhere > 0;
}

void summary_txn(struct summary *s, const struct txn *t)
{
	count_hops(s, t);
	s->dups += t->n_dups;
	if (t->opcode != DNS_QUERY) {
		s->opcode[t->opcode]++;
		return;
	}
	s->queries += t->n_sent;
	s->retransmits += t->n_sent - 1u + t->retry;
	s->after_tc += t->after_tc;
	s->to_local += paths_is_local(&t->view.server.ip) ? t->n_sent : 0;
	*(t->proto == QS_UDP ? &s->udp : &s->tcp) += t->n_sent;
	count_answer(s, t);
	paths_txn(s->paths, t);
	count_at(tally_at(s->clients, &t->view.client.ip, 16), t);
	count_at(tally_at(s->servers, &t->view.server.ip, 16), t);
	if (!t->readable) {
		s->unreadable++;
		return;
	}
	s->type[t->qtype] += t->n_sent;
	count_at(tally_at_hash(s->names, t->name, t->name_len, t->name_hash), t);
}
