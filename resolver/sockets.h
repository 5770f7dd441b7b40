/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets, in the supervisor's hands for as long as they are
 * configured: workers come and go behind them, and what waits in their queues
 * waits for the next one. One UDP and one TCP socket per listener and worker.
 */
#ifndef NODENS_SOCKETS_H
#define NODENS_SOCKETS_H

#include <stdint.h>

#include "resolver/corefile/corefile.h"
#include "resolver/driver_stats.h"

struct socket_set { /* one listener's */
	struct in6_addr addr;
	uint16_t port;
	uint32_t scope_id;
	unsigned n;
	int udp[SHM_WORKERS_MAX], tcp[SHM_WORKERS_MAX];
};
struct sockets {
	unsigned n;
	struct socket_set set[CORE_LISTENERS_MAX];
};

/* Opens what the plan needs and is not open yet; on failure nothing changed. */
int sockets_open(struct sockets *s, const struct corefile_plan *p, unsigned n_workers, struct diag *d);
/* Sockets of another process, `n` of each kind, for one listener: ours from now on. */
int sockets_adopt(struct sockets *s, const struct in6_addr *addr, uint16_t port, uint32_t scope_id,
		  unsigned n, const int *udp, const int *tcp);
/* Closes what the plan no longer names: after the workers have switched. */
void sockets_trim(struct sockets *s, const struct corefile_plan *p);
void sockets_close(struct sockets *s);
/* A port of 127.0.0.1 that nobody has, outside what the kernel gives out. */
uint16_t sockets_private_port(void);
/* Datagrams lost because a receive buffer was full. */
uint64_t sockets_drops(const struct sockets *s);

#endif
