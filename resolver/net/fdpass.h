/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram with descriptors beside it over a unix socket (unix(7), SCM_RIGHTS).
 * The other side may be a worker that was taken over, or anybody of our user:
 * more descriptors than expected never reach the caller.
 */
#ifndef NODENS_FDPASS_H
#define NODENS_FDPASS_H

#include <stddef.h>

#define FDPASS_MAX 253 /* SCM_MAX_FD: the kernel passes no more at once */

/* Descriptors are duplicated by the kernel: the caller keeps its own. Fails with
 * ERR_SYS (errno), and ERR_LIMIT beyond FDPASS_MAX. */
int fdpass_send(int fd, const void *msg, size_t len, const int *fds, unsigned n_fds);
/* 1: a datagram of *ret_len octets, at most `size`, and *ret_n_fds descriptors,
 * close-on-exec and the caller's; 0: nothing there. ERR_PEER: the other side is
 * gone, or sent more octets or descriptors than there is room for; what came of
 * the latter is closed, and *ret_n_fds 0. */
int fdpass_recv(int fd, void *ret, size_t size, size_t *ret_len, int *ret_fds, unsigned fds_max, unsigned *ret_n_fds);
void fdpass_close(const int *fd, unsigned n);

#endif
