/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's pure resolver, 1.27 (net/dnsclient_unix.go): A and AAAA side by side,
 * each walking servers and attempts by itself, a new socket for every try. Every
 * name of the list is tried, whatever happened before; if none has addresses the
 * last error but the bare name's decides.
 */
#include <limits.h>

#include "lib/world/stub_int.h"

static bool mode_single(const struct stub *s)
{
	return s->c->single_request || s->c->single_request_reopen;
}

/* Opens a socket and asks; TC repeats this over TCP on the same server. */
static void exchange(struct stub *s, uint64_t now_ns, unsigned q, bool tcp, bool retry)
{
	unsigned n = s->c->n_servers, server = (s->u.go.q[q].first + s->u.go.q[q].tries) % n;
	unsigned slot = stub_slot_open(s, server, tcp, false);

	stub_q_renew(s, q);
	s->u.go.q[q].slot = slot;
	s->u.go.q[q].tcp = tcp;
	s->u.go.q[q].deadline_ns = now_ns + s->c->timeout_ns;
	stub_q_send(s, slot, server, q, retry);
}

static void question_start(struct stub *s, uint64_t now_ns, unsigned q)
{
	s->u.go.q[q].tries = 0;
	s->u.go.q[q].first = s->c->rotate ? s->t->next_server++ % s->c->n_servers : 0;
	exchange(s, now_ns, q, s->c->transport == SCEN_TCP, false);
}

static void name_start(struct stub *s, uint64_t now_ns)
{
	for (unsigned i = 0; i < 2; i++) {
		s->u.go.q[i].slot = STUB_NO_SLOT;
		s->u.go.q[i].deadline_ns = T_NEVER;
	}
	question_start(s, now_ns, 0);
	if (s->n_q == 2 && !mode_single(s))
		question_start(s, now_ns, 1);
}

/* --- the list of names --- */

/* Position in nameList: the bare name comes first when it has ndots dots, else
 * last. */
static bool name_after(struct stub *s, int *at)
{
	bool bare_first = s->absolute || s->dots >= s->c->ndots;

	if (*at == STUB_BARE && (s->absolute || !bare_first))
		return false;
	(*at)++;
	if (*at < (int)s->c->n_search)
		return true;
	*at = STUB_BARE;
	return !bare_first;
}

static void name_next(struct stub *s, uint64_t now_ns)
{
	int at = s->name_at;

	while (name_after(s, &at)) {
		if (stub_name_set(s, at)) {
			name_start(s, now_ns);
			return;
		}
	}
	stub_finish(s, s->u.go.failed ? STUB_FAIL : STUB_NOTFOUND);
}

static void go_begin(struct stub *s, uint64_t now_ns)
{
	bool bare = s->absolute || s->dots >= s->c->ndots;

	for (int at = 0; !bare && at < (int)s->c->n_search; at++) {
		if (stub_name_set(s, at)) {
			name_start(s, now_ns);
			return;
		}
	}
	stub_name_set(s, STUB_BARE);
	name_start(s, now_ns);
}

/* --- one question --- */

static void name_end(struct stub *s, uint64_t now_ns)
{
	struct stub_go *g = &s->u.go;

	for (unsigned i = 0; i < s->n_q; i++) {
		if (s->q[i].state == Q_RECORDS || (g->have_error && s->name_at == STUB_BARE))
			continue;
		g->have_error = true;
		g->failed = s->q[i].state == Q_FAILED;
	}
	if (stub_any(s, Q_RECORDS))
		stub_finish(s, STUB_OK);
	else
		name_next(s, now_ns);
}

static void question_end(struct stub *s, uint64_t now_ns, unsigned q, enum stub_q_state state)
{
	s->q[q].state = state;
	s->u.go.q[q].deadline_ns = T_NEVER;
	if (q == 0 && s->n_q == 2 && mode_single(s))
		question_start(s, now_ns, 1);
	else if (!stub_any(s, Q_PENDING))
		name_end(s, now_ns);
}

/* The try failed: next server, next attempt, or give the question up. */
static void question_retry(struct stub *s, uint64_t now_ns, unsigned q)
{
	stub_slot_close(s, &s->u.go.q[q].slot);
	if (++s->u.go.q[q].tries == s->c->n_servers * s->c->attempts)
		question_end(s, now_ns, q, Q_FAILED);
	else
		exchange(s, now_ns, q, s->c->transport == SCEN_TCP, true);
}

/* --- events --- */

static void go_receive(struct stub *s, uint64_t now_ns, const struct stub_reply *r)
{
	if (r->slot != s->u.go.q[r->q].slot)
		return;
	if (r->tc && !s->u.go.q[r->q].tcp) {
		stub_slot_close(s, &s->u.go.q[r->q].slot);
		exchange(s, now_ns, r->q, true, false);
		return;
	}
	if (r->state == Q_FAILED || r->lame) {
		question_retry(s, now_ns, r->q);
		return;
	}
	stub_slot_close(s, &s->u.go.q[r->q].slot);
	question_end(s, now_ns, r->q, r->state);
}

static void go_broken(struct stub *s, uint64_t now_ns, unsigned slot)
{
	for (unsigned i = 0; i < s->n_q; i++) {
		if (s->u.go.q[i].slot == slot && s->q[i].state == Q_PENDING) {
			question_retry(s, now_ns, i);
			return;
		}
	}
}

static void go_expire(struct stub *s, uint64_t now_ns)
{
	/* A question given up may end the name and start another one, whose
	 * deadlines then lie ahead. */
	for (unsigned i = 0; i < s->n_q && !s->done; i++)
		if (s->u.go.q[i].deadline_ns <= now_ns)
			question_retry(s, now_ns, i);
}

static uint64_t go_deadline(const struct stub *s)
{
	uint64_t a = s->u.go.q[0].deadline_ns, b = s->u.go.q[1].deadline_ns;

	return a < b ? a : b;
}

const struct stub_lib stub_lib_go = {
	.begin = go_begin,
	.receive = go_receive,
	.broken = go_broken,
	.expire = go_expire,
	.deadline = go_deadline,
};
