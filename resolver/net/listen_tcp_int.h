/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the TCP listeners: a connection and the table it stands in.
 * listen_tcp.c accepts and keeps the table; listen_tcp_conn.c is a connection's
 * life, from its first octet to its end; listen_tcp_share.c is what of memory
 * and of each round a client may have.
 */
#ifndef NODENS_LISTEN_TCP_INT_H
#define NODENS_LISTEN_TCP_INT_H

#include "resolver/net/listen_tcp.h"
#include "resolver/net/listen_tcp_clients.h"
#include "resolver/net/sockaddr.h"

#define TCP_HOLD_MIN 4096u /* less is not counted: an answer on its way */

struct tcp_conn {
	struct tcp_server *server;
	struct loop_fd watch;
	struct loop_timer timer;
	struct stream stream;
	struct core_client client;
	struct tcp_client *who;
	struct { struct tcp_conn *next, *prev; } link[TCP_LISTINGS][2]; /* of all; of the client */
	bool listed[TCP_LISTINGS];
	struct tcp_conn *dirty_next;
	uint64_t deadline_ns;   /* the timer may fire earlier and move on */
	uint64_t blocked_ns;    /* since when output is not taken; 0: it is */
	uint64_t sent_ns;       /* the last time that the kernel took something */
	uint64_t hold_ns;       /* since when less has not been left to be taken */
	size_t unsent_bytes;    /* that */
	uint32_t kernel_out_bytes, kernel_in_bytes; /* buffers of the kernel: estimates, or looked at */
	size_t held_bytes, held_in_bytes; /* as counted for its client */
	unsigned in_flight, n_put_off;
	uint64_t n_queries;
	size_t n_taken;         /* octets since blocked_ns */
	uint32_t slot;
	uint8_t listener; /* slot of it */
	bool dirty, paused, dying, drain, served;
	bool full;   /* has asked all it may, or its listener is gone: nothing more is read, not
		      * even of what is here already; replies still go out */
	bool reset;  /* dies for not reading, or for what it holds: the kernel frees at once */
	bool ending; /* over but for what the kernel still has to send */
};

struct tcp_server {
	struct loop *loop;
	struct loop conns;             /* turns of the connections within a round */
	struct loop_fd conns_watch;
	uint64_t round;
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
	struct tcp_list list[TCP_LISTINGS];
	struct tcp_conn *dirty;
	size_t held_bytes, held_in_bytes;
	size_t peak_bytes;             /* the most since memory was last given back */
	struct loop_timer look;        /* while anybody holds or is held up */
	uint64_t looked_ns;            /* when all that hold were last asked */
	uint64_t told_ns, n_told;      /* the log line about it */
	bool parting;             /* a connection's first query is its last */
	bool parting_at[TCP_SLOTS]; /* the same, of one listener's */
	uint8_t place[TCP_SLOTS]; /* listener slot -> core_client.listener */
	uint8_t reply[DNS_MSG_MAX];
};

/* The slot must be free; the descriptor is the connection's, or closed. */
void tcp_conn_start(struct tcp_listener *l, int fd, const union sockaddr_any *from);
/* It must not be waiting for tcp_flush. */
void tcp_conn_close(struct tcp_conn *c);

/* --- lists --- */

/* To be looked at in tcp_flush: it has output, or must go. */
void tcp_conn_touch(struct tcp_conn *c);
void tcp_list_append(struct tcp_conn *c, enum tcp_listing which); /* or move to the end */
void tcp_list_remove(struct tcp_conn *c, enum tcp_listing which);

/* --- shares --- */

void tcp_share_init(struct tcp_server *s);
/* `n` octets went to the kernel. */
void tcp_share_sent(struct tcp_conn *c, size_t n);
/* What it holds has changed: counted, and if its client or all hold too much now,
 * whoever has held longest is to be reset (in tcp_flush; maybe itself). */
void tcp_share_count(struct tcp_conn *c);
/* Nothing is counted for it any more. */
void tcp_share_drop(struct tcp_conn *c);
/* Its client, or all, hold so much that no more is to be read of it. */
bool tcp_share_spent(const struct tcp_conn *c);
/* Then it waits here, and is touched when it may be read again. */
void tcp_share_hold_up(struct tcp_conn *c);
/* There is output that the client does not take, as far as one can tell. */
bool tcp_share_unread(struct tcp_conn *c);
/* The kernel still has more of it than goes by itself. */
bool tcp_share_lingers(struct tcp_conn *c);
/* May it read in this round? Octets, 0: not now. */
size_t tcp_turn_take(struct tcp_conn *c);
void tcp_turn_used(struct tcp_conn *c, size_t n);

/* For tests, behind tcp_flush: asserts what must hold of all connections. */
void tcp_server_check(const struct tcp_server *s);

#endif
