/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients may have of memory and of each round, by address and in all.
 *
 * Memory is what a connection holds in the process (a message cut in the middle,
 * answers not taken) and in the kernel's two buffers, of which the kernel tells
 * (SO_MEMINFO) when something has been sent, put off, or held for a while; small
 * change is not counted. Who has answers for a quarter of a share is not read any
 * more; beyond the share the connection that has held longest is reset, so that
 * the kernel frees at once what nobody takes. What does not become less for
 * `write_ns` is reset, too.
 *
 * Turns: a round of the loop serves a bounded number of connections, and of each
 * client a bounded number of octets, however many connections it has. The rest
 * stays in the sockets, which stay ready.
 */
#include "resolver/net/listen_tcp_int.h"

#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <malloc.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#define LOOK_BYTES    (16u * 1024)    /* sent since the last look: look again */
#define LOOK_NS       (100 * NS_PER_MS)
#define WAKE_NS       (20 * NS_PER_MS)
#define WAKES         16u             /* held up ones that go on at a time */
#define SENT_OVERHEAD 1024u           /* of a buffer of the kernel, about */
#define ACK_NS        NS_PER_S        /* who reads has acknowledged by then */
#define TRIM_BYTES    (1u << 20)
#define TELL_NS       (60 * NS_PER_S)
#define PUT_OFF_LOOK  16u             /* every so often is looked what waits to be read */
#define TURN_CONN     512             /* a connection's turn costs as much as so many octets */
#define READ_SMALL    4096u           /* some 100 queries */
#define READ_LARGE    8192u           /* the rest of a query larger than that */

/* --- what is held --- */

