/* SPDX-License-Identifier: Apache-2.0 */
/* Where a hand-over stands: what the giving side (handover_old.c) and the taking side
 * (handover_new.c) have in common. */
#ifndef NODENS_HANDOVER_SESSION_H
#define NODENS_HANDOVER_SESSION_H

#include "resolver/handover/handover_host.h"
#include "resolver/handover/handover_msg.h"
#include "resolver/net/loop.h"
#include "resolver/observe/http.h"

enum handover_state {
	HANDOVER_IDLE,
	/* old */
	OLD_OFFERED,   /* the new one prepares */
	OLD_EXPORTING, /* our workers write their caches out */
	OLD_WARMED,    /* the new one reads them */
	OLD_HOLDING,   /* our workers stop reading */
	OLD_GONE,      /* GO was said: waiting for READING */
	OLD_WATCHING,  /* its workers read: waiting for DONE */
	/* new */
	NEW_CONFIGURING,
	NEW_WARMING,   /* waiting for the caches */
	NEW_IMPORTING,
	NEW_READY,     /* waiting for GO */
	NEW_STARTING,  /* our workers read; until the self-test */
	NEW_DONE,      /* waiting for BYE */
};

struct handover {
	const struct handover_host *host;
	enum handover_state state;
	struct loop_fd listen, peer; /* fd < 0: not open */
	struct loop_timer limit;
	struct loop_timer rest;      /* no look at the listening socket before */
	struct handover_id path_id;  /* of the socket we listen at */
	bool reads;                  /* our workers do */
	bool narrow;                 /* the new one takes a queue a worker */
	bool told;                   /* a signal came */
	bool foreign;                /* the path is somebody else's: we do not listen there */
	uint32_t peer_pid, n_entries;
	uint64_t hold_ns, until_ns;
	unsigned n_workers, n_http, n_caches;
	unsigned n_offered;          /* listeners, as they came */
	struct { struct in6_addr addr; uint16_t port; } offered[CORE_LISTENERS_MAX];
	struct { int fd; struct in6_addr addr; uint16_t port; } http[HTTP_LISTENERS_MAX];
	int cache[SHM_WORKERS_MAX];
	int next_listen;             /* passed by the old one; -1: none */
	int claim;                   /* of handover_claim.h; -1: none */
};

/* A hand-over goes no further when nothing happens for `ns`; T_NEVER: it may take its time. */
void handover_limit(struct handover *h, uint64_t ns);
void handover_peer_close(struct handover *h);
/* The limit has come, perhaps because this process was held up: what the other side said
 * meanwhile counts. True: it said something, and that went on from there. */
bool handover_heard(struct handover *h);
/* Our workers are between the last question they read and the word that others read. */
bool handover_holds(const struct handover *h);

#endif
