/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients over UDP: the hot path. A batch of datagrams in (recvmmsg), one
 * core_query for each, written straight into the batch that leaves (sendmmsg);
 * what comes alone, as at a node's usual rate, by plain calls (recvfrom, sendto).
 * Replies to parked queries join the same outgoing batch; udp_flush sends it.
 *
 * Small queries land in packed slots; the tail of a large one (up to 65,535
 * octets) lands in an area of its own that costs no memory until touched.
 */
#ifndef NODENS_LISTEN_UDP_H
#define NODENS_LISTEN_UDP_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/core/core.h"
#include "resolver/net/driver_stats.h"
#include "resolver/net/loop.h"

#define UDP_BATCH 64
#define UDP_RCVBUF_WISH  (4 << 20)
#define UDP_RCVBUF_QUEUE (1 << 20) /* of each, where there are several */
/* Sockets of one address in a worker, chosen by the client's address (udp_socket_steer):
 * who floods fills one of them, and it has no more of a round than each other. */
#define UDP_QUEUES_MAX 8

struct udp_batch; /* receive buffers: one a process, lent to all listeners */

struct udp_listener;
struct udp_queue {
	struct loop_fd watch;
	struct udp_listener *listener;
	unsigned n_alone;      /* queries to take one by one, for they come alone */
	uint32_t held;         /* octets of replies in the kernel, when last looked at */
};

struct udp_listener {
	struct udp_queue queue[UDP_QUEUES_MAX];
	unsigned n_queues;
	int fd;                /* the first one's: replies leave by it */
	struct udp_batch *batch;
	struct core *core;
	struct loop *loop;
	struct driver_stats *stats;
	struct udp_out *out;
	uint64_t wary_until_ns; /* replies leave by the other sockets, one at a time (listen_stuck.h) */
	struct in6_addr local; /* what it is bound to */
	uint64_t cookie;       /* core_client.cookie: which listener, also after a reload */
	uint8_t index;         /* core_client.listener: its place in the configuration */
	bool need_local;       /* wildcard: the kernel tells which address was asked */
	bool v6;
};

struct udp_batch *udp_batch_new(void);
void udp_batch_free(struct udp_batch *b);

/* `fd` is bound, non-blocking and stays the caller's. Only to the first of several
 * sockets of an address; udp_listener_add the others, before the start. */
int udp_listener_init(struct udp_listener *u, int fd, struct udp_batch *batch,
		      struct driver_stats *stats, struct diag *d);
void udp_listener_add(struct udp_listener *u, int fd);
void udp_listener_release(struct udp_listener *u);
int udp_listener_start(struct udp_listener *u, struct loop *loop, struct core *core);
void udp_listener_stop(struct udp_listener *u);
/* Before it stops for good: takes what has arrived, of each queue some thousand datagrams at most. */
void udp_listener_empty(struct udp_listener *u);

/* Queue a reply; sends by itself when the batch is full. */
void udp_reply(struct udp_listener *u, const struct core_client *c, const uint8_t *bytes, size_t len);
void udp_flush(struct udp_listener *u);

/* A socket as the listener wants it: reuse of the port, free binding, receive
 * buffer for one of `n_queues`, packet info. The descriptor, or a negative code. */
int udp_socket_open(const struct in6_addr *addr, uint16_t port, uint32_t scope_id, unsigned n_queues,
		    struct diag *d);
/* Several sockets of one address: the kernel chooses a worker by the first octets of
 * the question's name, so that each worker's cache is a part of one cache and not a
 * copy, and one of its queues by the client's address, mixed with `seed`, which may
 * change at any time. Queue k of worker w is the (k * n_workers + w)th that was
 * opened of those that are open. 0, or ERR_SYS: any socket gets any query. */
int udp_socket_steer(int fd, unsigned n_workers, unsigned n_queues, uint32_t seed);
/* Datagrams the kernel threw away because the buffer was full, since open. */
uint64_t udp_socket_drops(int fd);
/* Somebody has a socket there already, even one that lets others in. */
bool udp_socket_taken(const struct in6_addr *addr, uint16_t port, uint32_t scope_id);

#endif
