/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that end in a CNAME whose target is looked up by us: a template's, or
 * an upstream's that a rewrite gave another target. The CNAMEs so far (the head)
 * are kept beside the question, which then follows the target's own question:
 * routed to the target's zone, through that zone's plugins and cache. What comes
 * of it is put behind the head, and the whole is the question's answer.
 */
#include "resolver/core/core_int.h"

#include <stdlib.h>
#include <string.h>

#include "resolver/plugins/plugin.h"

enum { HEADS = 256, DEPTH_MAX = FOLLOW_WHOLES_MAX };

struct head {
	uint16_t len, next_free;
	struct name target;
	uint8_t msg[FOLLOW_HEAD_MAX]; /* a message: header, question, CNAMEs */
};
struct follow {
	uint16_t free, n_used; /* heads never used lie behind n_used */
	unsigned level;	       /* answers being put together, one out of another */
	struct head head[HEADS];
	struct answer_buf whole[DEPTH_MAX];
};

int follow_table(const struct config *conf, struct follow **ret)
{
	bool wanted = false;

	for (size_t i = 0; i < conf->n_zones; i++)
		wanted |= (conf->zone[i].hooks & HOOK_FOLLOW) != 0;
	*ret = wanted ? malloc(sizeof(**ret)) : NULL; /* pages never used stay untouched */
	if (*ret) {
		(*ret)->free = HEADS;
		(*ret)->n_used = 0;
		(*ret)->level = 0;
	}
	return wanted && !*ret ? ERR_NOMEM : 0;
}

/* --- heads --- */

static struct head *head_take(struct core *c, struct question *q)
{
	struct follow *f = c->follow;
	uint16_t i;

	if (q->head) /* who has one is asked nothing; and if it were, that is no reason to end */
		return &f->head[q->head - 1];
	if (!f || (f->free == HEADS && f->n_used == HEADS)) {
		c->stats->follow_full++;
		return NULL;
	}
	i = f->free;
	if (i != HEADS)
		f->free = f->head[i].next_free;
	else
		i = f->n_used++;
	q->head = (uint16_t)(i + 1);
	return &f->head[i];
}

void follow_release(struct core *c, struct question *q)
{
	if (!q->head)
		return;
	SPOIL(&c->follow->head[q->head - 1], sizeof(c->follow->head[0]));
	c->follow->head[q->head - 1].next_free = c->follow->free;
	c->follow->free = (uint16_t)(q->head - 1);
	q->head = 0;
}

ONLY_CHECKS void follow_check(const struct core *c)
{
	const struct follow *f = c->follow;
	unsigned n = 0;

	for (uint32_t qi = 0; f && qi < c->tab.questions_taken; qi++) {
		const struct question *q = &c->tab.question[qi];

		assert(!q->in_use || q->head <= f->n_used);
		n += q->in_use && q->head;
	}
	for (uint16_t i = f ? f->free : HEADS; i != HEADS; i = f->head[i].next_free)
		assert(++n <= f->n_used);
	assert(!f || (n == f->n_used && f->level == 0));
}

/* The CNAMEs among the first `n` records of a message; `target` is the last one's. */
static unsigned cnames_copy(struct wire *w, unsigned n, const struct question *q,
			    struct wire_out *o, struct name *target)
{
	unsigned kept = 0;

	for (; n > 0 && !w->err; n--) {
		struct name owner = {0};
		struct wire head = *w, data;
		struct dns_rr rr = {0};
		size_t mark;

		wire_name(&head, &owner);
		wire_rr(w, &rr);
		if (w->err || rr.type != DNS_CNAME)
			continue;
		data = (struct wire){.base = w->base, .len = rr.end, .off = rr.rdata_off};
		wire_name(&data, target);
		if (data.err)
			w->err = data.err;
		mark = wire_rr_begin(o, name_eq(owner.b, q->asked.b) ? q->name : owner.b, rr.type,
				     rr.rclass, rr.ttl);
		wire_put_name(o, target->b);
		wire_rr_end(o, mark);
		kept++;
	}
	return kept;
}

bool follow_keep(struct core *c, struct question *q, const uint8_t *msg, size_t len, unsigned n_rr)
{
	struct head *head = head_take(c, q);
	struct dns_header h = {0}, to = {.flags = DNS_QR, .n_qd = 1};
	struct name target = {0};
	struct dns_question old;
	struct wire_out o;
	struct wire w;
	unsigned n;

	if (!head)
		return false;
	wire_init(&w, msg, len);
	wire_header(&w, &h);
	for (unsigned i = 0; i < h.n_qd; i++)
		wire_question(&w, &old);
	wire_out_init(&o, head->msg, FOLLOW_HEAD_MAX);
	wire_put_header(&o, &to);
	wire_put_question(&o, q->name, q->qtype, q->qclass);
	n = cnames_copy(&w, n_rr < h.n_an ? n_rr : h.n_an, q, &o, &target);
	if (w.err || o.err || !n) {
		follow_release(c, q);
		return false;
	}
	set_be16(head->msg + 6, (uint16_t)n);
	head->len = (uint16_t)o.len;
	head->target.len = (uint8_t)name_lower(head->target.b, target.b);
	return true;
}

/* --- the target's answer behind it --- */

bool follow_whole(struct core *c, const struct question *q, const struct answer *target,
		  uint32_t age_s, struct answer *ret)
{
	struct answer_question aq = {q->name, q->qtype, q->qclass};
	struct follow *f = c->follow;
	const struct head *head = &f->head[q->head - 1];

	if (f->level == DEPTH_MAX ||
	    answer_behind(ret, &f->whole[f->level], head->msg, head->len, target, age_s, &aq,
			  &c->conf->zone[q->zone].z.cache) < 0)
		return false;
	f->level++;
	return true;
}

