/* SPDX-License-Identifier: Apache-2.0 */
/* Every call and callback of a core passes here, and whoever breaks the contract is told. */
#include "tests/scenario/driver.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "tests/scenario/lend.h"

#define POISON 0xa5

enum { OUTSIDE, SILENT, ACTING, IN_OP };

__attribute__((format(printf, 2, 3))) static void breach(struct driver *d, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->breach(d->to.ctx, text);
}

static void *grown(void *p, size_t n, size_t each)
{
	if (n & (n - 1)) /* grows at powers of two */
		return p;
	p = realloc(p, (n ? 2 * n : 1) * each);
	if (!p)
		abort();
	return p;
}

static void call_begin(struct driver *d, int state)
{
	d->state = (uint8_t)state;
	for (size_t i = 0; i < DNS_MSG_MAX; i++) {
		if (d->out[i] != POISON) {
			breach(d, "octet %zu of a reply's buffer was written after its query", i);
			break;
		}
	}
}

static void call_end(struct driver *d)
{
	const char *broken;

	d->state = OUTSIDE;
	core_check(d->core);
	d->tally.parked = d->n_parked;
	broken = laws_check(&d->tally, d->stats);
	if (broken)
		breach(d, "the counters do not sum up: %s", broken);
	if (d->n_parked && core_deadline(d->core) == T_NEVER)
		breach(d, "%zu clients wait, and nothing is due", d->n_parked);
}

/* From within a call that acts, and not from within another op. */
static int op_begin(struct driver *d, const char *op)
{
	int before = d->state;

	if (before != ACTING)
		breach(d, "%s from within %s", op,
		       before == SILENT ? "a silent call" : before == IN_OP ? "an op" : "no call");
	d->state = IN_OP;
	return before;
}

/* --- what the core wants --- */

static bool same_question(const uint8_t *query, size_t query_len, const uint8_t *reply, size_t len)
{
	struct dns_msg q, r;

	if (dns_msg_parse(&q, query, query_len) < 0 || dns_msg_parse(&r, reply, len) < 0 || !r.h.n_qd)
		return true; /* a query that was none: not parked anyway */
	return q.q.qtype == r.q.qtype && q.q.qclass == r.q.qclass &&
	       q.q.name_len == r.q.name_len && memcmp(q.q.name, r.q.name, q.q.name_len) == 0;
}

static void reply_check(struct driver *d, const struct ticket *t, const uint8_t *b, size_t len)
{
	if (!t->is_parked)
		breach(d, "a reply before core_query has returned, or to a query answered in place");
	if (t->is_over)
		breach(d, "a second reply to one query");
	if (len < DNS_HEADER_LEN || memcmp(b, t->query, 2) != 0)
		breach(d, "a reply with another query's id");
	else if (!same_question(t->query, t->len, b, len))
		breach(d, "a reply with another query's question");
	if (len > (t->client.proto == CORE_UDP ? CORE_UDP_MAX : DNS_MSG_MAX))
		breach(d, "a reply of %zu octets", len);
}

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len)
{
	struct driver *d = ctx;
	int before = op_begin(d, "reply");

	if (c->cookie >= d->n_tickets) {
		breach(d, "a reply to nobody");
	} else {
		struct ticket *t = &d->ticket[c->cookie];

		reply_check(d, t, bytes, len);
		d->n_parked -= t->is_parked && !t->is_over;
		d->tally.lost += c->listener == UINT8_MAX; /* no row counts it any more */
		t->is_over = true;
		d->to.reply(d->to.ctx, &t->client, bytes, len);
	}
	d->state = (uint8_t)before;
}

static struct given *given_find(struct driver *d, uint32_t id)
{
	for (size_t i = d->n_given; i-- > 0;)
		if (d->given[i].id == id)
			return &d->given[i];
	return NULL;
}

static void on_ask(void *ctx, const struct core_ask *a)
{
	struct driver *d = ctx;
	int before = op_begin(d, "ask");
	enum core_fail_why why = CORE_FAIL_REFUSED;
	struct dns_msg m;

	if (!a->id || given_find(d, a->id))
		breach(d, "an ask with an id of before");
	if (a->upstream >= d->n_upstreams)
		breach(d, "an ask for upstream %u of %zu", a->upstream, d->n_upstreams);
	if (dns_msg_parse(&m, a->query, a->len) < 0 || m.h.n_qd != 1)
		breach(d, "an ask that is no query");
	tally_ask(&d->tally, a);
	d->given = grown(d->given, d->n_given, sizeof(*d->given));
	d->given[d->n_given++] = (struct given){.id = a->id};
	d->to.ask(d->to.ctx, a);
	if (d->refuses && d->refuses(d->to.ctx, a, &why)) {
		d->given[d->n_given - 1].is_over = true;
		d->tally.fails++;
		core_fail(d->core, d->now_ns, a->id, why);
	}
	d->state = (uint8_t)before;
}

static void on_cancel(void *ctx, uint32_t id)
{
	struct driver *d = ctx;
	int before = op_begin(d, "cancel");
	struct given *g = given_find(d, id);

	if (!g || g->is_void)
		breach(d, "a cancel of what was not asked, or is void");
	else
		g->is_over = true;
	if (d->to.cancel)
		d->to.cancel(d->to.ctx, id);
	d->state = (uint8_t)before;
}

/* These only tell, at any time. */
static void on_event(void *ctx, int level, const char *text)
{
	struct driver *d = ctx;

	if (d->to.event)
		d->to.event(d->to.ctx, level, text);
}

