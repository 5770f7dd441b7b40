/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came back from upstreams: the judgement on each answer, before finish.c
 * makes replies of it. What did not: failed.c.
 */
#include "resolver/core/core_int.h"

#include <string.h>

#include "resolver/plugins/plugin.h"

#define DROPPED_SAY_NS (60 * NS_PER_S)

/* The same upstream must be asked in another way: by TCP, with its cookie,
 * without EDNS. True when that was done. */
static bool ask_otherwise(struct core *c, uint32_t qi, struct ask *a, const struct dns_msg *m,
			  uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	struct ask old = *a;
	enum core_proto proto = old.proto;

	if (old.proto == CORE_UDP && m->h.flags & DNS_TC) {
		proto = CORE_TCP;
	} else if (m->rcode == RCODE_BADCOOKIE && q->n_closed < 2) {
		if (q->n_closed++)
			proto = CORE_TCP; /* RFC 7873 section 5.3 */
	} else if (old.has_edns && !m->edns.present &&
		   (m->rcode == DNS_FORMERR || m->rcode == DNS_NOTIMP)) {
		q->no_edns |= target_bit(question_forward(c, q), old.upstream);
	} else {
		return false;
	}
	ask_close(c, qi, a, false);
	try_again(c, qi, old.upstream, proto, now_ns);
	return true;
}

/* The upstream has answered with something of no use. Over UDP it, or what lies
 * between, may have cut it: TCP shows. Over TCP it is a failure like others. */
static void answer_damaged(struct core *c, uint32_t qi, struct ask *a, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	uint16_t bit = target_bit(question_forward(c, q), a->upstream);
	unsigned upstream = a->upstream;

	stats_upstream_of(c->stats, upstream)->damaged++;
	if (a->proto != CORE_UDP || q->damaged & bit || !bit) {
		exchange_failed(c, now_ns, a->id, CORE_FAIL_BADREPLY);
		return;
	}
	q->damaged |= bit;
	upstream_answered(c, upstream, now_ns);
	ask_close(c, qi, a, false);
	try_again(c, qi, upstream, CORE_TCP, now_ns);
}

/* A hedge is out and not yet given up: it has its usual time to say better. */
static bool hedge_may_answer(struct core *c, uint32_t qi, const struct ask *but, uint16_t rcode,
			     uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	const struct core_forward *f = question_forward(c, q);

	for (unsigned i = 0; i < ASKS_MAX; i++) {
		const struct ask *a = &q->ask[i];
		uint64_t until_ns;

		if (!a->id || a == but || now_ns - a->sent_ns >= f->read_timeout_ns)
			continue;
		until_ns = now_ns + hedge_delay(c, a->upstream);
		q->last_rcode = rcode;
		q->is_settled = true;
		q->hedge_ns = T_NEVER;
		if (until_ns < q->retry_ns)
			q->retry_ns = until_ns;
		question_timer(c, qi);
		return true;
	}
	return false;
}

/* An answer, but another upstream, or the next forward, may have a better one.
 * True when the question goes on. */
static bool ask_elsewhere(struct core *c, uint32_t qi, struct ask *a, const struct dns_msg *m,
			  const uint8_t *bytes, size_t len, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	const struct core_forward *f = question_forward(c, q);
	uint32_t bit = m->rcode < 32 ? 1u << m->rcode : 0;
	bool failure = m->rcode != DNS_NOERROR && m->rcode != DNS_NXDOMAIN;
	bool nodata = m->rcode == DNS_NOERROR && !reply_has_type(m, bytes, len, q->asked_type);

	if (failure && hedge_may_answer(c, qi, a, m->rcode, now_ns)) {
		ask_close(c, qi, a, false);
		return true;
	}
	if (f->failover_rcodes & bit && has_untried(c, q)) {
		q->last_rcode = m->rcode;
		ask_close(c, qi, a, false);
		try_next(c, qi, now_ns);
		return true;
	}
	if (f->next_rcodes & bit || (f->next_on_nodata && nodata))
		return next_forward(c, qi, now_ns);
	return false;
}

