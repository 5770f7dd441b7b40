/* SPDX-License-Identifier: Apache-2.0 */
/* The words of `expect` lines, held against what the core has said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/msg.h"
#include "tests/scenario/act.h"
#include "tests/scenario/expect.h"

static bool text_has(const char *section, const char *rr)
{
	const char *hit = strstr(section, rr);

	return hit && (hit == section || hit[-1] == '\n');
}

/* Record in canonical text, as lib/dns/msg prints sections. */
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
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s",
			 text ? text : "");
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
	} flags[] = {
		{"aa", DNS_AA}, {"ra", DNS_RA}, {"ad", DNS_AD}, {"tc", DNS_TC}, {"cd", DNS_CD}};

	for (unsigned i = 0; i < 5; i++)
		if (word_is(s, flags[i].word))
			return flags[i].flag;
	return 0;
}

void expect_equal(struct world *w, const char *what, uint64_t is, uint64_t want)
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
	} else if (word_is(s, "nocookie")) {
		if (dns_edns_option(&m->edns, EDNS_COOKIE, &len))
			script_fail(s, "the reply has a cookie");
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
		script_fail(s, "%s got %s", client,
			    r ? "no answer: the query was dropped" : "no reply");
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

static void expect_replies(struct world *w)
{
	struct script *s = &w->s;
	uint64_t want = number_next(s, "how many"), n = 0;
	const char *client = word_next(s, "a client"), *rcode = word_next(s, "an rcode");
	struct said *r;
	struct dns_msg m;
	char buf[16];

	while ((r = said_find(w, client)) && !s->failed) {
		r->is_expected = true;
		n++;
		if (!r->len || dns_msg_parse(&m, r->bytes, r->len) < 0)
			script_fail(s, "a query of %s was dropped", client);
		else if (strcmp(dns_rcode_str(m.rcode, buf), rcode) != 0)
			script_fail(s, "%s got %s, not %s", client, dns_rcode_str(m.rcode, buf),
				    rcode);
	}
	expect_equal(w, "the number of replies", n, want);
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
		else if (word_is(s, "https"))
			ok = sent->ask.proto == CORE_HTTPS;
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
		else if (word_is(s, "spelled"))
			ok = memcmp(m.q.name, name.b, name.len) != 0;
		else if (word_is(s, "lower"))
			ok = memcmp(m.q.name, name.b, name.len) == 0;
		else if (word_is(s, "edns"))
			ok = m.edns.present && m.edns.udp_size == number_next(s, "size");
		else if (word_is(s, "cookie"))
			expect_option(w, &m, EDNS_COOKIE);
		else if (word_is(s, "option"))
			ok = option_is(w, &m);
		else
			script_fail(s, "unknown word '%s'", s->word[s->at]);
		if (!ok)
			script_fail(s, "the question went upstream, but not with '%s'",
				    s->word[s->at - 1]);
	}
}

void expect_nothing(struct world *w)
{
	char name[NAME_MAX_TEXT], type[16];
	struct name lower;

	for (size_t i = 0; i < w->n_said; i++)
		if (!w->said[i].is_expected)
			script_fail(&w->s, "%s got a reply that no line expects",
				    w->said[i].client);
	for (size_t i = 0; i < w->n_sent; i++) {
		const struct sent *q = &w->sent[i];
		struct dns_msg m;

		if (q->is_expected || dns_msg_parse(&m, q->query, q->ask.len) < 0)
			continue;
		name_lower(lower.b, m.q.name);
		name_to_text(lower.b, name, sizeof(name));
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

void expect_line(struct world *w)
{
	struct script *s = &w->s;

	if (word_is(s, "reply"))
		expect_reply(w);
	else if (word_is(s, "replies"))
		expect_replies(w);
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
