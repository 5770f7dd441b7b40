/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that say what must have happened:
 *
 *   expect reply CLIENT RCODE [ttl N] [an N] [ns N] [ar N] [aa|ra|ad|tc|cd] [no aa|ra|ad|tc]
 *          [ede N] [noede] [nsid TEXT] [cookie LEN] [len<=N] [size N] [ext] ["rr"...]
 *   expect upstream [UPSTREAM] NAME TYPE [udp|tcp|tls] [do] [cd] [rd|nord] [edns SIZE] [noedns]
 *   expect questions N           so many questions went upstream, whichever
 *   expect drop CLIENT
 *   expect nothing               no reply and no question since the last expected one
 *   expect count NAME VALUE      see counters[]
 *   expect event "words"         expect no event "words"
 *
 * Replies and questions are taken in order per client and per question; one
 * that no line expected fails the file at its end.
 */
#ifndef NODENS_SCENARIO_EXPECT_H
#define NODENS_SCENARIO_EXPECT_H

#include <stddef.h>

#include "tests/scenario/act.h"

static bool text_has(const char *section, const char *rr)
{
	const char *hit = strstr(section, rr);

	return hit && (hit == section || hit[-1] == '\n');
}

/* Record in canonical text, as lib/msg prints sections. */
static void expect_rr(struct world *w, const struct said *r, const char *rr, const char *qname)
{
	char want[9000], found[9000] = "";
	bool any = false;

	for (int sec = 0; sec < 3 && !any; sec++) {
		char *text = msg_section_text(r->bytes, r->len, sec, 0);
		uint8_t buf[4096];
		struct wire_out o;
		char *canon;

		wire_out_init(&o, buf, sizeof(buf));
		wire_put_header(&o, &(struct dns_header){.flags = DNS_QR, .n_an = 1});
		rr_put(w, &o, rr, qname);
		canon = msg_section_text(buf, o.len, 0, 0);
		snprintf(want, sizeof(want), "%s", canon ? canon : rr);
		any = text && canon && text_has(text, canon);
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s", text ? text : "");
		free(text);
		free(canon);
	}
	if (!any)
		script_fail(&w->s, "no such record: %sin the reply:\n%s", want, found);
}

static uint16_t flag_word(struct script *s)
{
	static const struct {
		const char *word;
		uint16_t flag;
	} flags[] = {{"aa", DNS_AA}, {"ra", DNS_RA}, {"ad", DNS_AD}, {"tc", DNS_TC}, {"cd", DNS_CD}};

	for (unsigned i = 0; i < 5; i++)
		if (word_is(s, flags[i].word))
			return flags[i].flag;
	return 0;
}

static void expect_equal(struct world *w, const char *what, uint64_t is, uint64_t want)
{
	if (is != want)
		script_fail(&w->s, "%s is %lu, not %lu", what, (unsigned long)is,
			    (unsigned long)want);
}

static void expect_option(struct world *w, const struct dns_msg *m, uint16_t code)
{
	struct script *s = &w->s;
	uint16_t len = 0;
	const uint8_t *p = dns_edns_option(&m->edns, code, &len);

	if (!p) {
		script_fail(s, "the reply has no option %u", code);
	} else if (code == EDNS_EDE) {
		expect_equal(w, "EDE", get_be16(p), number_next(s, "a code"));
	} else if (code == EDNS_COOKIE) {
		expect_equal(w, "the cookie's length", len, number_next(s, "a length"));
	} else {
		const char *text = word_next(s, "text");

		if (strlen(text) != len || memcmp(text, p, len) != 0)
			script_fail(s, "NSID is '%.*s'", len, (const char *)p);
	}
}

