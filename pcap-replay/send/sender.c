/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread: send what is due, look for answers, wait for the next of either.
 * Outstanding questions are a pool; each is in its socket's list, and in a queue by
 * time of sending, whose old end is where time-outs are.
 */
#include "pcap-replay/send/sender.h"

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
#include "pcap-replay/send/socks.h"

#define EVENTS 256
#define BURST  64 /* questions sent before answers are looked for */
#define FIRST  4096 /* questions whose UDP sockets are made before the clock starts */
#define AHEAD  16 /* questions whose sockets are made before their time */
#define NEAR_NS (60 * NS_PER_US) /* a sleep may end that much too late: the rest is spent awake */

struct pending {
	struct pending *next;           /* of its socket; or of the free ones */
	struct pending *older, *newer;  /* by time of sending */
	struct sock *sock;
	size_t query;
	uint64_t number, due_ns, sent_ns;
	unsigned target;
};

struct sender {
	const struct sender_conf *c;
	struct sender_result *r;
	struct socks *socks;
	struct pending *pool, *free_list, *oldest, *newest;
	size_t outstanding[SENDER_TARGETS_MAX], n_out;
	uint64_t start_ns, next_progress_ns;
	uint64_t prepared;       /* questions before this one have a socket */
	double allowance; /* of the rate cap, questions */
	uint64_t allowance_ns;
	uint8_t buf[65536];
};

static uint64_t due_of(const struct sender *s, uint64_t number)
{
	const struct plan *p = s->c->plan;
	return s->start_ns + schedule_due_ns(&s->c->schedule, number, p->n, p->query[number % p->n].t_ns, plan_span_ns(p));
}

/* --- outstanding --- */

static void told(struct sender *s, const struct pending *p, uint64_t now_ns, const uint8_t *reply, size_t len)
{
	struct sender_done d = {s->c->plan, p->query, p->number, p->target, p->due_ns, p->sent_ns, reply ? now_ns : 0, reply, len};
	if (s->c->done)
		s->c->done(s->c->ctx, &d);
}

static void pending_end(struct sender *s, struct pending *p)
{
	struct pending **at = &p->sock->waiting;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->sock->n_waiting--;
	*(p->older ? &p->older->newer : &s->oldest) = p->newer;
	*(p->newer ? &p->newer->older : &s->newest) = p->older;
	s->outstanding[p->target]--;
	s->n_out--;
	p->next = s->free_list;
	s->free_list = p;
}

/* The first target's, as a picture. */
static void warm(struct sender *s, const struct pending *p, uint64_t took_ns)
{
	if (p->target == 0)
		heat_record(&s->r->heat, p->due_ns > s->start_ns ? p->due_ns - s->start_ns : 0, took_ns);
}

static void expire(struct sender *s, uint64_t now_ns)
{
	while (s->oldest && now_ns >= s->oldest->sent_ns + s->c->timeout_ns) {
		struct pending *p = s->oldest;
		s->r->target[p->target].timeouts++;
		warm(s, p, s->c->timeout_ns);
		told(s, p, now_ns, NULL, 0);
		pending_end(s, p);
	}
}

static bool is_answer(const struct sender *s, const struct pending *p, const uint8_t *reply, size_t len)
{
	const struct plan_query *q = &s->c->plan->query[p->query];
	const uint8_t *asked = s->c->plan->octets + q->at;
	struct dns_msg a, b;
	if (len < DNS_HEADER_LEN || memcmp(asked, reply, 2) || !(reply[2] & 0x80))
		return false;
	dns_msg_parse(&a, asked, q->len);
	dns_reply_parse(&b, reply, len);
	return !a.q.name || !b.q.name || (a.q.qtype == b.q.qtype && name_eq(a.q.name, b.q.name));
}

static void got(void *ctx, struct sock *sock, const uint8_t *reply, size_t len, uint64_t now_ns)
{
	struct sender *s = ctx;
	struct sender_counts *c = &s->r->target[sock->target];
	struct pending *p = sock->waiting, *hit = NULL;
	for (; p; p = p->next)
		if (is_answer(s, p, reply, len))
			hit = p; /* the oldest of them stands last */
	if (!hit) {
		c->unexpected++;
		return;
	}
	c->answered++;
	c->rcode[reply[3] & 15]++;
	c->truncated += (reply[2] & 2) != 0;
	hist_record(&c->from_due, now_ns > hit->due_ns ? now_ns - hit->due_ns : 0);
	hist_record(&c->from_sent, now_ns > hit->sent_ns ? now_ns - hit->sent_ns : 0);
	warm(s, hit, now_ns > hit->due_ns ? now_ns - hit->due_ns : 0);
	told(s, hit, now_ns, reply, len);
	pending_end(s, hit);
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
	told(s, &p, 0, NULL, 0);
}

