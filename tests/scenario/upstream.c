/* SPDX-License-Identifier: Apache-2.0 */
/* What upstreams do: answer, fail. */
#include <stdio.h>
#include <string.h>

#include "lib/dns/msg.h"
#include "lib/dns/wire.h"
#include "tests/scenario/act.h"
#include "tests/scenario/config.h"

static bool sent_fits(struct world *w, const struct sent *s, int upstream, const struct name *name,
		      uint16_t type)
{
	struct dns_msg m;

	if (upstream >= 0 && s->ask.upstream != upstream)
		return false;
	if (dns_msg_parse(&m, s->query, s->ask.len) < 0) {
		script_fail(&w->s, "the core sent a malformed question");
		return false;
	}
	return m.q.qtype == type && name_eq(m.q.name, name->b);
}

/* Oldest exchange with this question: one still open, or one that no line has
 * expected yet. upstream -1: any. */
struct sent *sent_find(struct world *w, int upstream, const struct name *name, uint16_t type,
			      bool is_open)
{
	for (size_t i = 0; i < w->n_sent; i++)
		if (!(is_open ? w->sent[i].is_done : w->sent[i].is_expected) &&
		    sent_fits(w, &w->sent[i], upstream, name, type))
			return &w->sent[i];
	return NULL;
}

static struct sent *sent_newest(struct world *w, int upstream, const struct name *name, uint16_t type,
				bool is_done)
{
	for (size_t i = w->n_sent; i-- > 0;)
		if (w->sent[i].is_done == is_done && sent_fits(w, &w->sent[i], upstream, name, type))
			return &w->sent[i];
	return NULL;
}

int upstream_word(struct world *w)
{
	int u = word_left(&w->s) ? upstream_by_name(w, w->s.word[w->s.at]) : -1;

	if (u >= 0)
		w->s.at++;
	return u;
}

void rr_put(struct world *w, struct wire_out *o, const char *text, const char *qname)
{
	static uint8_t rdata[65535];
	struct name owner;
	uint16_t type;
	uint32_t ttl_s;
	size_t len;
	char full[9000];
	struct diag d = {""};

	snprintf(full, sizeof(full), "%s%s", *text == '@' ? qname : "",
		 *text == '@' ? text + 1 : text);
	if (msg_rr_from_text(full, 30, &owner, &type, &ttl_s, rdata, sizeof(rdata), &len, &d) < 0) {
		script_fail(&w->s, "not a record: '%s' %s", full, d.text);
		return;
	}
	/* Uncompressed: the core's replies must be compressed all the same. */
	wire_put_name_plain(o, owner.b);
	wire_put_u16(o, type);
	wire_put_u16(o, DNS_IN);
	wire_put_u32(o, ttl_s);
	wire_put_u16(o, (uint16_t)len);
	wire_put_bytes(o, rdata, len);
}

/* Owner of the SOA: the zone of ours that holds the name. */
static void soa_put(struct world *w, struct wire_out *o, const struct name *qname)
{
	uint64_t ttl = number_next(&w->s, "the SOA's TTL"),
		 minimum = number_next(&w->s, "its MINIMUM");
	const uint8_t *zone = (const uint8_t *)"";
	char text[NAME_MAX_TEXT], rr[4 * NAME_MAX_TEXT];

	for (size_t i = 0; i < w->conf.n_zones; i++)
		if (name_within(qname->b, w->zone[i].origin.b) &&
		    name_len(w->zone[i].origin.b) > name_len(zone))
			zone = w->zone[i].origin.b;
	name_to_text(zone, text, sizeof(text));
	snprintf(rr, sizeof(rr), "%s %lu SOA ns.dns.%s hostmaster.%s 1 7200 1800 86400 %lu", text,
		 (unsigned long)ttl, *zone ? text : "invalid.", *zone ? text : "invalid.",
		 (unsigned long)minimum);
	rr_put(w, o, rr, "");
}

struct answer_words {
	uint16_t flags, rcode, n_an, n_ns, n_ar;
	int ede;
	size_t ede_words; /* octets of text behind its code */
	uint8_t cookie[64];
	size_t cookie_len;
	bool noedns, noquestion, twice, opts;
	uint16_t qtype, qclass; /* of the question it says; 0: as asked */
	int n_qd, n_an_said;    /* counts of the header; -1: as they are */
	size_t cut, junk;       /* octets that lack at the end, or are too many */
};

