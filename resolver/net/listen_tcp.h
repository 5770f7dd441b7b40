/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients over TCP (RFC 7766): many queries in flight on one connection,
 * answered as they become ready, in whatever order. Everything a client can
 * grow has a limit and a counter: connections and octets (the kernel's buffers
 * included) in all and by address, queries in flight and unsent octets by
 * connection, what is served in one round by address; silence has timers.
 */
#ifndef NODENS_LISTEN_TCP_H
#define NODENS_LISTEN_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/core/core.h"
#include "resolver/net/driver_stats.h"
#include "resolver/net/loop.h"
#include "resolver/net/stream.h"

struct tcp_timers { /* of one listener's connections */
	uint64_t read_ns;            /* until the first query is whole */
	uint64_t idle_ns;            /* between queries */
	uint64_t write_ns;           /* output not taken */
	uint64_t queries_max;        /* on one connection, which then ends; 0: any number */
};
struct tcp_limits {
	unsigned conns_max;          /* in all; the longest idle one makes room */
	unsigned conns_per_client;   /* by source address; its longest idle one makes room */
	unsigned pipeline_max;       /* in flight on one connection; then it is not read */
	size_t out_max_bytes;        /* unsent on one connection; then it is not read */
	size_t held_client_bytes;    /* held by a client's connections, in the process and in the kernel:
				      * the one that has held longest is reset. A quarter of it: not read */
	size_t held_max_bytes;       /* the same for all clients' */
	unsigned conns_a_round;      /* served before others get a turn */
	unsigned turn_bytes;         /* of queries, of one client in a round; a connection counts as 512 */
	struct tcp_timers timers;    /* of listeners that have none of their own */
};
/* Of all descriptors clients' connections get half at most: upstreams need some. */
void tcp_limits_default(struct tcp_limits *l);

struct tcp_server; /* all client connections of a process */

struct tcp_listener {
	struct loop_fd watch;
	struct loop_timer rest; /* out of descriptors: accepting pauses */
	struct tcp_server *server;
	uint8_t slot;  /* of the listener, for life */
};

/* `scratch` is lent; limits are copied. */
struct tcp_server *tcp_server_new(struct loop *loop, const struct tcp_limits *limits,
				  struct stream_scratch *scratch, struct driver_stats *stats);
/* Closes all connections. Listeners must be stopped before. */
void tcp_server_free(struct tcp_server *s);
void tcp_server_set_core(struct tcp_server *s, struct core *core);
/* Of the listener's connections, also those that are open. */
void tcp_server_set_timers(struct tcp_server *s, uint8_t slot, const struct tcp_timers *timers);
/* `slot` below TCP_SLOTS names the listener for life; tcp_server_place says which
 * core_client.listener that is under the present configuration, or -1: gone, and
 * its connections are read no more and end after their replies. There are slots for
 * the listeners of one configuration beside those of another. */
#define TCP_SLOTS (2 * CORE_LISTENERS_MAX)
int tcp_listener_start(struct tcp_listener *l, struct tcp_server *s, int fd, uint8_t slot);
void tcp_server_place(struct tcp_server *s, uint8_t slot, int index);
void tcp_listener_stop(struct tcp_listener *l);
#define TCP_BACKLOG 512
/* Before it stops for good: takes all who wait to be accepted, twice TCP_BACKLOG at most. */
void tcp_listener_empty(struct tcp_listener *l);
/* Idle connections (of one listener, or slot -1: all) close, others after their replies; those that have
 * not asked yet with the reply to their first query, or after `read_ns` without one. */
void tcp_server_drain(struct tcp_server *s, int slot);
/* All of them end with the next reply, and each to come has one query. That is when a client that asks
 * one question after the other has none on its way; of an idle one's, the end and a question may pass
 * each other, so that tcp_server_drain is for those that have not asked for a while. Of one listener, until
 * tcp_server_place says that it stays, or slot -1: all. */
void tcp_server_part(struct tcp_server *s, int slot);
unsigned tcp_server_open(const struct tcp_server *s);

/* Closes the connection that has been idle longest, for somebody who needs its
 * descriptor; false: none is idle. */
bool tcp_server_give_way(struct tcp_server *s);

/* The reply to a parked query; ignored when its connection is gone. */
void tcp_reply(struct tcp_server *s, const struct core_client *c, const uint8_t *bytes, size_t len);
/* Sends what was queued in this round. */
void tcp_flush(struct tcp_server *s);

/* A listening socket; the descriptor, or a negative code. */
int tcp_socket_open(const struct in6_addr *addr, uint16_t port, uint32_t scope_id, struct diag *d);
/* From now on it gets no first segment of a connection: whoever begins one hears nothing and tries again a
 * second later. Handshakes that have begun are finished. */
void tcp_socket_deafen(int fd);
void tcp_socket_hear(int fd); /* again, if it did not */

#endif
