/* SPDX-License-Identifier: Apache-2.0 */
/* Facts by client; halves of a pair find each other among its last questions, by the lookup
 * they belong to and the name's length, which no two steps of a search list share. */
#include "pcap-replay/traffic/stubs.h"

#include <stdlib.h>
#include <string.h>

#include "lib/dns/wire.h"
#include "pcap-replay/traffic/tally.h"

#define AT_ONCE_NS (20 * 1000000ull) /* the same message to several servers */
#define NEAR_IDS   1024              /* what passes on a clock between two questions made one after the other */
#define KIN_IDS    20

struct stubs {
	struct budget *budget;
	size_t used, share;
	struct tally *number; /* client -> its place in `client`, + 1 */
	struct stub_client **client;
	size_t n, cap;
};

struct stubs *stubs_new(struct budget *b, size_t share)
{
	struct stubs *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->budget = b;
	s->share = share;
	if (!budget_take(b, share - share / 4)) {
		free(s);
		return NULL;
	}
	s->number = tally_new(b, share / 4);
	if (s->number)
		return s;
	stubs_free(s);
	return NULL;
}

void stubs_free(struct stubs *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->client[i]);
	free(s->client);
	budget_give(s->budget, s->share - s->share / 4);
	tally_free(s->number);
	free(s);
}

static bool room(struct stubs *s)
{
	size_t more = sizeof(struct stub_client) + 2 * sizeof(struct stub_client *);
	if (s->used + more > s->share - s->share / 4)
		return false;
	s->used += more;
	if (s->n < s->cap)
		return true;
	size_t cap = s->cap ? s->cap * 2 : 64;
	struct stub_client **bigger = realloc(s->client, cap * sizeof(*bigger));
	if (!bigger)
		return false;
	s->client = bigger;
	s->cap = cap;
	return true;
}

static struct stub_client *client_of(struct stubs *s, const struct in6_addr *ip)
{
	uint64_t untold = tally_untold(s->number), *number = tally_at(s->number, ip, sizeof(*ip));
	if (*number)
		return s->client[*number - 1];
	struct stub_client *c = tally_untold(s->number) == untold && room(s) ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return NULL;
	c->ip = *ip;
	s->client[s->n++] = c;
	*number = s->n;
	return c;
}

static void tell(struct stub_client *c, enum stub_fact f, bool is)
{
	*(is ? &c->yes[f] : &c->no[f]) += 1;
}

static uint32_t short_of(const struct in6_addr *ip)
{
	uint64_t a, b;
	memcpy(&a, ip->s6_addr, 8);
	memcpy(&b, ip->s6_addr + 8, 8);
	return (uint32_t)((a * 31 ^ b) * 0x9e3779b97f4a7c15u >> 32);
}

static void pair(struct stub_client *c, struct stub_recent *first, const struct txn *t)
{
	uint16_t ahead = (uint16_t)(t->id - first->id);
	int8_t low = (int8_t)(t->id - first->id);
	first->paired = true;
	tell(c, SF_PAIRED, true);
	tell(c, SF_ONE_PORT, first->port == t->view.client.port);
	tell(c, SF_A_FIRST, first->qtype == DNS_A);
	tell(c, SF_PARALLEL, !first->answered);
	tell(c, SF_IDS_NEAR, ahead > 0 && ahead < NEAR_IDS);
	tell(c, SF_IDS_KIN, low >= -KIN_IDS && low <= KIN_IDS);
}

/* Of the same lookup and name. */
static bool is_other_half(const struct stub_recent *r, const struct txn *t)
{
	return !r->paired && r->qtype != t->qtype && (r->qtype == DNS_A || r->qtype == DNS_AAAA);
}

/* The very message, to another server; the socket is known to be the same. */
static bool is_copy(const struct stub_recent *r, const struct txn *t)
{
	return r->id == t->id && r->qtype == t->qtype && r->name_len == t->name_len &&
	       t->t_ns < r->t_ns + AT_ONCE_NS && r->server != short_of(&t->view.server.ip);
}

enum is { IS_COPY, IS_SECOND, IS_FIRST };

