/* SPDX-License-Identifier: Apache-2.0 */
/* One message a datagram, of exactly one size. */
#include "resolver/worker/ctl.h"

#include <sys/socket.h>

#include "resolver/net/fdpass.h"

_Static_assert(CTL_FDS_MAX <= FDPASS_MAX, "a configuration's sockets go in one message");

int ctl_pair(int ret_fd[2], struct diag *d)
{
	int fd[2], size = 1 << 20;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		return diag_errno(d, "socketpair");
	setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	ret_fd[0] = fd[0];
	ret_fd[1] = fd[1];
	return 0;
}

int ctl_send(int fd, const struct ctl_msg *m, const int *fds, unsigned n_fds)
{
	return n_fds > CTL_FDS_MAX ? ERR_LIMIT : fdpass_send(fd, m, sizeof(*m), fds, n_fds);
}

int ctl_recv(int fd, struct ctl_msg *ret, int ret_fds[CTL_FDS_MAX], unsigned *ret_n_fds)
{
	size_t len = 0;
	int rc = fdpass_recv(fd, ret, sizeof(*ret), &len, ret_fds, CTL_FDS_MAX, ret_n_fds);
	if (rc <= 0)
		return rc;
	if (len != sizeof(*ret)) {
		fdpass_close(ret_fds, *ret_n_fds);
		*ret_n_fds = 0;
		return ERR_PEER;
	}
	ret->file[sizeof(ret->file) - 1] = 0;
	ret->text[sizeof(ret->text) - 1] = 0;
	return 1;
}
