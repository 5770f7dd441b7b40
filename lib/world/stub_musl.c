/* SPDX-License-Identifier: Apache-2.0 */
/*
 * musl 1.2.6 (src/network/res_msend.c, lookup_name.c): every question to every
 * server at once from one unconnected socket, and again, what is unanswered,
 * each timeout/attempts; `timeout` is the total. NXDOMAIN moves to the next
 * search name; no data, a server failure or silence ends the search. It ignores
 * ICMP refusals, single-request, rotate and use-vc.
 */
#include <limits.h>

#include "lib/world/stub_int.h"

static void name_begin(struct stub *s, uint64_t now_ns, int at);

static bool tcp_pending(const struct stub *s)
{
	return s->u.musl.tcp_slot[0] != STUB_NO_SLOT || s->u.musl.tcp_slot[1] != STUB_NO_SLOT;
}

/* Sends what is unanswered to all servers. */
static void round_send(struct stub *s, uint64_t now_ns)
{
	struct stub_musl *m = &s->u.musl;

	for (unsigned i = 0; i < s->n_q; i++)
		for (unsigned j = 0; j < s->c->n_servers; j++)
			if (s->q[i].state == Q_PENDING && m->tcp_slot[i] == STUB_NO_SLOT)
				stub_q_send(s, m->slot, j, i, m->rounds > 0);
	m->rounds++;
	m->servfail_budget = 2 * s->n_q;
	/* No sliver of a last round when timeout/attempts leaves a remainder. */
	m->next_ns =
		m->rounds < s->c->attempts ? now_ns + s->c->timeout_ns / s->c->attempts : m->end_ns;
}

/* What a name's replies mean, question by question, as name_from_dns looks at
 * them. */
static void name_end(struct stub *s, uint64_t now_ns)
{
	struct stub_musl *m = &s->u.musl;

	stub_slot_close(s, &m->slot);
	for (unsigned i = 0; i < s->n_q; i++) {
		stub_slot_close(s, &m->tcp_slot[i]);
		if (s->q[i].state == Q_PENDING) {
			stub_finish(s, STUB_FAIL); /* also when the other family came */
			return;
		}
		if (s->q[i].state == Q_NXDOMAIN) {
			stub_slots_close(s);
			if (s->name_at == STUB_BARE)
				stub_finish(s, STUB_NOTFOUND);
			else
				name_begin(s, now_ns, s->name_at + 1);
			return;
		}
	}
	stub_finish(s, stub_any(s, Q_RECORDS) ? STUB_OK : STUB_NOTFOUND);
}

/* search[at], the ones after it, or at last the bare name. */
static void name_begin(struct stub *s, uint64_t now_ns, int at)
{
	struct stub_musl *m = &s->u.musl;

	while (at < (int)s->c->n_search && !stub_name_set(s, at))
		at++;
	if (at >= (int)s->c->n_search)
		stub_name_set(s, STUB_BARE);
	m->slot = stub_slot_open(s, 0, false, true);
	m->tcp_slot[0] = m->tcp_slot[1] = STUB_NO_SLOT;
	m->rounds = 0;
	m->end_ns = now_ns + s->c->timeout_ns;
	round_send(s, now_ns);
}

static void musl_begin(struct stub *s, uint64_t now_ns)
{
	bool bare = s->absolute || s->dots >= s->c->ndots;

	name_begin(s, now_ns, bare ? (int)s->c->n_search : 0);
}

/* The socket is unconnected and the driver does not say which server spoke, so
 * repeats and TCP take the servers in turn. */
static unsigned some_server(struct stub *s)
{
	return s->u.musl.next_server++ % s->c->n_servers;
}

static void musl_receive(struct stub *s, uint64_t now_ns, const struct stub_reply *r)
{
	struct stub_musl *m = &s->u.musl;
	bool over_tcp = r->slot == m->tcp_slot[r->q];

	if (m->tcp_slot[r->q] != STUB_NO_SLOT && !over_tcp)
		return; /* answered over UDP already, with TC */
	if (r->rcode != DNS_NOERROR && r->rcode != DNS_NXDOMAIN) {
		if (r->rcode == DNS_SERVFAIL && !over_tcp && m->servfail_budget > 0) {
			m->servfail_budget--;
			stub_q_send(s, m->slot, some_server(s), r->q, true);
		}
		return; /* other codes are as good as silence */
	}
	if (r->tc && !over_tcp) {
		unsigned server = some_server(s);

		m->tcp_slot[r->q] = stub_slot_open(s, server, true, false);
		stub_q_send(s, m->tcp_slot[r->q], server, r->q, false);
		return;
	}
	if (over_tcp)
		stub_slot_close(s, &m->tcp_slot[r->q]);
	s->q[r->q].state = r->state;
	if (!stub_any(s, Q_PENDING) && !tcp_pending(s))
		name_end(s, now_ns);
}

static void musl_broken(struct stub *s, uint64_t now_ns, unsigned slot)
{
	struct stub_musl *m = &s->u.musl;

	if (slot == m->tcp_slot[0] || slot == m->tcp_slot[1])
		name_end(s, now_ns);
}

static void musl_expire(struct stub *s, uint64_t now_ns)
{
	if (now_ns >= s->u.musl.end_ns)
		name_end(s, now_ns);
	else
		round_send(s, now_ns);
}

static uint64_t musl_deadline(const struct stub *s)
{
	return s->u.musl.next_ns;
}

const struct stub_lib stub_lib_musl = {
	.begin = musl_begin,
	.receive = musl_receive,
	.broken = musl_broken,
	.expire = musl_expire,
	.deadline = musl_deadline,
};