/* What this question is to those before it; a copy is nothing of its own. */
static enum is place(struct stub_client *c, const struct txn *t)
{
	bool port_used = false, begun = false, addresses = t->qtype == DNS_A || t->qtype == DNS_AAAA;
	struct stub_recent *half = NULL;
	unsigned known = 0;
	for (unsigned k = 0; k < STUB_RECENT; k++) {
		struct stub_recent *r = &c->recent[(c->head + STUB_RECENT - 1 - k) % STUB_RECENT];
		if (!r->name_len)
			break;
		known++;
		if (r->port == t->view.client.port) {
			port_used = true;
			if (is_copy(r, t)) {
				tell(c, SF_ALL_AT_ONCE, true);
				return IS_COPY;
			}
		}
		if (r->lookup != t->lookup || r->name_len != t->name_len)
			continue;
		begun = true;
		if (!half && addresses && is_other_half(r, t))
			half = r;
	}
	if (half)
		pair(c, half, t);
	if (!begun && known)
		tell(c, SF_KEEPS_PORT, port_used);
	return half ? IS_SECOND : IS_FIRST;
}

bool stub_recent_alone(const struct stub_recent *r)
{
	return r->name_len && !r->paired && (r->qtype == DNS_A || r->qtype == DNS_AAAA);
}

static void remember(struct stub_client *c, const struct txn *t, bool paired)
{
	struct stub_recent *r = &c->recent[c->head];
	if (stub_recent_alone(r))
		tell(c, SF_PAIRED, false);
	*r = (struct stub_recent){.t_ns = t->t_ns, .server = short_of(&t->view.server.ip), .lookup = t->lookup, .id = t->id, .port = t->view.client.port,
				  .qtype = t->qtype, .name_len = t->name_len, .paired = paired};
	c->head = (c->head + 1) % STUB_RECENT;
}

static void options(struct stub_client *c, const struct txn *t)
{
	tell(c, SF_EDNS, t->edns_size);
	tell(c, SF_COOKIE, t->cookie);
	tell(c, SF_AD, t->asked_ad);
	tell(c, SF_ANY, t->qtype == DNS_ANY);
	for (unsigned i = 0; t->edns_size && i < STUB_SIZES; i++)
		if (!c->size_n[i] || c->size[i] == t->edns_size) {
			c->size[i] = t->edns_size;
			c->size_n[i]++;
			break;
		}
}

static void again(struct stub_client *c, const struct txn *t, bool same)
{
	const struct retry_rule *r = retry_rule_of(t->gap_ns);
	if (!r)
		return;
	c->gap[r - retry_rules]++;
	tell(c, SF_SAME_AGAIN, same);
}

void stubs_question(struct stubs *s, enum txn_event e, const struct txn *t)
{
	if (!t->readable || t->opcode != DNS_QUERY)
		return;
	struct stub_client *c = client_of(s, &t->view.client.ip);
	if (!c)
		return;
	if (e == TXE_RESEND || t->retry) {
		again(c, t, e == TXE_RESEND);
		return;
	}
	if (t->after_tc || t->proto != QS_UDP) /* its ports say nothing of its kind */
		return;
	if (c->questions >= STUB_ENOUGH) {
		c->questions++;
		return;
	}
	enum is what = place(c, t);
	if (what == IS_COPY)
		return;
	c->questions++;
	options(c, t);
	remember(c, t, what == IS_SECOND);
}

void stubs_answer(struct stubs *s, const struct txn *t)
{
	const struct tally_row *row = tally_find(s->number, &t->view.client.ip, sizeof(t->view.client.ip));
	struct stub_client *c = row && row->n[0] ? s->client[row->n[0] - 1] : NULL;
	for (unsigned k = 0; c && c->questions < STUB_ENOUGH && k < STUB_RECENT; k++) {
		struct stub_recent *r = &c->recent[(c->head + STUB_RECENT - 1 - k) % STUB_RECENT];
		if (r->id == t->id && r->port == t->view.client.port && r->qtype == t->qtype) {
			r->answered = true;
			return;
		}
	}
}

const struct stub_client *stubs_next(const struct stubs *s, size_t *cursor)
{
	return *cursor < s->n ? s->client[(*cursor)++] : NULL;
}

const struct stub_client *stubs_find(const struct stubs *s, const struct in6_addr *ip)
{
	const struct tally_row *r = tally_find(s->number, ip, sizeof(*ip));
	return r && r->n[0] ? s->client[r->n[0] - 1] : NULL;
}
