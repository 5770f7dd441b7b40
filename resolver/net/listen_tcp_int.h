/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the TCP listeners: a connection and the table it stands in.
 * listen_tcp.c accepts and keeps the table; listen_tcp_conn.c is a connection's
 * life, from its first octet to its end.
 */
#ifndef NODENS_LISTEN_TCP_INT_H
#define NODENS_LISTEN_TCP_INT_H

#include "resolver/net/listen_tcp.h"
#include "resolver/net/listen_tcp_clients.h"
#include "resolver/net/sockaddr.h"

/* Each idle connection stands in the list of all and in its client's. */
enum { IDLE_ALL, IDLE_OF_CLIENT, IDLE_LISTS };

struct tcp_conn {
	struct tcp_server *server;
	struct loop_fd watch;
	struct loop_timer timer;
	struct stream stream;
	struct core_client client;
	struct tcp_client *who;
	struct { struct tcp_conn *next, *prev; } idle[IDLE_LISTS];
	struct tcp_conn *dirty_next;
	uint64_t deadline_ns;   /* the timer may fire earlier and move on */
	uint64_t blocked_ns;    /* since when output is not taken; 0: it is */
	unsigned in_flight;
	uint64_t n_queries;
	uint32_t slot;
	uint8_t listener; /* slot of it */
	bool dirty, is_idle, paused, dying, drain, served;
	bool full; /* has asked all it may: nothing more is read, replies still go out */
};

struct tcp_server {
	struct loop *loop;
	struct core *core;
	struct driver_stats *stats;
	struct stream_scratch *scratch;
	struct tcp_limits limits;
	struct tcp_timers timers[TCP_SLOTS]; /* by slot of the listener */
	struct tcp_clients clients;
	struct tcp_conn **conn;     /* by slot */
	uint32_t *generation;       /* by slot, never 0 */
	uint32_t *free_slot;
	unsigned n_free, n_slots;
	struct tcp_idle idle;
	struct tcp_conn *dirty;
	uint8_t place[TCP_SLOTS]; /* listener slot -> core_client.listener */
	uint8_t reply[DNS_MSG_MAX];
};

/* The slot must be free; the descriptor is the connection's, or closed. */
void tcp_conn_start(struct tcp_listener *l, int fd, const union sockaddr_any *from);
/* It must not be waiting for tcp_flush. */
void tcp_conn_close(struct tcp_conn *c);
/* To be looked at in tcp_flush: it has output, or must go. */
void tcp_conn_touch(struct tcp_conn *c);

#endif