/* The answered hooks over a question's answer; *ret_follow as plugin_query.follow_rr. */
static size_t question_answered(struct core *c, const struct question *q, size_t len,
				uint64_t now_ns, unsigned *ret_follow)
{
	const struct config_zone *z = &c->conf->zone[q->zone];
	struct plugin_query p = {.now_ns = now_ns,
				 .qtype = q->qtype,
				 .qclass = q->qclass,
				 .flags = DNS_RD,
				 .edns = &(const struct dns_edns){0},
				 .zone = &z->z.origin};

	p.name.len = q->name_len;
	memcpy(p.name.b, q->name, q->name_len);
	len = hooks_answered(z, &p, c->buf->msg, len);
	*ret_follow = p.follow_rr;
	return len;
}

static void ede_take(struct core *c, const struct dns_msg *m, struct answer *a)
{
	uint16_t len = 0;
	const uint8_t *ede = dns_edns_option(&m->edns, EDNS_EDE, &len);

	if (!ede || len < 2)
		return;
	if (len > ANSWER_EDE_MAX)
		len = 2; /* the code without its words */
	memcpy(c->buf->ede, ede, len);
	a->ede = c->buf->ede;
	a->ede_len = len;
}

/* Said once a minute of an upstream; each time it is counted. */
static void records_dropped(struct core *c, const struct question *q, unsigned u, unsigned n, uint64_t now_ns)
{
	char name[NAME_MAX_TEXT];

	stats_upstream_of(c->stats, u)->records_dropped += n;
	if (now_ns < c->up[u].say_dropped_ns)
		return;
	c->up[u].say_dropped_ns = now_ns + DROPPED_SAY_NS;
	name_to_text(q->asked.b, name, sizeof(name));
	core_say(c, EVENT_WARNING, "upstream %s: records that are no part of the answer were left out, first of all for %s",
		 c->conf->upstream[u].label, name);
}

/* Brings the message into stored form. 0, or ERR_* when it is not usable.
 * *ret_follow: plugins made so many of its answer records lead to another name. */
static int answer_make(struct core *c, const struct question *q, unsigned upstream, const uint8_t *bytes,
		       size_t len, const struct dns_msg *m, struct answer *ret, unsigned *ret_follow,
		       uint64_t now_ns)
{
	const struct config_zone *z = &c->conf->zone[q->zone];
	struct answer_question aq = {q->name, q->qtype, q->qclass};
	unsigned dropped = 0;
	int n = answer_take(c->buf, bytes, len, &aq, q->is_renamed ? q->asked.b : NULL, q->asked_class, &dropped);

	if (dropped)
		records_dropped(c, q, upstream, dropped, now_ns);
	if (n < 0)
		return n;
	if (m->rcode > 15) /* its upper bits were for us; the lower alone would mean another */
		set_be16(c->buf->msg + 2, (get_be16(c->buf->msg + 2) & ~15) | DNS_SERVFAIL);
	*ret_follow = 0;
	if (z->hooks & HOOK_ANSWERED)
		n = (int)question_answered(c, q, (size_t)n, now_ns, ret_follow);
	n = answer_scan(ret, c->buf, (size_t)n, &z->z.cache);
	if (n < 0)
		return n;
	/* What an ask hook made of the name says nothing about its other types. */
	if (q->is_renamed && ret->kind == ANSWER_NXDOMAIN)
		ret->kind = ANSWER_DENIAL;
	ede_take(c, m, ret);
	return 0;
}

/* The answer leads to another name: its own exchanges are over. */
static void answer_follow(struct core *c, uint32_t qi, const struct answer *a, unsigned n_rr,
			  uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];

	for (unsigned i = 0; i < ASKS_MAX; i++)
		if (q->ask[i].id)
			ask_close(c, qi, &q->ask[i], true);
	question_release_forward(c, q);
	if (follow_keep(c, q, a->msg, a->len, n_rr))
		follow_begin(c, qi, now_ns);
	else
		question_fail(c, qi, DNS_SERVFAIL, -1, true, now_ns);
}

static void answer_counts(struct core *c, const struct ask *a, const struct dns_msg *m,
			  uint64_t read_timeout_ns, uint64_t now_ns)
{
	struct stats_upstream *s = stats_upstream_of(c->stats, a->upstream);
	unsigned rcode = m->rcode < STATS_RCODES ? m->rcode : STATS_RCODES - 1;

	stats_duration_add(&s->duration[rcode], now_ns - a->sent_ns);
	s->late_answers += now_ns - a->sent_ns > read_timeout_ns;
	rtt_add(&c->up[a->upstream].rtt, now_ns - a->sent_ns);
	upstream_answered(c, a->upstream, now_ns);
}

