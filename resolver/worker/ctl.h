/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What supervisor and worker say to each other: datagrams on a socketpair
 * (SOCK_SEQPACKET), one struct ctl_msg each, descriptors beside it.
 */
#ifndef NODENS_CTL_H
#define NODENS_CTL_H

#include <netinet/in.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "resolver/core/conf.h"
#include "resolver/net/fdpass.h"

enum ctl_type {
	/* supervisor -> worker */
	CTL_CONFIGURE, /* fds: memory with the Corefile, `text_len` octets, and config_texts_pack behind it;
			* then per listener UDP, TCP, then per listener the other queues of UDP */
	CTL_DRAIN,     /* finish and exit; `value`: milliseconds allowed */
	CTL_PART,      /* connections end with their next reply; `value`: those that ask nothing after so many milliseconds;
			* or, with `listener`, those at these do, which the next configuration takes away */
	CTL_PING,      /* does your loop turn? */
	CTL_HOLD,      /* read no listening socket until CTL_SERVE, but those of `listener` */
	CTL_SERVE,
	CTL_EXPORT,    /* fd: write the cache there */
	CTL_IMPORT,    /* fd: put such a cache's entries into yours */
	CTL_FINISH,    /* another process has the sockets: answer what is open, serve open
			* connections until they end, and exit; `value`: milliseconds allowed */
	/* worker -> supervisor */
	CTL_READY,     /* configured, `value`: of CTL_CONFIGURE */
	CTL_PONG,
	CTL_HELD,
	CTL_SERVING,
	CTL_EXPORTED,  /* `value`: entries */
	CTL_IMPORTED,  /* `value`: entries */
	CTL_FAILED,    /* not configured: `text`; the old configuration stays */
};

struct ctl_listener {
	struct in6_addr addr;
	uint16_t port;
	uint16_t n_more; /* queues beside the first */
};

#define CTL_FDS_MAX (FDPASS_MAX - 3)
_Static_assert(CTL_FDS_MAX >= 1 + 2 * CORE_LISTENERS_MAX, "a pair for each listener");
struct ctl_msg {
	uint32_t type, value;
	uint32_t n_listeners, text_len;
	struct ctl_listener listener[CORE_LISTENERS_MAX];
	char file[256]; /* name of the Corefile, for messages and relative paths */
	char text[512];
};

/* Both non-blocking and close-on-exec. */
int ctl_pair(int ret_fd[2], struct diag *d);
/* Descriptors are duplicated by the kernel: the caller keeps its own. */
int ctl_send(int fd, const struct ctl_msg *m, const int *fds, unsigned n_fds);
/* 1: a message, its texts ended; 0: nothing there; ERR_PEER: the other side is
 * gone, or said what no program of ours says. The received descriptors are the
 * caller's. */
int ctl_recv(int fd, struct ctl_msg *ret, int ret_fds[CTL_FDS_MAX], unsigned *ret_n_fds);

#endif