/* Its own, or over TLS the client's; NULL when none could be made. */
static struct sock *sock_of(struct sender *s, const struct plan_query *q, unsigned target)
{
	if (s->c->target[target].via != TARGET_DNS)
		return socks_get(s->socks, q->client, target, false);
	return socks_get(s->socks, q->flow, target, s->c->all_tcp || q->proto == QS_TCP);
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
	struct sock *sock = sock_of(s, q, target);
	now_ns = clock_mono_ns();
	if (!sock || socks_send(s->socks, sock, plan->octets + q->at, q->len)) {
		missed(s, &c->missed_socket, query, number, target, due_ns);
		return;
	}
	struct pending *p = s->free_list;
	s->free_list = p->next;
	*p = (struct pending){.next = sock->waiting, .older = s->newest, .sock = sock, .query = query, .number = number,
			      .due_ns = due_ns, .sent_ns = now_ns, .target = target};
	sock->waiting = p;
	sock->n_waiting++;
	*(s->newest ? &s->newest->newer : &s->oldest) = p;
	s->newest = p;
	s->outstanding[target]++;
	s->n_out++;
	c->sent++;
	hist_record(&s->r->late, now_ns > due_ns ? now_ns - due_ns : 0);
}

/* Both targets, and each the first as often as the other. */
static void send_due(struct sender *s, uint64_t number, uint64_t due_ns)
{
	for (unsigned k = 0; k < s->c->n_targets; k++)
		send_one(s, number, (unsigned)((number + k) % s->c->n_targets), due_ns);
	s->r->elapsed_ns = clock_mono_ns() - s->start_ns;
}

/* Answers that are there, or come within so long. */
static void hear(struct sender *s, uint64_t left_ns)
{
	struct epoll_event ev[EVENTS];
	struct timespec ts = {(time_t)(left_ns / NS_PER_S), (long)(left_ns % NS_PER_S)};
	int n = epoll_pwait2(socks_epoll(s->socks), ev, EVENTS, &ts, NULL);
	for (int i = 0; i < n; i++)
		socks_receive(s->socks, ev[i].data.ptr, ev[i].events, s->buf, sizeof(s->buf));
	socks_reap(s->socks);
}

/* Sleeps up to shortly before, then looks for answers again and again: whoever wakes from
 * a sleep is late by what that takes, tens of microseconds. */
static void wait_until(struct sender *s, uint64_t until_ns)
{
	uint64_t now_ns = clock_mono_ns();
	if (until_ns > now_ns + NEAR_NS) {
		hear(s, until_ns - now_ns - NEAR_NS);
		return;
	}
	do
		hear(s, 0);
	while (clock_mono_ns() < until_ns);
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
	if (!s->c->progress || now_ns < s->next_progress_ns)
		return;
	s->next_progress_ns = now_ns + NS_PER_S;
	s->c->progress(s->c->ctx, now_ns - s->start_ns, s->r->target[0].sent, s->r->target[0].answered);
}

static bool is_stopped(const struct sender *s)
{
	return (s->c->stop && *s->c->stop) || (s->c->limit_ns && clock_mono_ns() >= s->start_ns + s->c->limit_ns);
}

static void loop(struct sender *s)
{
	uint64_t total = s->c->plan->n * s->c->loops, number = 0;
	bool stopped = false;
	while (number < total || s->n_out) {
		uint64_t due_ns = number < total ? due_of(s, number) : T_NEVER;
		for (int i = 0; i < BURST && due_ns <= clock_mono_ns(); i++) {
			send_due(s, number++, due_ns);
			due_ns = number < total ? due_of(s, number) : T_NEVER;
		}
		uint64_t now_ns = clock_mono_ns(), until_ns = due_ns;
		expire(s, now_ns);
		progress(s, now_ns);
		if (s->oldest && s->oldest->sent_ns + s->c->timeout_ns < until_ns)
			until_ns = s->oldest->sent_ns + s->c->timeout_ns;
		if (until_ns > now_ns + NS_PER_S / 10) /* to hear of a signal */
			until_ns = now_ns + NS_PER_S / 10;
		prepare(s, number, total);
		if (number < total || s->n_out)
			wait_until(s, until_ns);
		if (!stopped && number < total && is_stopped(s)) {
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
		struct socks_conf sc = {c->target, &c->trust, c->n_targets, c->plan->n_flows, s, got};
		s->c = c;
		s->r = ret;
		s->pool = calloc(n, sizeof(*s->pool));
		rc = try_targets(c, d);
		rc = rc ? rc : s->pool ? socks_new(&s->socks, &sc, d) : ERR_NOMEM;
	}
	if (rc == 0) {
		for (size_t i = 0; i < n; i++)
			s->pool[i].next = i + 1 < n ? &s->pool[i + 1] : NULL;
		s->free_list = s->pool;
		prepare_first(s);
		s->start_ns = s->allowance_ns = clock_mono_ns() + 10 * NS_PER_MS;
		s->allowance_ns -= 10 * NS_PER_MS;
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