static bool answer_flag(struct script *s, struct answer_words *a)
{
	if (word_is(s, "tc"))
		a->flags |= DNS_TC;
	else if (word_is(s, "ad"))
		a->flags |= DNS_AD;
	else if (word_is(s, "aa"))
		a->flags |= DNS_AA;
	else if (word_is(s, "noqr"))
		a->flags &= (uint16_t)~DNS_QR;
	else if (word_is(s, "noedns"))
		a->noedns = true;
	else if (word_is(s, "twice"))
		a->twice = true;
	else if (word_is(s, "opts")) /* two of them */
		a->opts = true;
	else if (word_is(s, "cut"))
		a->cut = number_next(s, "octets");
	else if (word_is(s, "junk"))
		a->junk = number_next(s, "octets");
	else if (word_is(s, "qdcount"))
		a->n_qd = (int)number_next(s, "a count");
	else if (word_is(s, "ancount"))
		a->n_an_said = (int)number_next(s, "a count");
	else if (word_is(s, "ede"))
		a->ede = (int)number_next(s, "a code");
	else if (word_is(s, "words"))
		a->ede_words = number_next(s, "octets");
	else if (word_is(s, "cookie"))
		a->cookie_len = hex_read(s, word_next(s, "hex"), a->cookie, sizeof(a->cookie));
	else
		return false;
	return true;
}

static void answer_records(struct world *w, struct wire_out *o, struct answer_words *a,
			   const struct name *name)
{
	struct script *s = &w->s;
	char text[NAME_MAX_TEXT], many[64];

	name_to_text(name->b, text, sizeof(text));
	while (word_left(s) && !s->failed) {
		if (answer_flag(s, a))
			continue;
		if (word_is(s, "soa")) {
			soa_put(w, o, name);
			a->n_ns++;
		} else if (word_is(s, "auth")) {
			rr_put(w, o, word_next(s, "a record"), text);
			a->n_ns++;
		} else if (word_is(s, "add")) {
			rr_put(w, o, word_next(s, "a record"), text);
			a->n_ar++;
		} else if (word_is(s, "many")) {
			for (uint64_t i = number_next(s, "how many"); i > 0; i--, a->n_an++) {
				snprintf(many, sizeof(many), "@ 30 A 10.9.%u.%u",
					 (unsigned)(i >> 8), (unsigned)(i & 255));
				rr_put(w, o, many, text);
			}
		} else {
			rr_put(w, o, word_next(s, "a record"), text);
			a->n_an++;
		}
	}
}

static void opt_end(struct wire_out *o, struct answer_words *a, const struct dns_msg *query)
{
	uint16_t len;
	const uint8_t *sent = dns_edns_option(&query->edns, EDNS_COOKIE, &len);
	size_t mark;

	if (a->noedns || !query->edns.present)
		return;
	mark = wire_opt_begin(o, 1232, (uint8_t)(a->rcode >> 4), 0, query->edns.do_bit);
	if (a->ede >= 0) {
		wire_put_u16(o, EDNS_EDE);
		wire_put_u16(o, (uint16_t)(2 + a->ede_words));
		wire_put_u16(o, (uint16_t)a->ede);
		for (size_t i = 0; i < a->ede_words; i++)
			wire_put_u8(o, 'x');
	}
	if (a->cookie_len && sent) { /* our client part, then what the file says */
		wire_put_u16(o, EDNS_COOKIE);
		wire_put_u16(o, (uint16_t)(8 + a->cookie_len));
		wire_put_bytes(o, sent, 8);
		wire_put_bytes(o, a->cookie, a->cookie_len);
	}
	wire_opt_end(o, mark);
	a->n_ar++;
	if (a->opts) {
		wire_opt_end(o, wire_opt_begin(o, 4096, 0, 0, false));
		a->n_ar++;
	}
}

