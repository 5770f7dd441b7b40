/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the two files of server.h, and by nobody else. */
#ifndef NODENS_SERVER_INT_H
#define NODENS_SERVER_INT_H

#include "resolver/observe/observe.h"
#include "resolver/worker/server.h"

struct listener {
	bool used, udp_on, tcp_on;
	bool goes; /* with this switch */
	uint32_t generation; /* of the slot: replies to a predecessor's clients are dropped */
	struct in6_addr addr;
	uint16_t port;
	int udp_fd, tcp_fd;
	unsigned n_more; /* queues of UDP beside the first */
	int more[UDP_QUEUES_MAX - 1];
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
	struct listener listener[TCP_SLOTS];
	unsigned n_slots; /* in use or once in use */
	bool held;
	size_t n_read_on; /* listeners that are read all the same */
	struct ctl_listener read_on[CORE_LISTENERS_MAX];
};

/* To other addresses, in two steps. All that may fail is done by the first: new ones
 * are watched then, but nothing is taken from them before the loop's next round. 0,
 * or an error with nothing changed. With the second, to s->plan, the descriptors
 * become ours: known ones keep their slot and their sockets, of which the
 * descriptors are other names. Before the core switches, listeners_going takes what has arrived at those that go, which is
 * answered as it was until now; who still waits there is told with the core's next turn, and then
 * listeners_gone closes them. */
struct listeners_next {
	unsigned n;
	struct listener *of[CORE_LISTENERS_MAX];
	bool fresh[CORE_LISTENERS_MAX];
};
int listeners_prepare(struct server *s, const struct core_conf *conf, const struct server_sockets *sk,
		      struct listeners_next *next, struct diag *d);
void listeners_going(struct server *s, const struct listeners_next *next);
void listeners_commit(struct server *s, const struct server_sockets *sk, struct listeners_next *next);
void listeners_gone(struct server *s);
void listeners_discard(struct server *s, struct listeners_next *next);
bool listener_among(const struct listener *l, const struct ctl_listener *of, size_t n);
/* The sockets stay open, and nothing is taken from them; those that are read on only if `all`. */
void listeners_pause(struct server *s, bool all);
void listeners_empty(struct server *s); /* takes all that waits, before the last pause */
/* A successor reads them: those of TCP are closed, and with `udp` those of UDP too,
 * after which replies to parked queries are dropped. Those that are read on stay.
 * Connections go on. */
void listeners_leave(struct server *s, bool udp);
int listeners_resume(struct server *s, struct diag *d);
void listeners_close(struct server *s);

#endif