void follow_whole_free(struct core *c)
{
	c->follow->level--;
}

void follow_end(struct core *c, uint32_t qi, const struct answer *t, uint32_t age_s,
		uint16_t upstream, uint64_t now_ns)
{
	struct answer whole;

	if (t->kind == ANSWER_FAILURE) {
		question_fail(c, qi, DNS_RCODE(get_be16(t->msg + 2)), -1, true, now_ns);
	} else if (follow_whole(c, &c->tab.question[qi], t, age_s, &whole)) {
		question_finish(c, qi, &whole, upstream, now_ns);
		follow_whole_free(c);
	} else {
		question_fail(c, qi, DNS_SERVFAIL, -1, true, now_ns);
	}
}

/* --- on to the target --- */

/* Would the question, behind `leader` (NIL: a new one), wait for itself, or in too
 * long a row? */
static bool in_circle(const struct core *c, uint32_t qi, uint32_t leader)
{
	unsigned n = c->tab.question[qi].depth + 1u;

	for (uint32_t i = leader; i != NIL; i = c->tab.question[i].leader) {
		if (i == qi)
			return true;
		n += c->tab.question[i].head != 0;
	}
	return n > DEPTH_MAX;
}

/* All ahead of a question learn how long the row behind them is, so that one too
 * long ends when it becomes so, not when all of it has been asked. */
static void row_learn(struct core *c, uint32_t qi, uint32_t leader)
{
	unsigned n = c->tab.question[qi].depth + 1u;

	for (uint32_t i = leader; i != NIL; i = c->tab.question[i].leader) {
		if (c->tab.question[i].depth < n)
			c->tab.question[i].depth = (uint8_t)n;
		n += c->tab.question[i].head != 0;
	}
}

/* A plugin has the target's records. */
static void plugin_answers(struct core *c, uint32_t qi, const struct question_start *s,
			   uint64_t now_ns)
{
	struct answer a = {.msg = c->merged, .len = s->reply_len};

	if (s->verdict != PLUGIN_REPLY) {
		question_fail(c, qi,
			      s->verdict == PLUGIN_RCODE ? (unsigned)s->reply_len : DNS_SERVFAIL,
			      -1, false, now_ns);
		return;
	}
	switch (DNS_RCODE(get_be16(a.msg + 2))) {
	case DNS_NOERROR:
	case DNS_NXDOMAIN:
		a.kind = ANSWER_DENIAL; /* or not: the whole is looked at again */
		break;
	default:
		a.kind = ANSWER_FAILURE;
	}
	follow_end(c, qi, &a, 0, UPSTREAM_NONE, now_ns);
}

/* Who waits for this one's upstream to deny the name has its answer: it exists. */
static void siblings_wake(struct core *c, uint32_t qi)
{
	uint32_t next;

	for (uint32_t i = c->tab.question[qi].first_follower; i != NIL; i = next) {
		struct question *f = &c->tab.question[i];

		next = f->next_follower;
		if (f->follows_target)
			continue;
		follower_remove(&c->tab, i);
		f->follow_ns = T_NEVER;
		due_note(&c->tab, i, DUE_BEGIN);
	}
}

void follow_begin(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	const struct head *head = &c->follow->head[q->head - 1];
	struct question_start s = {.listener = q->listener,
				   .proto = q->proto,
				   .start_ns = q->start_ns,
				   .now_ns = now_ns};
	struct cache_key k;
	struct query query;
	struct entry *e;
	uint32_t leader;
	bool is_new;

	siblings_wake(c, qi);
	query_from_name(&query, head->target.b, q->qtype);
	s.zone = config_route(c->conf, q->listener, &query);
	if (s.zone == ZONE_NONE || name_eq(head->target.b, q->name)) {
		question_fail(c, qi, DNS_SERVFAIL, -1, true, now_ns);
		return;
	}
	query.key_flags = q->key_flags;
	query.qclass = q->qclass;
	key_of_query(c, &query, &c->conf->zone[s.zone], &k);
	e = c->conf->zone[s.zone].z.cache.enabled ? entry_fresh(cache_find(&c->cache, &k), now_ns) : NULL;
	if (e) {
		struct answer a;

		cache_touch(e, now_ns);
		cache_answer(e, &a);
		follow_end(c, qi, &a, (uint32_t)((now_ns - e->stored_ns) / NS_PER_S), UPSTREAM_NONE,
			   now_ns);
		return;
	}
	s.key = &k;
	s.purpose = q->purpose == FOR_CLIENTS ? FOR_CLIENTS : FOR_REFRESH;
	/* Before it is opened: a question that is not begun would stay for ever. */
	if (in_circle(c, qi, question_find(&c->tab, &k))) {
		question_fail(c, qi, DNS_SERVFAIL, -1, true, now_ns);
		return;
	}
	leader = question_open(c, &s, &is_new);
	if (leader == NIL) {
		plugin_answers(c, qi, &s, now_ns);
		return;
	}
	row_learn(c, qi, leader);
	follower_add(&c->tab, leader, qi);
	q->follows_target = true;
	q->retry_ns = q->hedge_ns = q->follow_ns = T_NEVER;
	question_timer(c, qi);
	if (is_new)
		due_note(&c->tab, leader, DUE_BEGIN);
}
