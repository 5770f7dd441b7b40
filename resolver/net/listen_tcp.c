/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets in, and the table of those who did. A connection is named by its slot
 * and a generation, so that a reply that comes after its end finds nobody rather
 * than somebody else; what it does there is listen_tcp_conn.c.
 */
#include "resolver/net/listen_tcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/net/listen_tcp_int.h"

#define ACCEPTS_A_ROUND 8
#define ACCEPT_PAUSE_NS (100 * NS_PER_MS) /* out of descriptors */
/* The kernel's buffers of a connection; it takes twice as much for what it adds
 * to the octets. Without a size it would let them grow to megabytes. */
#define SEND_BUFFER     (16 * 1024)
#define RECEIVE_BUFFER  (8 * 1024)

void tcp_limits_default(struct tcp_limits *l)
{
	struct rlimit r;
	*l = (struct tcp_limits){
		.conns_max = 4096,
		.conns_per_client = 256,
		.pipeline_max = 256,
		.out_max_bytes = 128 * 1024,
		.held_client_bytes = 8u << 20,
		.held_max_bytes = 16u << 20,
		.conns_a_round = LOOP_EVENTS,
		.turn_bytes = 8192,
		.timers = { .read_ns = 3 * NS_PER_S, .idle_ns = 10 * NS_PER_S, .write_ns = 5 * NS_PER_S },
	};
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur / 2 < l->conns_max)
		l->conns_max = r.rlim_cur < 4 ? 1 : (unsigned)(r.rlim_cur / 2);
}

/* --- accepting --- */

/* The connection that has been idle longest, of all or of one client, makes room;
 * false: none is idle. Those that end in this round anyway are passed over. */
static bool idle_evict(struct tcp_server *s, const struct tcp_list *idle, bool of_client)
{
	struct tcp_conn *c = idle[TCP_IDLE].first;
	while (c && c->dirty)
		c = c->link[TCP_IDLE][of_client].next;
	if (!c)
		return false;
	s->stats->tcp_evicted++;
	c->reset = tcp_share_unread(c);
	tcp_conn_close(c);
	return true;
}

bool tcp_server_give_way(struct tcp_server *s)
{
	return idle_evict(s, s->list, false);
}

static void accept_one(struct tcp_listener *l, int fd, const union sockaddr_any *from)
{
	struct tcp_server *s = l->server;
	struct tcp_client *who;
	struct in6_addr addr;
	uint16_t port;
	uint32_t scope;
	sockaddr_split(from, &addr, &port, &scope);
	who = tcp_clients_find(&s->clients, &addr);
	if (who && who->n >= s->limits.conns_per_client &&
	    !idle_evict(s, who->list, true)) {
		s->stats->tcp_refused_client++;
		close(fd);
	} else if (!s->n_free && !idle_evict(s, s->list, false)) {
		s->stats->tcp_refused_total++;
		close(fd);
	} else {
		tcp_conn_start(l, fd, from);
	}
}

/* Out of descriptors: an idle connection goes, or accepting rests for a while,
 * for otherwise the loop would spin. */
static bool descriptor_make(struct tcp_listener *l)
{
	struct tcp_server *s = l->server;
	if (idle_evict(s, s->list, false))
		return true;
	loop_mod(s->loop, &l->watch, 0);
	loop_timer_set(s->loop, &l->rest, s->loop->now_ns + ACCEPT_PAUSE_NS);
	return false;
}

static void listener_rested(struct loop_timer *t)
{
	struct tcp_listener *l = container_of(t, struct tcp_listener, rest);
	loop_mod(l->server->loop, &l->watch, EPOLLIN);
}

/* How many there were. */
static int accept_waiting(struct tcp_listener *l, int max)
{
	int n = 0;
	for (int i = 0; i < max; i++) {
		union sockaddr_any from;
		socklen_t len = sizeof(from);
		int fd = accept4(l->watch.fd, &from.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		n += fd >= 0;
		if (fd >= 0)
			accept_one(l, fd, &from);
		else if (errno == EMFILE || errno == ENFILE) {
			/* Of the first it is known that somebody waits: the kernel wants a
			 * descriptor before it looks. Nobody is closed for nobody. */
			if (i > 0 || !descriptor_make(l))
				break;
		} else if (errno != EINTR && errno != ECONNABORTED)
			break;
	}
	return n;
}

static void listener_ready(struct loop_fd *w, uint32_t events)
{
	(void)events;
	accept_waiting(container_of(w, struct tcp_listener, watch), ACCEPTS_A_ROUND);
}

static void conns_turn(struct tcp_server *s)
{
	s->round++;
	loop_turn(&s->conns, s->limits.conns_a_round);
}

/* Who comes in is heard before so many others have come that it would have to make room for them. */
void tcp_listener_empty(struct tcp_listener *l)
{
	int n = ACCEPTS_A_ROUND;
	for (int taken = 0; taken < 2 * TCP_BACKLOG && n == ACCEPTS_A_ROUND; taken += n) {
		n = accept_waiting(l, ACCEPTS_A_ROUND);
		conns_turn(l->server);
		tcp_flush(l->server);
	}
}

/* Connections inherit them. */
static void buffers_bound(int fd)
{
	int out = SEND_BUFFER, in = RECEIVE_BUFFER;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &out, sizeof(out));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &in, sizeof(in));
}

