/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's side of the workers: start, configure, replace. A worker
 * that dies is forked anew at once, with the sockets its predecessor had; one
 * that keeps dying is given more and more time, up to a second.
 */
#ifndef NODENS_WORKERS_H
#define NODENS_WORKERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "resolver/config/attempt.h"
#include "resolver/net/loop.h"
#include "resolver/crew/sockets.h"

struct workers;

struct worker_slot {
	struct workers *all;
	pid_t pid;            /* 0: none at the moment */
	struct loop_fd ctl;
	struct loop_timer restart;
	unsigned index, quick_deaths;
	uint64_t started_ns, ping_ns; /* ping_ns: the oldest without an answer, 0: none */
	unsigned hangs;       /* in a row while it was being configured */
	uint32_t ready;       /* last configuration it serves */
	uint32_t awaits;      /* enum ctl_type of the answer that is due; 0: none */
	int cache_fd;         /* memory file of an export; -1: none */
};

struct workers {
	struct loop *loop;
	struct shm *shm;
	const struct sockets *sockets;
	uint16_t dns_port, private_port;
	unsigned n;
	bool stopping;
	struct loop_timer look; /* while any is being configured: does it move? */
	bool held;            /* they read no listening socket */
	uint64_t held_but;    /* except of these sets, a bit each */
	bool held_adopted;    /* or, before a take-over: except of those that we have opened, which nobody else reads */
	uint32_t generation;  /* of the configuration; 0: none yet */
	int text_fd;          /* Corefile and files, in memory */
	uint32_t text_len;    /* of the Corefile */
	char file[256];
	struct worker_slot slot[SHM_WORKERS_MAX];
	/* a worker serves the present configuration; or refused it, and why */
	void (*changed)(void *ctx, const char *why);
	/* each has answered the last call of the hand-over section below */
	void (*answered)(void *ctx);
	uint32_t n_entries;   /* exported or imported, so far */
	void *ctx;
};

int workers_init(struct workers *w, struct loop *loop, struct shm *shm, const struct sockets *s,
		 unsigned n, uint16_t dns_port);
/* The configuration that every worker, present and future, shall serve: its text
 * and the files it names, as they were read. */
int workers_configure(struct workers *w, const struct config *c, struct diag *d);
/* Fork those that are not there. */
void workers_start(struct workers *w);
/* All serve the present configuration. */
bool workers_ready(const struct workers *w);
unsigned workers_alive(const struct workers *w);
/* After SIGCHLD: collect the dead, replace them. */
void workers_reap(struct workers *w);
#define WORKERS_HANG_NS (3 * NS_PER_S) /* a starved machine is slower than a test */
/* Ask each whether its loop turns, and kill one that has not answered for
 * `patience_ns`: a hung worker is worth less than a new one, and one that is to end
 * holds connections that would end with it. Asked by itself while one is being configured: who
 * then does not move for so long may have much to read, so its successor gets twice the time,
 * and so on up to 32 times. True: one was killed. */
bool workers_ping(struct workers *w, uint64_t patience_ns);
/* Every worker's loop answered lately: no ping is older than `age_ns`. */
bool workers_prompt(const struct workers *w, uint64_t age_ns);
/* For workers.c: one is being configured. */
void workers_look(struct workers *w);
/* Connections end with their next reply, or idle, after so long; whoever comes meanwhile is served one reply. */
void workers_part(struct workers *w, uint32_t idle_ms);
/* Those at listeners that the plan, which is next, does not name: with their next reply. */
void workers_part_but(struct workers *w, const struct corefile_plan *next);
/* Connections of clients that are open. */
unsigned workers_connections(const struct workers *w);
/* Queries that wait for an answer. */
uint64_t workers_waiters(const struct workers *w);
/* No replacement any more; they exit by themselves when done. */
void workers_drain(struct workers *w, uint32_t allowed_ms);
void workers_kill(struct workers *w);
void workers_release(struct workers *w);

/* --- workers_handover.c: one call at a time, then wait for `answered`. A worker
 * that dies meanwhile is replaced and counts as having answered. --- */
/* All stop reading the listening sockets, but for those of the sets whose bit is in `but`, or go
 * on; replacements do likewise. */
void workers_hold(struct workers *w, uint64_t but);
void workers_serve(struct workers *w);
/* Each writes its cache to its slot's cache_fd, sealed when all have answered. */
int workers_export(struct workers *w, struct diag *d);
void workers_export_close(struct workers *w);
/* Worker i gets the entries of fd[i % n]. */
void workers_import(struct workers *w, const int *fd, unsigned n);
/* Like workers_drain, when others read the sockets: connections may go on. */
void workers_finish(struct workers *w, uint32_t allowed_ms);
/* For workers.c: as all were told; an answer came; a worker died. */
int workers_hold_one(const struct workers *w, int ctl_fd);
void workers_answer(struct worker_slot *s, uint32_t type, uint32_t value);

#endif
