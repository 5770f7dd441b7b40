/* SPDX-License-Identifier: Apache-2.0 */
/* What the giving side (handover_old.c), the taking side (handover_new.c) and
 * their messages (handover_msg.c) share. */
#ifndef NODENS_HANDOVER_INT_H
#define NODENS_HANDOVER_INT_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

#include "resolver/handover/handover.h"
#include "resolver/supervisor/supervisor.h"

#define HANDOVER_FDS_MAX (2 * SHM_WORKERS_MAX + SOCKETS_MORE_MAX)

enum handover_type {
	HANDOVER_HELLO = 1, /* `netns`; `n`: `n_more` it takes at most; 0: an earlier version */
	HANDOVER_REFUSE,    /* `text`; `n` 1: for good, 0: try again */
	HANDOVER_OFFER,     /* `n`: workers */
	HANDOVER_LISTENER,  /* fds: `n` UDP sockets, then `n` TCP, then `n_more` UDP: other queues */
	HANDOVER_HTTP,      /* fd: a listening socket */
	HANDOVER_END,
	HANDOVER_WARM,
	HANDOVER_CACHE,     /* fd: a memory file */
	HANDOVER_READY,
	HANDOVER_GO,        /* fd: the socket new instances connect to, at `path_id`; `t_ns` */
	HANDOVER_READING,
	HANDOVER_DONE,
	HANDOVER_BYE,
	HANDOVER_ABORT,     /* `text` */
};

struct handover_id { uint64_t dev, ino; };
struct handover_msg {
	uint32_t magic;
	uint16_t version, type;
	uint32_t n, pid;
	struct handover_id netns, path_id;
	uint64_t t_ns; /* when the old one stopped reading */
	struct in6_addr addr;
	uint32_t scope_id;
	uint16_t port, n_more;
	char text[256];
};

int handover_send(int fd, enum handover_type type, struct handover_msg *m, const int *fds, unsigned n_fds);
/* 1: a message; 0: nothing there; ERR_PEER: gone, or not one of ours;
 * ERR_UNKNOWN: another version's. `text` is ended; descriptors are the caller's. */
int handover_recv(int fd, struct handover_msg *ret, int ret_fds[HANDOVER_FDS_MAX], unsigned *ret_n_fds);
/* The peer runs as we do, or as root: 0, or ERR_PEER with words. */
int handover_peer_check(int fd, struct diag *d);
struct handover_id handover_netns(void);
struct handover_id handover_path_id(const char *path);

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
	struct supervisor *s;
	enum handover_state state;
	struct loop_fd listen, peer; /* fd < 0: not open */
	struct loop_timer limit;
	struct handover_id path_id;  /* of the socket we listen at */
	bool reads;                  /* our workers do */
	bool narrow;                 /* the new one takes a queue a worker */
	bool stop_later, stop_lameduck;
	bool foreign;                /* the path is somebody else's: we do not listen there */
	uint32_t peer_pid, n_entries;
	uint64_t hold_ns, until_ns;
	unsigned n_workers, n_http, n_caches;
	struct { int fd; struct in6_addr addr; uint16_t port; } http[HTTP_LISTENERS_MAX];
	int cache[SHM_WORKERS_MAX];
	int next_listen;             /* passed by the old one; -1: none */
};

struct handover *handover_of(struct supervisor *s); /* made when first asked for; NULL: no memory */
void handover_limit(struct handover *h, uint64_t ns);
void handover_peer_close(struct handover *h);
void handover_stop_if_told(struct handover *h);

/* old */
void handover_listen(struct handover *h);
void handover_old_answered(struct handover *h);
void handover_old_late(struct handover *h);
void handover_old_ready(struct loop_fd *fd, uint32_t events);
/* new */
void handover_new_answered(struct handover *h);
void handover_new_late(struct handover *h);
void handover_new_ready(struct loop_fd *fd, uint32_t events);

#endif