static void spelling_note(struct core *c, const struct question *q, const struct ask *a,
			  const struct dns_msg *m, uint64_t now_ns)
{
	struct quirk *s = &c->up[a->upstream].spelling;

	if (a->proto != CORE_UDP || !m->q.name)
		return;
	if (a->spelling && memcmp(m->q.name, q->asked.b, q->asked.len) != 0)
		quirk_held(s); /* and not by chance: there was something to be echoed */
	else if (!a->spelling && q->respelled & target_bit(question_forward(c, q), a->upstream) &&
		 quirk_lacked(s, asked_hash(c, q), now_ns))
		core_say(c, EVENT_INFO, "upstream %s does not echo how names are spelled",
			 c->conf->upstream[a->upstream].label);
}

static void edns_note(struct core *c, const struct question *q, const struct ask *a,
		      const struct dns_msg *m, uint64_t now_ns)
{
	struct quirk *k = &c->up[a->upstream].edns;

	if (a->has_edns && m->edns.present)
		quirk_held(k);
	else if (!a->has_edns && q->no_edns & target_bit(question_forward(c, q), a->upstream) &&
		 m->rcode != DNS_FORMERR && m->rcode != DNS_NOTIMP &&
		 quirk_lacked(k, asked_hash(c, q), now_ns))
		core_say(c, EVENT_INFO, "upstream %s does not know EDNS",
			 c->conf->upstream[a->upstream].label);
}

static bool exchange_answer(struct core *c, uint64_t now_ns, uint32_t qi, struct ask *ask,
			    const uint8_t *bytes, size_t len)
{
	struct question *q = &c->tab.question[qi];
	uint16_t upstream = ask->upstream;
	unsigned follow;
	struct answer a;
	struct dns_msg m;
	int err = dns_reply_parse(&m, bytes, len);

	switch (answer_judge(c, qi, ask, &m, err, bytes, len, now_ns)) {
	case GENUINE_NO:
		stats_upstream_of(c->stats, upstream)->mismatches++;
		return false;
	case GENUINE_DAMAGED:
		answer_damaged(c, qi, ask, now_ns);
		return true;
	case GENUINE_YES:
		break;
	}
	spelling_note(c, q, ask, &m, now_ns);
	edns_note(c, q, ask, &m, now_ns);
	answer_counts(c, ask, &m, question_forward(c, q)->read_timeout_ns, now_ns);
	if (ask->proto != CORE_UDP && m.h.flags & DNS_TC) { /* there is no whole answer */
		exchange_failed(c, now_ns, ask->id, CORE_FAIL_BADREPLY);
		return true;
	}
	if (ask_otherwise(c, qi, ask, &m, now_ns) ||
	    ask_elsewhere(c, qi, ask, &m, bytes, len, now_ns))
		return true;
	if (ask->spelling && m.h.n_qd && len <= DNS_MSG_MAX) { /* names may point into it */
		memcpy(c->second, bytes, len);
		memcpy(c->second + DNS_HEADER_LEN, q->asked.b, q->asked.len);
		bytes = c->second;
	}
	if (answer_make(c, q, upstream, bytes, len, &m, &a, &follow, now_ns) < 0) {
		answer_damaged(c, qi, ask, now_ns);
		return true;
	}
	if (follow && a.kind != ANSWER_FAILURE) {
		answer_follow(c, qi, &a, follow, now_ns);
		return true;
	}
	ask_close(c, qi, ask, false);
	if (a.kind == ANSWER_FAILURE)
		question_failed_note(c, q, DNS_RCODE(get_be16(a.msg + 2)),
				     a.ede ? get_be16(a.ede) : 0, now_ns);
	question_finish(c, qi, &a, upstream, now_ns);
	return true;
}

bool core_answer(struct core *c, uint64_t now_ns, uint32_t ask_id, const uint8_t *bytes, size_t len)
{
	uint32_t qi = NIL;
	struct ask *ask = ask_find(c, ask_id, &qi);
	int probed = probe_find(c, ask_id);
	bool taken = true;

	core_enter(c, CORE_ACTS);
	if (ask) {
		taken = exchange_answer(c, now_ns, qi, ask, bytes, len);
	} else if (probed >= 0) {
		c->up[probed].is_probing = false; /* nothing left to cancel */
		upstream_answered(c, (unsigned)probed, now_ns);
	}
	due_run(c, now_ns);
	clients_gauge(c);
	cache_gauges(c); /* what was taken out as well */
	core_leave(c);
	return taken;
}
