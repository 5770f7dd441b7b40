/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the two files of server.h, and by nobody else. */
#ifndef NODENS_SERVER_INT_H
#define NODENS_SERVER_INT_H

#include "resolver/observe/observe.h"
#include "resolver/server.h"

struct listener {
	bool used, udp_on, tcp_on;
	uint32_t generation; /* of the slot: replies to a predecessor's clients are dropped */
	struct in6_addr addr;
	uint16_t port;
	int udp_fd, tcp_fd;
	struct udp_listener udp;
	struct tcp_listener tcp;
};

struct server {
	struct loop *loop;
	struct shm_worker *shm;
	struct core *core;
	struct core_probes *probes;
	struct corefile_plan *plan;
	struct udp_batch *batch;
	struct stream_scratch *scratch;
	struct tcp_server *tcp;
	struct upstreams upstreams;
	struct loop_timer core_timer;
	struct observe *observe;
	struct listener listener[CORE_LISTENERS_MAX];
	unsigned n_slots; /* in use or once in use */
	bool held;
};

/* To the addresses of s->plan. Known ones keep their slot and their sockets; the
 * new descriptors, which become ours, are other names of the same sockets then.
 * 0, or the code of one that could not be watched; the others are. */
int listeners_switch(struct server *s, const struct server_sockets *sk, struct diag *d);
/* The sockets stay open, and nothing is taken from them. */
void listeners_pause(struct server *s);
int listeners_resume(struct server *s, struct diag *d);
void listeners_close(struct server *s);

#endif