int tcp_listener_start(struct tcp_listener *l, struct tcp_server *s, int fd, uint8_t slot)
{
	*l = (struct tcp_listener){ .watch = { .fd = fd, .ready = listener_ready },
				    .rest.due = listener_rested, .server = s, .slot = slot };
	buffers_bound(fd);
	return loop_add(s->loop, &l->watch, fd, EPOLLIN);
}

void tcp_listener_stop(struct tcp_listener *l)
{
	loop_del(l->server->loop, &l->watch);
	loop_timer_set(l->server->loop, &l->rest, T_NEVER);
}

/* --- the whole --- */

/* Connections have an epoll of their own: were they in the loop's, many of one
 * client's would be what each wait tells of, and others' sockets come up rarely. */
static void conns_ready(struct loop_fd *w, uint32_t events)
{
	(void)events;
	conns_turn(container_of(w, struct tcp_server, conns_watch));
}

struct tcp_server *tcp_server_new(struct loop *loop, const struct tcp_limits *limits,
				  struct stream_scratch *scratch, struct driver_stats *stats)
{
	struct tcp_server *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->loop = loop;
	s->limits = *limits;
	for (unsigned i = 0; i < TCP_SLOTS; i++)
		s->timers[i] = limits->timers;
	s->scratch = scratch;
	s->stats = stats;
	s->n_slots = limits->conns_max;
	s->conn = calloc(s->n_slots, sizeof(s->conn[0]));
	s->generation = calloc(s->n_slots, sizeof(s->generation[0]));
	s->free_slot = calloc(s->n_slots, sizeof(s->free_slot[0]));
	tcp_share_init(s);
	s->conns.epfd = -1;
	s->conns_watch.ready = conns_ready;
	if (!s->conn || !s->generation || !s->free_slot || tcp_clients_init(&s->clients) < 0 ||
	    loop_nest(&s->conns, &s->conns_watch, loop) < 0) {
		tcp_server_free(s);
		return NULL;
	}
	for (unsigned i = 0; i < s->n_slots; i++) {
		s->generation[i] = 1;
		s->free_slot[i] = s->n_slots - 1 - i;
	}
	s->n_free = s->n_slots;
	return s;
}

void tcp_server_free(struct tcp_server *s)
{
	if (!s)
		return;
	for (unsigned i = 0; s->conn && i < s->n_slots; i++) {
		if (!s->conn[i])
			continue;
		s->conn[i]->dirty = false;
		tcp_conn_close(s->conn[i]);
	}
	tcp_clients_release(&s->clients);
	loop_timer_set(s->loop, &s->look, T_NEVER);
	loop_unnest(&s->conns, &s->conns_watch, s->loop);
	free(s->conn);
	free(s->generation);
	free(s->free_slot);
	free(s);
}

void tcp_server_set_core(struct tcp_server *s, struct core *core)
{
	s->core = core;
}

void tcp_server_set_timers(struct tcp_server *s, uint8_t slot, const struct tcp_timers *timers)
{
	s->timers[slot] = *timers;
}

void tcp_server_place(struct tcp_server *s, uint8_t slot, int index)
{
	if (index >= 0) {
		s->place[slot] = (uint8_t)index;
		s->parting_at[slot] = false; /* it was to go, and stays */
		return;
	}
	for (unsigned i = 0; i < s->n_slots; i++)
		if (s->conn[i] && s->conn[i]->listener == slot)
			s->conn[i]->full = true;
	tcp_server_drain(s, slot);
}

void tcp_server_drain(struct tcp_server *s, int slot)
{
	for (unsigned i = 0; i < s->n_slots; i++) {
		struct tcp_conn *c = s->conn[i];
		if (!c || (slot >= 0 && c->listener != slot))
			continue;
		c->drain = true;
		tcp_conn_touch(c);
	}
}

void tcp_server_part(struct tcp_server *s, int slot)
{
	*(slot < 0 ? &s->parting : &s->parting_at[slot]) = true;
	for (unsigned i = 0; i < s->n_slots; i++) {
		struct tcp_conn *c = s->conn[i];
		if (c && c->in_flight && (slot < 0 || c->listener == slot))
			c->drain = true;
	}
}

unsigned tcp_server_open(const struct tcp_server *s)
{
	return s->n_slots - s->n_free;
}
