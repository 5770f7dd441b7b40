/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory that supervisor and workers share: what each worker counts, which
 * outlives it, and what the supervisor counts and finds. One writer a field.
 */
#ifndef NODENS_SHM_H
#define NODENS_SHM_H

#include <stdint.h>

#include "resolver/core/stats.h"
#include "resolver/corefile/loops.h"
#include "resolver/net/driver_stats.h"
#include "resolver/observe/top.h"

#define SHM_WORKERS_MAX 64

struct shm_worker { /* written by that worker */
	struct core_stats core;
	struct driver_stats driver;
	struct top top;
};
struct shm { /* the shared mapping: one row a worker slot */
	uint32_t n_workers;
	uint64_t worker_restarts, reloads, reload_failures, selftests, selftest_failures;
	uint64_t http_requests, http_refused;
	struct loopcheck_shared loops;
	struct shm_worker worker[];
};

#endif
