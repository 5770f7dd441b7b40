/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread: send what is due, look for answers, wait for the next of either.
 * Outstanding questions are a pool; each is in its socket's list, and in a queue by
 * time of sending, whose old end is where time-outs are.
 */
#include "pcap-replay/send/sender_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "lib/record/qstream.h"
#include "pcap-replay/send/secure.h"

#define BURST  64 /* questions sent before answers are looked for */
#define FIRST  4096 /* questions whose UDP sockets are made before the clock starts */
#define AHEAD  16 /* questions whose sockets are made before their time */
#define GRACE_NS NS_PER_S /* so long after the end what was due before it is still sent */
#define NEAR_NS (60 * NS_PER_US) /* a sleep may end that much too late: the rest is spent awake */

static uint64_t due_of(const struct sender *s, uint64_t number)
{
	const struct plan *p = s->c->plan;
	return s->start_ns + schedule_due_ns(&s->c->schedule, number, p->n, p->query[number % p->n].t_ns, plan_span_ns(p));
}

/* --- sending --- */

static bool within_cap(struct sender *s, uint64_t now_ns)
{
	const struct sender_conf *c = s->c;
	if (c->rate_cap <= 0)
		return true;
	s->allowance += (double)(now_ns - s->allowance_ns) / 1e9 * c->rate_cap;
	s->allowance_ns = now_ns;
	double most = c->rate_cap / 10 > 1 ? c->rate_cap / 10 : 1;
	if (s->allowance > most)
		s->allowance = most;
	if (s->allowance < 1)
		return false;
	s->allowance -= 1;
	return true;
}

static void missed(struct sender *s, uint64_t *counter, size_t query, uint64_t number, unsigned target, uint64_t due_ns)
{
	struct pending p = {.query = query, .number = number, .target = target, .due_ns = due_ns};
	(*counter)++;
	sender_told(s, &p, 0, NULL, 0);
}

/* Its own, or over TLS the client's; NULL when none could be made. */
static struct sock *sock_of(struct sender *s, const struct plan_query *q, unsigned target)
{
	if (s->c->target[target].via != TARGET_DNS)
		return socks_get(s->socks, q->client, target, false);
	return socks_get(s->socks, q->flow, target, s->c->all_tcp || q->proto == QS_TCP);
}

/* On its socket, or when that turns out to be broken on a new one. NULL: neither. */
static struct sock *send_on(struct sender *s, const struct plan_query *q, unsigned target)
{
	for (int tries = 0; tries < 2; tries++) {
		struct sock *sock = sock_of(s, q, target);
		if (!sock || !socks_send(s->socks, sock, s->c->plan->octets + q->at, q->len))
			return sock;
		if (sock->fd >= 0)
			return NULL;
	}
	return NULL;
}

static struct pending *pending_of(struct sender *s, struct sock *sock, const struct pending *made)
{
	struct pending *p = pending_new(s, sock);
	p->query = made->query;
	p->number = made->number;
	p->due_ns = made->due_ns;
	p->sent_ns = made->sent_ns;
	p->target = made->target;
	s->outstanding[p->target]++;
	s->r->target[p->target].sent++;
	return p;
}

/* Hands in what is queued. The kernel sends one after another; when it began and ended is known. */
static void flush(struct sender *s)
{
	uint64_t from_ns = clock_mono_ns();
	if (!s->n_batch)
		return;
	socks_submit(s->socks);
	uint64_t took_ns = clock_mono_ns() - from_ns;
	for (unsigned i = 0; i < s->n_batch; i++) {
		struct pending *p = s->batch[i];
		p->sent_ns = from_ns + took_ns * i / s->n_batch;
		hist_record(&s->r->late, p->sent_ns > p->due_ns ? p->sent_ns - p->due_ns : 0);
	}
	s->n_batch = 0;
}

/* ECONNREFUSED tells of an earlier one: this one goes with the second try. */
static void failed(void *ctx, void *what)
{
	struct sender *s = ctx;
	struct pending *p = what, was = *p;
	const struct plan_query *q = &s->c->plan->query[p->query];
	struct sender_counts *c = &s->r->target[p->target];
	if (p->sock && p->sock->fd >= 0 && !socks_send(s->socks, p->sock, s->c->plan->octets + q->at, q->len))
		return;
	c->sent--;
	pending_end(s, p);
	missed(s, &c->missed_socket, was.query, was.number, was.target, was.due_ns);
}

static void queue(struct sender *s, struct sock *sock, const struct plan_query *q, const struct pending *made)
{
	struct pending *p = pending_of(s, sock, made);
	if (socks_queue(s->socks, sock, p, s->c->plan->octets + q->at, q->len))
		s->batch[s->n_batch++] = p;
	else
		failed(s, p);
	if (s->n_batch == BATCH)
		flush(s);
}