static void on_failed(void *ctx, const struct core_failed *f)
{
	struct driver *d = ctx;

	if (d->to.failed)
		d->to.failed(d->to.ctx, f);
}

static void on_done(void *ctx, const struct core_client *c, const struct core_done *done)
{
	struct driver *d = ctx;
	const char *wrong = tally_done(&d->tally, c, done);

	if (wrong)
		breach(d, "%s", wrong);
	if (c->cookie >= d->n_tickets)
		breach(d, "a query of nobody is done");
	else if (done->end_ns != d->now_ns || done->start_ns != d->ticket[c->cookie].asked_ns)
		breach(d, "a query is done that did not begin or end when it did");
	if (d->to.done)
		d->to.done(d->to.ctx, c, done);
}

/* --- calls --- */

int driver_start(struct driver *d, const struct core_conf *conf, struct core_stats *stats,
		 const struct hash_key *key, struct diag *diag)
{
	struct core_ops ops = {.ctx = d, .reply = on_reply, .ask = on_ask, .cancel = on_cancel,
			       .event = on_event, .done = on_done, .failed = on_failed};
	struct lent *lent = conf_lend(conf, &conf);
	int rc = core_new(&d->core, conf, &ops, stats, key, 1, diag);

	d->n_upstreams = conf->n_upstreams;
	conf_take_back(lent);
	if (rc < 0)
		return rc;
	if (!d->out && !(d->out = malloc(DNS_MSG_MAX)))
		abort();
	memset(d->out, POISON, DNS_MSG_MAX);
	for (size_t i = 0; i < d->n_tickets; i++)
		d->ticket[i].is_over = true; /* of a core before: nobody will answer */
	d->tally.lost += d->n_parked;
	d->n_parked = d->n_given = 0;
	d->stats = stats;
	return 0;
}

void driver_end(struct driver *d)
{
	for (size_t i = 0; i < d->n_tickets; i++)
		free(d->ticket[i].query);
	free(d->ticket);
	free(d->given);
	free(d->out);
	core_free(d->core);
	d->core = NULL;
}

enum core_verdict driver_query(struct driver *d, const struct core_client *c, const uint8_t *in,
			       size_t len, uint8_t *ret, size_t *ret_len)
{
	uint8_t *query = malloc(len + !len), *mine = malloc(len + !len);
	struct core_client as = *c;
	size_t ticket = d->n_tickets++;
	uint64_t hits = laws_hits(d->stats);
	enum core_verdict verdict;

	if (!query || !mine)
		abort();
	memcpy(query, in, len); /* of its own length: what is read behind it shows */
	memcpy(mine, in, len);
	d->ticket = grown(d->ticket, ticket, sizeof(*d->ticket));
	d->ticket[ticket] = (struct ticket){.client = *c, .query = mine, .len = len,
					     .asked_ns = d->now_ns};
	as.cookie = ticket;
	call_begin(d, SILENT);
	verdict = core_query(d->core, d->now_ns, &as, query, len, d->out, ret_len);
	if (verdict == CORE_REPLY) {
		memcpy(ret, d->out, *ret_len);
		d->ticket[ticket].is_over = true;
	} else if (verdict == CORE_WAIT) {
		d->ticket[ticket].is_parked = true;
		d->tally.hits_parked += laws_hits(d->stats) - hits;
		d->n_parked++;
	}
	d->tally.drops += verdict == CORE_DROP;
	memset(d->out, POISON, DNS_MSG_MAX);
	memset(query, POISON, len);
	free(query);
	call_end(d);
	return verdict;
}

bool driver_answer(struct driver *d, uint32_t ask_id, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len + !len);
	struct given *g = given_find(d, ask_id);
	bool was_open = g && !g->is_over && !g->is_void, taken;

	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	call_begin(d, ACTING);
	taken = core_answer(d->core, d->now_ns, ask_id, copy, len);
	d->tally.answers++;
	g = given_find(d, ask_id); /* there may be more of them now */
	if (was_open && g->is_over && !taken)
		breach(d, "ask %u is over, and its answer was none", ask_id);
	if (g && taken)
		g->is_over = true;
	memset(copy, POISON, len);
	free(copy);
	call_end(d);
	return taken;
}

void driver_fail(struct driver *d, uint32_t ask_id, enum core_fail_why why)
{
	struct given *g = given_find(d, ask_id);

	if (g)
		g->is_over = true;
	d->tally.fails++;
	call_begin(d, SILENT);
	core_fail(d->core, d->now_ns, ask_id, why);
	call_end(d);
}

int driver_reconfigure(struct driver *d, const struct core_conf *conf, struct diag *diag)
{
	struct lent *lent = conf_lend(conf, &conf);
	int rc;

	call_begin(d, SILENT);
	rc = core_reconfigure(d->core, conf, d->now_ns, diag);
	if (rc == 0) {
		d->n_upstreams = conf->n_upstreams;
		for (size_t i = 0; i < d->n_given; i++)
			d->given[i].is_void |= !d->given[i].is_over;
	}
	conf_take_back(lent);
	call_end(d);
	return rc;
}

void driver_tick(struct driver *d)
{
	call_begin(d, ACTING);
	core_tick(d->core, d->now_ns);
	call_end(d);
	if (core_deadline(d->core) <= d->now_ns)
		breach(d, "something is due still after a tick");
	if (d->stats->waiters != d->n_parked)
		breach(d, "%lu waiters, and %zu clients wait", (unsigned long)d->stats->waiters, d->n_parked);
}