void act_answer(struct world *w)
{
	static uint8_t buf[DNS_MSG_MAX];
	struct script *s = &w->s;
	struct answer_words a = {.flags = DNS_QR | DNS_RD | DNS_RA, .ede = -1, .n_qd = -1, .n_an_said = -1};
	bool newest = word_is(s, "newest"), is_void = word_is(s, "void");
	int u = upstream_word(w);
	struct name name = name_word(s, "a name"), said;
	uint16_t type = type_word(s);
	struct sent *sent = newest || is_void ? sent_newest(w, u, &name, type, is_void) :
						sent_find(w, u, &name, type, true);
	const char *rcode = word_next(s, "an rcode");
	struct dns_msg query;
	struct wire_out o;

	if (dns_rcode_from_str(rcode, &a.rcode) < 0)
		script_fail(s, "'%s' is not an rcode", rcode);
	if (!sent) {
		script_fail(s, "nothing open to be answered");
		return;
	}
	dns_msg_parse(&query, sent->query, sent->ask.len);
	name_copy(&said, query.q.name);
	if (word_is(s, "lower")) /* and not as it was spelled */
		said = name;
	if (word_is(s, "wrong"))
		said = name_word(s, "a name");
	if (word_is(s, "wrongtype"))
		a.qtype = type_word(s);
	if (word_is(s, "wrongclass"))
		a.qclass = (uint16_t)number_next(s, "a class");
	if (word_is(s, "wrongopcode"))
		a.flags |= (uint16_t)(number_next(s, "an opcode") << 11);
	a.noquestion = word_is(s, "noquestion");
	wire_out_init(&o, buf, sizeof(buf));
	wire_put_header(&o, &(struct dns_header){0});
	if (!a.noquestion)
		wire_put_question(&o, said.b, a.qtype ? a.qtype : type,
				  a.qclass ? a.qclass : query.q.qclass);
	answer_records(w, &o, &a, &name);
	opt_end(&o, &a, &query);
	memcpy(buf, sent->query, 2);
	set_be16(buf + 2, (uint16_t)(a.flags | (a.rcode & 15)));
	set_be16(buf + 4, a.n_qd < 0 ? !a.noquestion : (uint16_t)a.n_qd);
	set_be16(buf + 6, a.n_an_said < 0 ? a.n_an : (uint16_t)a.n_an_said);
	set_be16(buf + 8, a.n_ns);
	set_be16(buf + 10, a.n_ar);
	for (; a.junk > 0; a.junk--)
		wire_put_u8(&o, 0x2a);
	o.len -= a.cut < o.len ? a.cut : o.len;
	sent->is_expected |= !is_void;
	if (driver_answer(&w->d, sent->ask.id, buf, o.len))
		sent->is_done = true;
	if (a.twice)
		driver_answer(&w->d, sent->ask.id, buf, o.len);
}

static enum core_fail_why why_word(struct script *s)
{
	static const char *const why[] = {
		[CORE_FAIL_REFUSED] = "refused",	 [CORE_FAIL_CLOSED] = "closed",
		[CORE_FAIL_UNREACHABLE] = "unreachable", [CORE_FAIL_BADREPLY] = "badreply",
		[CORE_FAIL_NOSOCKET] = "nosocket",	 [CORE_FAIL_TLS] = "tls",
		[CORE_FAIL_GUESSED] = "guessed",	 [CORE_FAIL_GAVE_WAY] = "gaveway",
		[CORE_FAIL_ENDED] = "ended",
	};
	const char *w = word_next(s, "why");

	for (unsigned i = 0; i < sizeof(why) / sizeof(why[0]); i++)
		if (strcmp(w, why[i]) == 0)
			return (enum core_fail_why)i;
	script_fail(s, "'%s' is no kind of failure", w);
	return CORE_FAIL_REFUSED;
}

void act_fail(struct world *w)
{
	int u = upstream_word(w);
	struct name name = name_word(&w->s, "a name");
	uint16_t type = type_word(&w->s);
	struct sent *sent = sent_find(w, u, &name, type, true);
	enum core_fail_why why = why_word(&w->s);

	if (!sent) {
		script_fail(&w->s, "nothing open to fail");
		return;
	}
	sent->is_expected = sent->is_done = true;
	driver_fail(&w->d, sent->ask.id, why);
}

void act_refuse(struct world *w)
{
	w->n_refuse = number_next(&w->s, "how many");
	w->refuse_why = why_word(&w->s);
}
