/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll loop a process: descriptors that become ready, timers that fall
 * due, and a hook before sleeping, where everything gathered in a round (UDP
 * replies, TCP frames) leaves in one system call each. Watchers and timers are
 * members of their owners; the loop allocates nothing and never wakes up
 * unless something is due.
 */
#ifndef NODENS_LOOP_H
#define NODENS_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "lib/base/err.h"

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

struct loop_fd {
	int fd;
	uint32_t events; /* EPOLL*; 0: errors and hang-ups only */
	bool registered;
	void (*ready)(struct loop_fd *w, uint32_t events);
};

struct loop_timer { /* zeroed: off */
	uint64_t at_ns;
	void (*due)(struct loop_timer *t);
	bool armed;
	struct loop_timer *child, *next, **prev; /* pairing heap */
};

#define LOOP_EVENTS 64
struct loop {
	int epfd;
	bool stop;
	uint64_t now_ns; /* refreshed after each wait; what handlers call "now" */
	struct loop_timer *timers;
	struct loop_fd alarm; /* a timerfd: see loop.c */
	uint64_t alarm_ns;    /* when it rings; T_NEVER: it has, or was never set */
	void (*before_sleep)(void *ctx);
	void *ctx;
	int n_ev, at_ev;
	struct epoll_event ev[LOOP_EVENTS];
};

int loop_init(struct loop *l, struct diag *d);
void loop_release(struct loop *l);

/* `w->ready` must be set; the descriptor stays its owner's. 0 or ERR_SYS. */
int loop_add(struct loop *l, struct loop_fd *w, int fd, uint32_t events);
void loop_mod(struct loop *l, struct loop_fd *w, uint32_t events);
/* Safe at any time, also from another watcher's handler: events of this round
 * that were meant for `w` are forgotten. Call before closing the descriptor. */
void loop_del(struct loop *l, struct loop_fd *w);

/* The same without telling the kernel: for a descriptor that is closed next, and
 * of which there is no duplicate. */
void loop_forget(struct loop *l, struct loop_fd *w);

/* Arms or moves; T_NEVER disarms. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ns);
/* The earliest timer, or T_NEVER. */
uint64_t loop_deadline(const struct loop *l);

/* A second set of descriptors within the loop, which `w` (its `ready` set) stands for:
 * however many of them are ready, loop_turn calls at most `max` (LOOP_EVENTS) in a
 * round, all in turn. Only its descriptors are `sub`'s, timers are the loop's. 0 or
 * ERR_SYS. */
int loop_nest(struct loop *sub, struct loop_fd *w, struct loop *l);
void loop_unnest(struct loop *sub, struct loop_fd *w, struct loop *l);
void loop_turn(struct loop *sub, unsigned max);

/* One round: hook, wait until something happens but not beyond `until_ns`,
 * handlers, timers. */
int loop_step(struct loop *l, uint64_t until_ns);
/* Rounds until l->stop, and the hook once more: what the last round gathered leaves, too. */
int loop_run(struct loop *l);

/* For tests, between two rounds: asserts what must hold of the timers. */
void loop_check(const struct loop *l);

#endif
