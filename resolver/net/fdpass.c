/* SPDX-License-Identifier: Apache-2.0 */
/* One message and its descriptors; what is too many is closed here. */
#include "resolver/net/fdpass.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/err.h"

/* Whatever a receiver wants, there is room for all that can come: the kernel
 * fills alignment too, so that a buffer for an odd number takes one more. */
union fd_control {
	struct cmsghdr align;
	char b[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
};

int fdpass_send(int fd, const void *msg, size_t len, const int *fds, unsigned n_fds)
{
	union fd_control control;
	struct iovec iov = { (void *)(uintptr_t)msg, len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (n_fds > FDPASS_MAX)
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
	return n == (ssize_t)len ? 0 : ERR_SYS;
}

void fdpass_close(const int *fd, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fd[i]);
}

/* Takes what fits and closes the rest; true when there was a rest. */
static bool take(struct msghdr *h, int *ret_fds, unsigned fds_max, unsigned *ret_n_fds)
{
	bool rest = false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (*ret_n_fds < fds_max) {
				ret_fds[(*ret_n_fds)++] = fd;
			} else {
				close(fd);
				rest = true;
			}
		}
	}
	return rest;
}

int fdpass_recv(int fd, void *ret, size_t size, size_t *ret_len, int *ret_fds, unsigned fds_max, unsigned *ret_n_fds)
{
	union fd_control control;
	struct iovec iov = { ret, size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	bool reset = false;
	ssize_t n;
	*ret_n_fds = 0;
	/* Closed with something of ours unread, it says so before its own last words. */
	do {
		n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	} while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !reset && (reset = true))));
	if (n < 0)
		return errno == EAGAIN ? 0 : ERR_PEER;
	bool rest = take(&h, ret_fds, fds_max, ret_n_fds);
	if (n == 0 || rest || h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		fdpass_close(ret_fds, *ret_n_fds);
		*ret_n_fds = 0;
		return ERR_PEER;
	}
	*ret_len = (size_t)n;
	return 1;
}