static bool reply_word(struct world *w, const struct said *r, const struct dns_msg *m)
{
	struct script *s = &w->s;
	uint16_t len, flag;

	if (word_is(s, "ttl")) {
		expect_equal(w, "the smallest TTL", m->min_ttl_s, number_next(s, "seconds"));
	} else if (word_is(s, "an")) {
		expect_equal(w, "ANCOUNT", m->h.n_an, number_next(s, "count"));
	} else if (word_is(s, "ns")) {
		expect_equal(w, "NSCOUNT", m->h.n_ns, number_next(s, "count"));
	} else if (word_is(s, "ar")) {
		expect_equal(w, "ARCOUNT", m->h.n_ar, number_next(s, "count"));
	} else if (word_is(s, "size")) {
		expect_equal(w, "OPT's size", m->edns.udp_size, number_next(s, "octets"));
	} else if (word_is(s, "max")) {
		uint64_t max = number_next(s, "octets");

		if (r->len > max)
			script_fail(s, "the reply has %zu octets", r->len);
	} else if (word_is(s, "ede")) {
		expect_option(w, m, EDNS_EDE);
	} else if (word_is(s, "nsid")) {
		expect_option(w, m, EDNS_NSID);
	} else if (word_is(s, "cookie")) {
		expect_option(w, m, EDNS_COOKIE);
	} else if (word_is(s, "noede")) {
		if (dns_edns_option(&m->edns, EDNS_EDE, &len))
			script_fail(s, "the reply has an EDE");
	} else if (word_is(s, "no")) {
		flag = flag_word(s);
		if (!flag || m->h.flags & flag)
			script_fail(s, "flag '%s' is set, or unknown", s->word[s->at - 1]);
	} else {
		flag = flag_word(s);
		if (!flag)
			return false;
		if (!(m->h.flags & flag))
			script_fail(s, "flag '%s' is not set", s->word[s->at - 1]);
	}
	return true;
}

static struct said *said_find(struct world *w, const char *client)
{
	for (size_t i = 0; i < w->n_said; i++)
		if (!w->said[i].is_expected && strcmp(w->said[i].client, client) == 0)
			return &w->said[i];
	return NULL;
}

static void expect_reply(struct world *w)
{
	struct script *s = &w->s;
	const char *client = word_next(s, "a client"), *rcode = word_next(s, "an rcode");
	struct said *r = said_find(w, client);
	char buf[16], qname[NAME_MAX_TEXT] = "";
	struct dns_msg m;

	if (!r || !r->len) {
		script_fail(s, "%s got %s", client, r ? "no answer: the query was dropped" : "no reply");
		return;
	}
	r->is_expected = true;
	if (dns_msg_parse(&m, r->bytes, r->len) < 0)
		return;
	if (strcmp(dns_rcode_str(m.rcode, buf), rcode) != 0)
		script_fail(s, "%s got %s, not %s", client, dns_rcode_str(m.rcode, buf), rcode);
	if (m.h.n_qd)
		name_to_text(m.q.name, qname, sizeof(qname));
	while (word_left(s) && !s->failed)
		if (!reply_word(w, r, &m))
			expect_rr(w, r, word_next(s, "a record"), qname);
}

