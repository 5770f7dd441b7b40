/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker process: gets sockets and a Corefile from the supervisor over the
 * control socket, answers, and owns nothing else.
 */
#ifndef NODENS_WORKER_H
#define NODENS_WORKER_H

#include <stdint.h>
#include <sys/types.h>

#include "resolver/observe/shm.h"

struct worker_start {
	int ctl_fd;
	pid_t supervisor;
	unsigned index;
	struct shm_worker *shm;
	struct loopcheck_shared *loops;
	uint16_t dns_port; /* of Corefile keys without a port */
	uint16_t private_port; /* of corefile_env */
};

/* Runs in the forked child; returns its exit status. */
int worker_main(const struct worker_start *w);

#endif
