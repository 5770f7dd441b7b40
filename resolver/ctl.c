/* SPDX-License-Identifier: Apache-2.0 */
/* Message passing with descriptors (unix(7), SCM_RIGHTS). */
#include "resolver/ctl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union fd_control {
	struct cmsghdr align;
	char b[CMSG_SPACE(CTL_FDS_MAX * sizeof(int))];
};

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
	union fd_control control;
	struct iovec iov = { (void *)m, sizeof(*m) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (n_fds > CTL_FDS_MAX)
		return ERR_LIMIT;
	if (n_fds) {
		memset(&control, 0, sizeof(control));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	ssize_t n;
	do {
		n = sendmsg(fd, &h, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*m) ? 0 : ERR_SYS;
}

int ctl_recv(int fd, struct ctl_msg *ret, int ret_fds[CTL_FDS_MAX], unsigned *ret_n_fds)
{
	union fd_control control;
	struct iovec iov = { ret, sizeof(*ret) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n;
	do {
		n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n != (ssize_t)sizeof(*ret))
		return ERR_PEER;
	*ret_n_fds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t len = c->cmsg_len - CMSG_LEN(0);
		memcpy(ret_fds, CMSG_DATA(c), len);
		*ret_n_fds = (unsigned)(len / sizeof(int));
	}
	return 1;
}