/* CODE HEX, or CODE none */
static bool option_is(struct world *w, const struct dns_msg *m)
{
	uint16_t code = (uint16_t)number_next(&w->s, "an option code"), len;
	const char *hex = word_next(&w->s, "its data");
	const uint8_t *p = dns_edns_option(&m->edns, code, &len);
	char text[2 * 255 + 2] = "-";

	if (!p || strcmp(hex, "none") == 0)
		return !p && strcmp(hex, "none") == 0;
	for (unsigned i = 0; i < len && i < 255; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
	return strcmp(text, hex) == 0;
}

static void expect_upstream(struct world *w)
{
	struct script *s = &w->s;
	int u = upstream_word(w);
	struct name name = name_word(s, "a name");
	struct sent *sent = sent_find(w, u, &name, type_word(s), false);
	struct dns_msg m;

	if (!sent) {
		script_fail(s, "no such question went upstream");
		return;
	}
	sent->is_expected = true;
	dns_msg_parse(&m, sent->query, sent->ask.len);
	while (word_left(s) && !s->failed) {
		bool ok = true;

		if (word_is(s, "udp"))
			ok = sent->ask.proto == CORE_UDP;
		else if (word_is(s, "tcp"))
			ok = sent->ask.proto == CORE_TCP;
		else if (word_is(s, "tls"))
			ok = sent->ask.proto == CORE_TLS;
		else if (word_is(s, "do"))
			ok = m.edns.do_bit;
		else if (word_is(s, "cd"))
			ok = m.h.flags & DNS_CD;
		else if (word_is(s, "rd"))
			ok = m.h.flags & DNS_RD;
		else if (word_is(s, "nord"))
			ok = !(m.h.flags & DNS_RD);
		else if (word_is(s, "noedns"))
			ok = !m.edns.present;
		else if (word_is(s, "edns"))
			ok = m.edns.present && m.edns.udp_size == number_next(s, "size");
		else if (word_is(s, "cookie"))
			expect_option(w, &m, EDNS_COOKIE);
		else if (word_is(s, "option"))
			ok = option_is(w, &m);
		else
			script_fail(s, "unknown word '%s'", s->word[s->at]);
		if (!ok)
			script_fail(s, "the question went upstream, but not with '%s'", s->word[s->at - 1]);
	}
}

static void expect_nothing(struct world *w)
{
	char name[NAME_MAX_TEXT], type[16];

	for (size_t i = 0; i < w->n_said; i++)
		if (!w->said[i].is_expected)
			script_fail(&w->s, "%s got a reply that no line expects", w->said[i].client);
	for (size_t i = 0; i < w->n_sent; i++) {
		const struct sent *q = &w->sent[i];
		struct dns_msg m;

		if (q->is_expected || dns_msg_parse(&m, q->query, q->ask.len) < 0)
			continue;
		name_to_text(m.q.name, name, sizeof(name));
		script_fail(&w->s, "%s was asked for %s %s, which no line expects",
			    w->text[q->ask.upstream], name, dns_type_str(m.q.qtype, type));
	}
}

static void expect_questions(struct world *w)
{
	uint64_t n = 0;

	for (size_t i = 0; i < w->n_sent; i++) {
		n += !w->sent[i].is_expected;
		w->sent[i].is_expected = true;
	}
	expect_equal(w, "the number of questions", n, number_next(&w->s, "how many"));
}

static void expect_drop(struct world *w)
{
	const char *client = word_next(&w->s, "a client");
	struct said *r = said_find(w, client);

	if (!r || r->len)
		script_fail(&w->s, "the query of %s was not dropped", client);
	else
		r->is_expected = true;
}

/* --- counters --- */

enum counter_of { OF_CORE, OF_SERVERS, OF_UPSTREAMS, OF_EVENTS };
#define CORE_COUNTER(f) {#f, OF_CORE, offsetof(struct core_stats, f)}
static const struct {
	const char *name;
	enum counter_of of;
	size_t at;
} counters[] = {
	CORE_COUNTER(bytes_limit), CORE_COUNTER(entries_success), CORE_COUNTER(entries_denial), CORE_COUNTER(inflight),
	CORE_COUNTER(waiters), CORE_COUNTER(inflight_full), CORE_COUNTER(waiters_full),
	CORE_COUNTER(cache_full), CORE_COUNTER(joined), CORE_COUNTER(nx_joined),
	CORE_COUNTER(expired_reclaimed), CORE_COUNTER(evicted), CORE_COUNTER(stale_served),
	CORE_COUNTER(prefetches), CORE_COUNTER(hedges), CORE_COUNTER(retries),
	CORE_COUNTER(failures_cached), CORE_COUNTER(failure_hits), CORE_COUNTER(shield_cuts),
	CORE_COUNTER(shield_synth), CORE_COUNTER(shield_checks), CORE_COUNTER(shield_contradictions),
	CORE_COUNTER(autopath_answers), CORE_COUNTER(dropped), CORE_COUNTER(formerr),
	CORE_COUNTER(notimp), CORE_COUNTER(refused), CORE_COUNTER(badvers), CORE_COUNTER(servfail),
	CORE_COUNTER(healthcheck_broken), CORE_COUNTER(max_concurrent_rejects),
	{"cache.hits", OF_SERVERS, offsetof(struct stats_server, cache_hits_success)},
	{"cache.denials", OF_SERVERS, offsetof(struct stats_server, cache_hits_denial)},
	{"cache.misses", OF_SERVERS, offsetof(struct stats_server, cache_misses)},
	{"cache.requests", OF_SERVERS, offsetof(struct stats_server, cache_requests)},
	{"cache.stale", OF_SERVERS, offsetof(struct stats_server, cache_served_stale)},
	{"server.do", OF_SERVERS, offsetof(struct stats_server, do_requests)},
	{"server.replies", OF_SERVERS, offsetof(struct stats_server, duration.n)},
	{"upstream.udp", OF_UPSTREAMS, offsetof(struct stats_upstream, asks[CORE_UDP])},
	{"upstream.tcp", OF_UPSTREAMS, offsetof(struct stats_upstream, asks[CORE_TCP])},
	{"upstream.timeouts", OF_UPSTREAMS, offsetof(struct stats_upstream, timeouts)},
	{"upstream.mismatches", OF_UPSTREAMS, offsetof(struct stats_upstream, mismatches)},
	{"upstream.late", OF_UPSTREAMS, offsetof(struct stats_upstream, late_answers)},
	{"upstream.probe_failures", OF_UPSTREAMS, offsetof(struct stats_upstream, healthcheck_failures)},
	{"upstream.refused", OF_UPSTREAMS, offsetof(struct stats_upstream, fails[CORE_FAIL_REFUSED])},
	{"upstream.closed", OF_UPSTREAMS, offsetof(struct stats_upstream, fails[CORE_FAIL_CLOSED])},
	{"template.matches", OF_EVENTS, STATS_TEMPLATE_MATCH},
	{"template.failures", OF_EVENTS, STATS_TEMPLATE_FAILURE},
	{"template.rr_failures", OF_EVENTS, STATS_TEMPLATE_RR_FAILURE},
	{"dns64.translated", OF_EVENTS, STATS_DNS64},
};

static uint64_t events_sum(const struct core_stats *st, size_t what)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < st->n_events; i++)
		sum += st->event[i].what == what ? st->event[i].n : 0;
	return sum;
}

