/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets, in the supervisor's hands for as long as they are
 * configured: workers come and go behind them, and what waits in their queues
 * waits for the next one. One TCP socket per listener and worker, and of UDP
 * sockets some more (queues, see listen_udp.h) where there are descriptors for it.
 */
#ifndef NODENS_SOCKETS_H
#define NODENS_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/corefile/corefile.h"
#include "resolver/observe/shm.h"

#define SOCKETS_MORE_MAX 16
struct socket_set { /* one listener's */
	struct in6_addr addr;
	uint16_t port;
	uint32_t scope_id;
	bool adopted;       /* from an instance before */
	unsigned n, n_more; /* of each worker one; the other queues, k * n + worker */
	int udp[SHM_WORKERS_MAX], tcp[SHM_WORKERS_MAX];
	int more[SOCKETS_MORE_MAX];
};
struct sockets {
	unsigned n;
	uint64_t dropped; /* by those that are closed */
	struct socket_set set[CORE_LISTENERS_MAX];
};

/* Opens what the plan needs and is not open yet; on failure nothing changed. */
int sockets_open(struct sockets *s, const struct corefile_plan *p, unsigned n_workers, struct diag *d);
/* The same long before workers read them: but for those at one address where a listener of ours is at all.
 * What is sent there is that one's until they are open, and then theirs, read or not. */
int sockets_open_ahead(struct sockets *s, const struct corefile_plan *p, unsigned n_workers, struct diag *d);
/* Sockets of another process, `n` of each kind and `n_more` queues, for one listener:
 * ours from now on. */
int sockets_adopt(struct sockets *s, const struct in6_addr *addr, uint16_t port, uint32_t scope_id,
		  unsigned n, unsigned n_more, const int *udp, const int *tcp, const int *more);
/* Opens the queues of adopted sets that came without. They get nothing before
 * sockets_steer: they share the address with sockets that another process reads. */
void sockets_extend(struct sockets *s);
/* Queries go to all queues, clients being spread anew; or, `narrow`, only to the
 * first of each worker, so that the others run empty. */
void sockets_steer(const struct sockets *s, bool narrow);
bool sockets_wanted(const struct socket_set *t, const struct corefile_plan *p);
/* Closes what the plan no longer names: after the workers have switched. */
void sockets_trim(struct sockets *s, const struct corefile_plan *p);
void sockets_close(struct sockets *s);
/* No new connections, but to those that `but` listens at (NULL: at none); see tcp_socket_deafen. */
void sockets_deafen(const struct sockets *s, const struct corefile_plan *but);
void sockets_hear(const struct sockets *s); /* all of them, again */
/* A port of 127.0.0.1 that nobody has, outside what the kernel gives out. */
uint16_t sockets_private_port(void);
/* Datagrams lost because a receive buffer was full. */
uint64_t sockets_drops(const struct sockets *s);

#endif
