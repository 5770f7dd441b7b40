/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole daemon of a worker (resolver/worker/server.c with its loop, listeners,
 * upstreams, plugins and the Corefile's compiler) in a world made of an input:
 * clients, upstreams, reloads, a hand-over, failing system calls and time, all in
 * memory (tests/fuzz/daemon/). The oracle there says what may be answered; the
 * core checks itself after each call.
 *
 * The input is a list of steps of four octets: what, and three details. A step
 * with the high bit set is taken together with the next one, before the daemon
 * looks. DAEMON_TRACE=1 in the environment prints the steps and the replies.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "tests/fuzz/daemon/diary.h"
#include "tests/fuzz/daemon/world.h"

#define STEP_LEN 4
#define STEPS_MAX 512
#define ROUNDS_MAX 4000 /* of the loop, while there is always something to do */
#define WAKES_MAX 150	/* of one long time; the rest passes in one sleep */

enum {
	DO_UDP,
	DO_UDP_RAW,
	DO_BURST,
	DO_CONNECT,
	DO_TCP,
	DO_TCP_PIECE,
	DO_TCP_RAW,
	DO_TCP_END,
	DO_SAY,
	DO_SAY_ALL,
	DO_UP_CONN,
	DO_RELOAD,
	DO_TIME,
	DO_FAULT,
	DO_HAND_OVER,
	DO_HOLD,
	DO_KINDS
};

extern const size_t replay_variants;
const size_t replay_variants = 12; /* replay.c */
struct world w;

/* --- the daemon's side of the world --- */

void world_datagram(struct ksock *s, const struct in6_addr *from, const struct in6_addr *to,
		    uint16_t port, const uint8_t *b, size_t len)
{
	if (s->peer_port) {
		say_datagram(s, to, b, len);
		return;
	}
	for (struct ksock *o = k.all; o; o = o->next) /* asked by ourselves */
		if (o->kind == K_UDP && o->local_port == port && o->peer_port == 53 &&
		    memcmp(&o->local, to, sizeof(*to)) == 0) {
			kernel_datagram(o, from, s->local_port, b, len);
			return;
		}
	if (to->s6_addr[13] == 9 && to->s6_addr[12] == 10) /* by a socket that is closed now */
		return;
	oracle_reply(b, len, from, to, port, -1);
}

void world_connect(struct ksock *s)
{
	say_connect(s);
}

void world_stream(struct ksock *s, const uint8_t *b, size_t len)
{
	if (s->local_port == 53) {
		if (s->owner)
			ask_stream(s->owner, b, len);
	} else {
		say_stream(s, b, len);
	}
}

void world_closed(struct ksock *s)
{
	struct wconn *c = s->owner;

	say_closed(s);
	if (!c)
		return;
	c->s = NULL;
	c->used = false;
	oracle_gone((int)(c - w.conn));
}

/* --- time --- */

static void run(uint64_t ns, unsigned wakes_max)
{
	uint64_t end = k.now_ns + ns;
	uint64_t moved = k.n_moved;
	unsigned rounds = 0, quiet = 0;

	k.wakes = 0;
	k.until_ns = end;
	while (quiet < 2) {
		int rc = loop_step(&w.loop, T_NEVER);

		assert(rc == 0);
		rounds = k.last_events && moved == k.n_moved ? rounds + 1 : 0;
		moved = k.n_moved;
		if (rounds > ROUNDS_MAX)
			fault_found("the loop turns and turns");
		if (k.wakes > wakes_max && k.now_ns < end) {
			k.now_ns = end;
			w.has_jumped = true;
		}
		quiet = k.now_ns >= end && !k.last_events &&
					loop_deadline(&w.loop) > k.now_ns + 5000
				? quiet + 1
				: 0;
		if (k.now_ns >= end)
			k.until_ns = k.now_ns + 1000;
	}
}

void world_run(uint64_t ns)
{
	run(ns, WAKES_MAX);
}

/* --- steps --- */

static void fault_set(unsigned call, unsigned which, unsigned how)
{
	static const int errs[KCALLS][4] = {
		[KC_SOCKET] = {EMFILE, ENOBUFS, ENFILE, ENOMEM},
		[KC_BIND] = {EADDRNOTAVAIL, EADDRINUSE, EACCES, ENOMEM},
		[KC_CONNECT] = {ENETUNREACH, EAGAIN, EADDRNOTAVAIL, ECONNREFUSED},
		[KC_ACCEPT] = {EMFILE, ECONNABORTED, EINTR, EAGAIN},
		[KC_RECV] = {EAGAIN, EINTR, ECONNREFUSED, ENOMEM},
		[KC_SEND] = {EAGAIN, EPERM, ECONNREFUSED, EIO},
		[KC_STREAM_RECV] = {EAGAIN, EINTR, ECONNRESET, ETIMEDOUT},
		[KC_STREAM_SEND] = {EAGAIN, EINTR, EPIPE, ECONNRESET},
		[KC_EPOLL_ADD] = {ENOMEM, ENOSPC, ENOMEM, ENOMEM},
		[KC_GETSOCKNAME] = {ENOBUFS, ENOBUFS, ENOBUFS, ENOBUFS},
	};

	if (call % 16 == 15) {
		k.piece_max = which;
		return;
	}
	call %= KCALLS;
	k.fault[call].err = errs[call][which & 3];
	k.fault[call].count = 1 + (how & 7);
	k.fault[call].after = how >> 3 & 7;
	w.has_lost = true;
}

static void step(const uint8_t *b)
{
	static const char *const names[] = {
		"udp", "udp-raw", "burst",   "connect", "tcp",	"tcp-piece", "tcp-raw",	  "tcp-end",
		"say", "say-all", "up-conn", "reload",	"time", "fault",     "hand-over", "hold"};
	static const uint64_t unit_ns[] = {1000,	   100000,	    NS_PER_MS,
					   10 * NS_PER_MS, 100 * NS_PER_MS, NS_PER_S,
					   10 * NS_PER_S,  600 * NS_PER_S};
	unsigned x = b[1], y = b[2], z = b[3];

	if (w.is_traced)
		fprintf(stderr, "%9.3f %s%s %u %u %u\n",
			(double)(k.now_ns - 1000 * NS_PER_S) / NS_PER_MS,
			names[(b[0] & 0x7f) % DO_KINDS], b[0] & 0x80 ? "+" : "", x, y, z);
	switch ((b[0] & 0x7f) % DO_KINDS) {
	case DO_UDP:
		ask_udp(x & 15, x >> 4, y, y >> 6 | (z & 1) << 2, z >> 1);
		break;
	case DO_UDP_RAW:
		ask_udp_raw(x & 15, x >> 4, z, y, z);
		break;
	case DO_BURST:
		ask_burst(x & 15, y, z);
		break;
	case DO_CONNECT:
		ask_connect(x & 15, y, z > 127 ? z - 127 : 0);
		break;
	case DO_TCP:
		ask_tcp(x & 7, y & 63, z);
		break;
	case DO_TCP_PIECE:
		ask_tcp_piece(x & 7, y & 63, z);
		break;
	case DO_TCP_RAW:
		ask_tcp_raw(x & 7, y, z);
		break;
	case DO_TCP_END:
		ask_tcp_end(x & 7, y, z);
		break;
	case DO_SAY:
		say(x & 31, y, z);
		break;
	case DO_SAY_ALL:
		say_to_all(y, z);
		break;
	case DO_UP_CONN:
		say_conn(x, y, z);
		break;
	case DO_RELOAD:
		life_reload(x % n_confs, y & 0x80 ? z | 16 : 0);
		break;
	case DO_TIME:
		world_run((y + 1) * unit_ns[x & 7]);
		break;
	case DO_FAULT:
		fault_set(x, y, z);
		break;
	case DO_HAND_OVER:
		life_hand_over(x % n_confs);
		break;
	default:
		life_hold();
	}
	if (!(b[0] & 0x80))
		world_run(0);
}

/* --- the end: time passes until nobody can be waiting --- */

static bool listener_stayed(const struct wquery *q)
{
	for (unsigned i = 0; i < w.n_reloads; i++) {
		const struct core_listener *l;
		size_t n = conf_listeners(w.reload[i].conf, &l);
		bool has = false;

		if (w.reload[i].to_ns < q->asked_ns)
			continue;
		for (size_t j = 0; j < n; j++)
			has |= memcmp(&l[j].addr, &q->to, sizeof(q->to)) == 0;
		if (!has)
			return false; /* a wildcard's queue goes with it, too */
	}
	return true;
}

static void accounts_check(void)
{
	for (unsigned i = 0; i < w.n_queries; i++) {
		const struct wquery *q = &w.query[i];
		const struct wconn *c = q->conn >= 0 ? &w.conn[q->conn] : NULL;

		if (q->answered || q->over || q->is_raw || w.has_lost || !listener_stayed(q))
			continue;
		if (c && (c->is_raw || !c->s || c->s->room != SIZE_MAX || c->n_held || !q->arrived))
			continue;
		fault_found("the query with id %04x was %s and never answered", q->id,
			    q->arrived ? "taken" : "not taken");
	}
	if (w.shm->core.waiters || w.shm->core.inflight || w.shm->core.clients)
		fault_found("the tables do not drain: %llu waiters, %llu questions, %llu clients",
			    (unsigned long long)w.shm->core.waiters,
			    (unsigned long long)w.shm->core.inflight,
			    (unsigned long long)w.shm->core.clients);
}

/* Under one configuration all the time every datagram is one of these. */
static void sums_check(void)
{
	const struct driver_stats *d = &w.shm->driver;

	if (w.n_reloads > 1 || conf_is_loose(w.reload[0].conf))
		return;
	if (d->udp_received != d->udp_sent + d->udp_send_errors + w.n_dropped)
		fault_found("%llu datagrams came, %llu were answered, %llu not sent, %u dropped",
			    (unsigned long long)d->udp_received, (unsigned long long)d->udp_sent,
			    (unsigned long long)d->udp_send_errors, w.n_dropped);
}

static void finish(void)
{
	memset(k.fault, 0, sizeof(k.fault));
	k.piece_max = 0;
	if (w.is_held)
		life_hold();
	world_run(20 * NS_PER_S);
	watch_idle();
	accounts_check();
	sums_check();
	run(200 * NS_PER_S, WAKES_MAX / 4);
	if (w.shm->driver.tcp_open)
		fault_found("%llu connections of clients are still open",
			    (unsigned long long)w.shm->driver.tcp_open);
	diary_sum_up();
	life_end();
	if (kernel_fds_open())
		fault_found("%u descriptors are left open", kernel_fds_open());
}

/* --- the input --- */

static void world_reset(void)
{
	kernel_reset();
	life_reset();
	w.n_queries = w.n_conns = w.n_pending = w.n_said = w.n_reloads = w.n_waiting = w.n_dropped =
		0;
	for (unsigned i = 0; i < CONNS_MAX; i++)
		w.conn[i].used = false, w.conn[i].s = NULL;
	memset(w.pending, 0, sizeof(w.pending));
	for (unsigned i = 0; i < sizeof(w.upconn) / sizeof(w.upconn[0]); i++)
		w.upconn[i].s = NULL;
	memset(w.connects, 0, sizeof(w.connects));
	w.is_damaged = w.has_jumped = w.has_handed = w.has_lost = w.is_silent = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool is_ready;

	if (!is_ready) {
		is_ready = true;
		signal(SIGPIPE, SIG_IGN);
		log_setup("daemon", LOG_STYLE_COREDNS, LOG_LVL_FATAL);
		confs_init();
		w.is_traced = getenv("DAEMON_TRACE");
	}
	if (size < STEP_LEN)
		return 0;
	world_reset();
	diary_begin();
	life_begin();
	life_reload(data[0] % n_confs, 0);
	world_run(0);
	for (size_t i = 0; i < STEPS_MAX && size - i * STEP_LEN >= STEP_LEN; i++)
		step(data + i * STEP_LEN);
	finish();
	return 0;
}
