/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each process gives up, for good. The supervisor keeps what rules,
 * interface and port 53 need; a worker, which reads whatever anybody sends,
 * keeps no capability and only the system calls a server of sockets makes.
 */
#ifndef NODENS_NODE_PRIVILEGES_H
#define NODENS_NODE_PRIVILEGES_H

#include <stdbool.h>

#include "lib/base/err.h"

/* Keeps CAP_NET_ADMIN and CAP_NET_BIND_SERVICE, CAP_SETUID and CAP_SETGID if both are there
 * (for privileges_user; the filter allows that one change and no other), and CAP_NET_RAW when iptables'
 * programs may have to be run; sets no_new_privs, and lets nobody of the same user look
 * into the process. Call it when limits are raised and before workers are forked. Does
 * nothing that fails when the container had less to begin with. Its filter of system
 * calls is apart (sandbox_supervisor). */
int privileges_supervisor(bool keep_net_raw, struct diag *d);
/* CAP_NET_RAW is there, for this process and what it runs. */
bool privileges_net_raw(void);
/* A worker, first: another user than root, where CAP_SETUID and CAP_SETGID were given.
 * Forgets PR_SET_PDEATHSIG. */
void privileges_user(void);
/* No capability, no_new_privs, and the worker's sandbox (sandbox.h). */
int privileges_worker(struct diag *d);

#endif
