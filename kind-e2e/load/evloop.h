/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest event loop: epoll for sockets, one timerfd for the next moment
 * that matters (absolute, nanoseconds). One event a turn, so that a callback
 * may free any handler, its own included.
 */
#ifndef NODENS_KIND_E2E_EVLOOP_H
#define NODENS_KIND_E2E_EVLOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#include "lib/base/err.h"

struct ev { /* embed it; the owner is found with its own offset */
	int fd;
	void (*ready)(struct ev *e, uint32_t events);
};

struct evloop {
	int epoll_fd, timer_fd;
	uint64_t timer_ns; /* what the timer is set to */
};

int evloop_open(struct evloop *l, struct diag *d);
void evloop_close(struct evloop *l);
int evloop_add(struct evloop *l, struct ev *e, uint32_t events);
void evloop_mod(struct evloop *l, struct ev *e, uint32_t events);
/* Closes the descriptor as well. */
void evloop_del(struct evloop *l, struct ev *e);
/* Until something is ready or `deadline_ns` (T_NEVER: none) has come; runs at
 * most one callback. */
void evloop_turn(struct evloop *l, uint64_t deadline_ns);

#endif