static void kernel_look(struct tcp_conn *c)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t len = sizeof(info);
	if (getsockopt(c->watch.fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return;
	c->kernel_out_bytes = info[SK_MEMINFO_WMEM_QUEUED];
	c->kernel_in_bytes = info[SK_MEMINFO_RMEM_ALLOC];
}

static void held_set(struct tcp_conn *c, size_t n, size_t n_in)
{
	struct tcp_server *s = c->server;
	s->held_bytes += n - c->held_bytes;
	c->who->held_bytes += n - c->held_bytes;
	c->held_bytes = n;
	s->held_in_bytes += n_in - c->held_in_bytes;
	c->who->held_in_bytes += n_in - c->held_in_bytes;
	c->held_in_bytes = n_in;
	s->stats->tcp_held_bytes = s->held_bytes;
	if (s->held_bytes > s->peak_bytes)
		s->peak_bytes = s->held_bytes;
}

static void recount(struct tcp_conn *c)
{
	struct tcp_server *s = c->server;
	size_t out = c->stream.out_len + c->kernel_out_bytes, n = c->stream.out_cap + c->stream.in_cap + c->kernel_out_bytes + c->kernel_in_bytes;
	if (n < TCP_HOLD_MIN) {
		n = 0;
		tcp_list_remove(c, TCP_HOLDING);
	} else if (!c->listed[TCP_HOLDING]) {
		c->hold_ns = s->loop->now_ns;
		tcp_list_append(c, TCP_HOLDING);
	} else if (out < c->unsent_bytes) {
		c->hold_ns = s->loop->now_ns;
	}
	c->unsent_bytes = out;
	held_set(c, n, n ? c->kernel_in_bytes : 0);
}

void tcp_share_sent(struct tcp_conn *c, size_t n)
{
	c->sent_ns = c->server->loop->now_ns;
	c->kernel_out_bytes += (uint32_t)n + SENT_OVERHEAD;
	if (c->kernel_out_bytes >= LOOK_BYTES || c->stream.out_len)
		kernel_look(c);
}

bool tcp_share_unread(struct tcp_conn *c)
{
	if (c->stream.out_len)
		return true;
	kernel_look(c);
	return c->kernel_out_bytes && c->server->loop->now_ns - c->sent_ns > ACK_NS;
}

bool tcp_share_lingers(struct tcp_conn *c)
{
	kernel_look(c);
	recount(c);
	return c->listed[TCP_HOLDING] && c->kernel_out_bytes >= TCP_HOLD_MIN;
}

/* --- too much --- */

/* Once a minute at most: who it is now, and how often it was anybody. */
static void tell(struct tcp_server *s, const struct tcp_client *who)
{
	char addr[INET6_ADDRSTRLEN];
	uint64_t now = s->loop->now_ns;
	s->n_told++;
	if (s->told_ns && now - s->told_ns < TELL_NS)
		return;
	if (addr_is_v4(&who->addr)) {
		struct in_addr v4 = addr_to_v4(&who->addr);
		inet_ntop(AF_INET, &v4, addr, sizeof(addr));
	} else {
		inet_ntop(AF_INET6, &who->addr, addr, sizeof(addr));
	}
	log_warn("TCP client %s does not take its answers: %zu KiB held for it, %zu for all; connections not read or reset: %llu",
		 addr, who->held_bytes / 1024, s->held_bytes / 1024, (unsigned long long)s->n_told);
	s->told_ns = now;
	s->n_told = 0;
}

static void holder_reset(struct tcp_conn *c, uint64_t *counter)
{
	tell(c->server, c->who);
	(*counter)++;
	tcp_share_drop(c);
	c->dying = c->reset = true;
	tcp_conn_touch(c);
}

/* Is the one that has held longest still holding? */
static bool first_holds(struct tcp_conn *c)
{
	kernel_look(c);
	recount(c);
	return c->listed[TCP_HOLDING];
}

static void enforce(struct tcp_server *s, struct tcp_client *who)
{
	const struct tcp_limits *l = &s->limits;
	struct tcp_conn *c;
	while (who->held_bytes > l->held_client_bytes && (c = who->list[TCP_HOLDING].first))
		if (first_holds(c))
			holder_reset(c, &s->stats->tcp_resets);
	while (s->held_bytes > l->held_max_bytes && (c = s->list[TCP_HOLDING].first))
		if (first_holds(c))
			holder_reset(c, &s->stats->tcp_resets);
}

bool tcp_share_spent(const struct tcp_conn *c)
{
	const struct tcp_server *s = c->server;
	const struct tcp_limits *l = &s->limits;
	size_t own = c->who->held_bytes - c->who->held_in_bytes; /* reading makes the other less */
	return own > l->held_client_bytes / 4 ||
	       (s->held_bytes - s->held_in_bytes > l->held_max_bytes / 4 && own > l->held_client_bytes / 64);
}

void tcp_share_hold_up(struct tcp_conn *c)
{
	if (c->listed[TCP_HELD_UP])
		return;
	c->server->stats->tcp_held_up++;
	tell(c->server, c->who);
	tcp_list_append(c, TCP_HELD_UP);
}

/* Those that were not read for it are looked at again when the round ends. */
static void wake(struct tcp_list *l)
{
	struct tcp_conn *next;
	unsigned n = 0;
	for (struct tcp_conn *c = l->first; c && n < WAKES; c = next) {
		bool of_all = l == &c->server->list[TCP_HELD_UP];
		next = c->link[TCP_HELD_UP][!of_all].next;
		if (tcp_share_spent(c))
			continue;
		tcp_list_remove(c, TCP_HELD_UP);
		tcp_conn_touch(c);
		n++;
	}
}

static void look_later(struct tcp_server *s)
{
	bool held_up = s->list[TCP_HELD_UP].first;
	if (!s->look.armed && (held_up || s->list[TCP_HOLDING].first || s->peak_bytes > TRIM_BYTES))
		loop_timer_set(s->loop, &s->look, s->loop->now_ns + (held_up ? WAKE_NS : LOOK_NS));
}

void tcp_share_count(struct tcp_conn *c)
{
	struct tcp_client *who = c->who;
	size_t before = who->held_bytes;
	if (c->reset)
		return;
	recount(c);
	if (who->held_bytes > before)
		enforce(c->server, who);
	else if (who->held_bytes < before && who->list[TCP_HELD_UP].first)
		wake(&who->list[TCP_HELD_UP]);
	look_later(c->server);
}

void tcp_share_drop(struct tcp_conn *c)
{
	tcp_list_remove(c, TCP_HOLDING);
	tcp_list_remove(c, TCP_HELD_UP);
	held_set(c, 0, 0);
}

/* What a burst took goes back to the system. */
static void trim(struct tcp_server *s)
{
	if (s->peak_bytes <= TRIM_BYTES || s->held_bytes > s->peak_bytes / 8)
		return;
	malloc_trim(0);
	s->peak_bytes = s->held_bytes;
}

/* Has not taken anything for too long. */
static bool stuck(const struct tcp_conn *c)
{
	const struct tcp_server *s = c->server;
	return !c->dying && c->kernel_out_bytes + c->stream.out_len >= TCP_HOLD_MIN &&
	       s->loop->now_ns - c->hold_ns > s->timers[c->listener].write_ns;
}

static void holders_look(struct tcp_server *s)
{
	struct tcp_conn *next;
	s->looked_ns = s->loop->now_ns;
	for (struct tcp_conn *c = s->list[TCP_HOLDING].first; c; c = next) {
		next = c->link[TCP_HOLDING][0].next;
		kernel_look(c);
		recount(c);
		if (!c->listed[TCP_HOLDING]) {
			c->dying |= c->ending;
			tcp_conn_touch(c);
		} else if (stuck(c)) {
			holder_reset(c, &s->stats->tcp_slow_readers);
		}
	}
}

static void look_due(struct loop_timer *t)
{
	struct tcp_server *s = container_of(t, struct tcp_server, look);
	if (s->loop->now_ns - s->looked_ns >= LOOK_NS)
		holders_look(s);
	wake(&s->list[TCP_HELD_UP]);
	trim(s);
	look_later(s);
}

void tcp_share_init(struct tcp_server *s)
{
	s->look.due = look_due;
}

/* --- turns --- */

size_t tcp_turn_take(struct tcp_conn *c)
{
	struct tcp_server *s = c->server;
	const struct stream *st = &c->stream;
	size_t want = READ_SMALL;
	if (c->who->round != s->round) {
		c->who->round = s->round;
		c->who->turn_left = (int)s->limits.turn_bytes;
	}
	if (c->who->turn_left <= 0) {
		s->stats->tcp_put_off++;
		if (c->n_put_off++ % PUT_OFF_LOOK == 0) {
			kernel_look(c);
			tcp_share_count(c);
		}
		return 0;
	}
	if (st->in_len >= 2) {
		size_t frame = 2 + (size_t)(st->in[0] << 8 | st->in[1]);
		if (frame > st->in_len + want)
			want = frame - st->in_len;
	}
	return want < READ_LARGE ? want : READ_LARGE;
}

void tcp_turn_used(struct tcp_conn *c, size_t n)
{
	c->who->turn_left -= TURN_CONN + (int)n;
}