static void send_one(struct sender *s, uint64_t number, unsigned target, uint64_t due_ns)
{
	const struct plan *plan = s->c->plan;
	size_t query = number % plan->n;
	const struct plan_query *q = &plan->query[query];
	struct sender_counts *c = &s->r->target[target];
	uint64_t now_ns = clock_mono_ns();
	c->due++;
	if (s->outstanding[target] >= s->c->max_outstanding) {
		missed(s, &c->missed_full, query, number, target, due_ns);
		return;
	}
	if (!within_cap(s, now_ns)) {
		missed(s, &c->missed_cap, query, number, target, due_ns);
		return;
	}
	struct sock *sock = sock_of(s, q, target); /* if it is not there yet, it takes longest */
	now_ns = clock_mono_ns();
	struct pending made = {.query = query, .number = number, .due_ns = due_ns, .sent_ns = now_ns, .target = target};
	if (sock && sock->in_ring) {
		queue(s, sock, q, &made);
		return;
	}
	sock = send_on(s, q, target);
	if (!sock) {
		missed(s, &c->missed_socket, query, number, target, due_ns);
		return;
	}
	pending_of(s, sock, &made);
	hist_record(&s->r->late, now_ns > due_ns ? now_ns - due_ns : 0);
}

/* What a closed connection left behind, on another one. */
static void send_again(struct sender *s)
{
	while (s->again.waiting && within_cap(s, clock_mono_ns())) {
		struct pending *p = s->again.waiting;
		const struct plan_query *q = &s->c->plan->query[p->query];
		struct sock *sock = send_on(s, q, p->target);
		bool sent = sock;
		pending_leave(s, &s->again.waiting);
		p->sock = NULL;
		p->again = true;
		s->r->target[p->target].again += sent;
		if (sent)
			pending_join(sock, &sock->waiting, p);
	}
}

/* Both targets, and each the first as often as the other. */
static void send_due(struct sender *s, uint64_t number, uint64_t due_ns)
{
	for (unsigned k = 0; k < s->c->n_targets; k++)
		send_one(s, number, (unsigned)((number + k) % s->c->n_targets), due_ns);
	s->r->elapsed_ns = clock_mono_ns() - s->start_ns;
}

/* Sleeps up to shortly before, then looks for answers again and again: whoever wakes from
 * a sleep is late by what that takes, tens of microseconds. */
static void wait_until(struct sender *s, uint64_t until_ns)
{
	uint64_t now_ns = clock_mono_ns();
	if (until_ns > now_ns + NEAR_NS) {
		socks_hear(s->socks, until_ns - now_ns - NEAR_NS);
		return;
	}
	do
		socks_hear(s->socks, 0);
	while (!s->again.waiting && clock_mono_ns() < until_ns);
}

/* What takes longest of a sending is done before it is due. */
static void prepare(struct sender *s, uint64_t number, uint64_t total)
{
	const struct plan *plan = s->c->plan;
	uint64_t end = number + AHEAD < total ? number + AHEAD : total;
	if (s->prepared < number)
		s->prepared = number;
	for (; s->prepared < end; s->prepared++) {
		const struct plan_query *q = &plan->query[s->prepared % plan->n];
		for (unsigned k = 0; k < s->c->n_targets; k++)
			sock_of(s, q, k);
	}
}

/* At a high rate the first questions are as many new sockets in a moment. Connections wait
 * for their time: they are opened when they were. */
static void prepare_first(struct sender *s)
{
	const struct plan *plan = s->c->plan;
	for (size_t i = 0; i < plan->n && i < FIRST && !s->c->all_tcp; i++)
		for (unsigned k = 0; k < s->c->n_targets && plan->query[i].proto != QS_TCP; k++)
			if (s->c->target[k].via == TARGET_DNS)
				socks_get(s->socks, plan->query[i].flow, k, false);
}

static void progress(struct sender *s, uint64_t now_ns)
{
	uint64_t last_ns = due_of(s, s->c->plan->n * s->c->loops - 1) - s->start_ns;
	struct sender_progress p = {.elapsed_ns = now_ns - s->start_ns, .whole_ns = last_ns};
	if (s->c->limit_ns && s->c->limit_ns < last_ns)
		p.whole_ns = s->c->limit_ns;
	for (unsigned i = 0; i < s->c->n_targets; i++) {
		const struct sender_counts *c = &s->r->target[i];
		p.sent += c->sent;
		p.answered += c->answered;
		p.lost += c->timeouts;
		p.missed += sender_missed(c);
	}
	s->next_progress_ns = now_ns + NS_PER_S;
	s->c->progress(s->c->ctx, &p);
}

