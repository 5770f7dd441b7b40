/* SPDX-License-Identifier: Apache-2.0 */
/* What two instances say to each other: datagrams on a unix socket (SOCK_SEQPACKET), one
 * struct handover_msg each, descriptors beside it. The order is in handover.h. */
#ifndef NODENS_HANDOVER_MSG_H
#define NODENS_HANDOVER_MSG_H

#include <netinet/in.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "resolver/crew/sockets.h"

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
	HANDOVER_READY,     /* `left`: a bit for each LISTENER, as they came, that it will not read */
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
	union {
		uint64_t t_ns; /* when the old one stopped reading */
		uint64_t left;
	};
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

#endif