static uint64_t counter_sum(const struct core_stats *st, enum counter_of of, size_t at)
{
	const uint8_t *base = (const uint8_t *)(of == OF_SERVERS   ? (const void *)st->server :
						of == OF_UPSTREAMS ? (const void *)st->upstream :
								     (const void *)st);
	size_t n = of == OF_SERVERS ? st->n_servers : of == OF_UPSTREAMS ? st->n_upstreams : 1;
	size_t step = of == OF_SERVERS ? sizeof(st->server[0]) : sizeof(st->upstream[0]);
	uint64_t sum = 0, v;

	if (of == OF_EVENTS)
		return events_sum(st, at);

	for (size_t i = 0; i < n; i++) {
		memcpy(&v, base + i * step + at, sizeof(v));
		sum += v;
	}
	return sum;
}

static void expect_count(struct world *w)
{
	const char *name = word_next(&w->s, "a counter");

	if (strcmp(name, "loop.seen") == 0) {
		expect_equal(w, name, w->probes.probe[3].seen, number_next(&w->s, "a number"));
		return;
	}

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		if (strcmp(counters[i].name, name) == 0) {
			expect_equal(w, name, counter_sum(w->stats, counters[i].of, counters[i].at),
				     number_next(&w->s, "a value"));
			return;
		}
	}
	script_fail(&w->s, "there is no counter '%s'", name);
}

static void expect_line(struct world *w)
{
	struct script *s = &w->s;

	if (word_is(s, "reply"))
		expect_reply(w);
	else if (word_is(s, "upstream"))
		expect_upstream(w);
	else if (word_is(s, "questions"))
		expect_questions(w);
	else if (word_is(s, "drop"))
		expect_drop(w);
	else if (word_is(s, "nothing"))
		expect_nothing(w);
	else if (word_is(s, "count"))
		expect_count(w);
	else if (word_is(s, "event")) {
		if (!strstr(w->events, word_next(s, "words")))
			script_fail(s, "no such event; there were:\n%s", w->events);
	} else if (word_is(s, "no") && word_is(s, "event")) {
		if (strstr(w->events, word_next(s, "words")))
			script_fail(s, "there is such an event:\n%s", w->events);
	} else {
		script_fail(s, "expect reply, upstream, drop, nothing, count, event");
	}
}

#endif