static uint64_t end_of(const struct sender *s)
{
	return s->c->limit_ns ? s->start_ns + s->c->limit_ns : T_NEVER;
}

/* What is due within the limit is sent, though that be a little late; who cannot keep up is not waited for. */
static bool is_stopped(const struct sender *s, uint64_t due_ns)
{
	uint64_t end_ns = end_of(s);
	return (s->c->stop && *s->c->stop) || due_ns >= end_ns || (s->c->limit_ns && clock_mono_ns() >= end_ns + GRACE_NS);
}

static void loop(struct sender *s)
{
	uint64_t total = s->c->plan->n * s->c->loops, number = 0;
	bool stopped = false;
	while (number < total || s->n_out) {
		uint64_t due_ns = number < total ? due_of(s, number) : T_NEVER;
		for (int i = 0; i < BURST && due_ns <= clock_mono_ns() && due_ns < end_of(s); i++) {
			send_due(s, number++, due_ns);
			due_ns = number < total ? due_of(s, number) : T_NEVER;
		}
		flush(s);
		uint64_t now_ns = clock_mono_ns(), until_ns = due_ns;
		sender_expire(s, now_ns);
		send_again(s);
		if (s->c->progress && now_ns >= s->next_progress_ns)
			progress(s, now_ns);
		if (s->oldest && s->oldest->sent_ns + s->c->timeout_ns < until_ns)
			until_ns = s->oldest->sent_ns + s->c->timeout_ns;
		if (s->again.waiting && until_ns > now_ns + NS_PER_MS) /* the rate cap has held them back */
			until_ns = now_ns + NS_PER_MS;
		if (until_ns > now_ns + NS_PER_S / 10) /* to hear of a signal */
			until_ns = now_ns + NS_PER_S / 10;
		prepare(s, number, total);
		if (number < total || s->n_out)
			wait_until(s, until_ns);
		if (!stopped && number < total && is_stopped(s, due_ns)) {
			stopped = true;
			total = number;
			s->r->stopped = true;
		}
	}
}

/* Better said at once than as so many lost questions. */
static int try_targets(const struct sender_conf *c, struct diag *d)
{
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < c->n_targets; i++)
		if (c->target[i].via != TARGET_DNS)
			rc = secure_try(&c->target[i], &c->trust, c->timeout_ns, d);
	return rc;
}

int sender_run(const struct sender_conf *c, struct sender_result *ret, struct diag *d)
{
	struct sender *s = calloc(1, sizeof(*s));
	size_t n = c->max_outstanding * c->n_targets;
	int rc = s ? 0 : ERR_NOMEM;
	memset(ret, 0, sizeof(*ret));
	hist_init(&ret->late);
	heat_init(&ret->heat, HEAT_STEP_NS);
	for (unsigned i = 0; i < SENDER_TARGETS_MAX; i++) {
		hist_init(&ret->target[i].from_due);
		hist_init(&ret->target[i].from_sent);
	}
	if (rc == 0) {
		struct socks_conf sc = {c->target, &c->trust, c->n_targets, c->plan->n_flows, c->no_ring, s, sender_got, sender_lost, failed};
		s->c = c;
		s->r = ret;
		s->again_end = &s->again.waiting;
		s->pool = calloc(n, sizeof(*s->pool));
		rc = try_targets(c, d);
		rc = rc ? rc : s->pool ? socks_new(&s->socks, &sc, d) : ERR_NOMEM;
	}
	if (rc == 0) {
		for (size_t i = 0; i < n; i++)
			s->pool[i].next = i + 1 < n ? &s->pool[i + 1] : NULL;
		s->free_list = s->pool;
		prepare_first(s);
		socks_submit(s->socks); /* that these are heard of takes its time too */
		s->start_ns = s->allowance_ns = clock_mono_ns() + 10 * NS_PER_MS;
		s->allowance_ns -= 10 * NS_PER_MS;
		s->next_progress_ns = s->start_ns;
		s->allowance = 1;
		prctl(PR_SET_TIMERSLACK, 1ul);
		loop(s);
		ret->sockets = socks_made(s->socks);
		snprintf(ret->fault, sizeof(ret->fault), "%s", socks_fault(s->socks) ? socks_fault(s->socks) : "");
	} else if (rc == ERR_NOMEM) {
		diag_set(d, rc, "out of memory");
	}
	if (s) {
		socks_free(s->socks);
		free(s->pool);
	}
	free(s);
	return rc;
}
