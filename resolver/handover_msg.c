/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams over a connected SOCK_SEQPACKET, descriptors beside them, and who is
 * at the other end (unix(7)). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resolver/handover_int.h"

#define MAGIC   0x4e44484fu
#define VERSION 1

union fd_control {
	struct cmsghdr align;
	char b[CMSG_SPACE(HANDOVER_FDS_MAX * sizeof(int))];
};

int handover_send(int fd, enum handover_type type, struct handover_msg *m, const int *fds, unsigned n_fds)
{
	union fd_control control;
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	m->magic = MAGIC;
	m->version = VERSION;
	m->type = (uint16_t)type;
	m->pid = (uint32_t)getpid();
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

void handover_fds_close(const int *fd, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fd[i]);
}

int handover_recv(int fd, struct handover_msg *ret, int ret_fds[HANDOVER_FDS_MAX], unsigned *ret_n_fds)
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
	*ret_n_fds = 0;
	for (struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL; c; c = CMSG_NXTHDR(&h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t len = c->cmsg_len - CMSG_LEN(0);
		memcpy(ret_fds, CMSG_DATA(c), len);
		*ret_n_fds = (unsigned)(len / sizeof(int));
	}
	int rc = 1;
	if (n < 8 || ret->magic != MAGIC)
		rc = ERR_PEER;
	else if (ret->version != VERSION)
		rc = ERR_UNKNOWN;
	else if (n != (ssize_t)sizeof(*ret) || h.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		rc = ERR_PEER;
	if (rc < 0) {
		handover_fds_close(ret_fds, *ret_n_fds);
		*ret_n_fds = 0;
		return rc;
	}
	ret->text[sizeof(ret->text) - 1] = 0;
	return 1;
}

int handover_peer_check(int fd, struct diag *d)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return diag_errno(d, "SO_PEERCRED");
	if (cred.uid != geteuid() && cred.uid != 0)
		return diag_set(d, ERR_PEER, "the other side is user %u", (unsigned)cred.uid);
	return 0;
}

static struct handover_id id_of(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return (struct handover_id){ 0 };
	return (struct handover_id){ st.st_dev, st.st_ino };
}

struct handover_id handover_netns(void)
{
	return id_of("/proc/self/ns/net");
}

struct handover_id handover_path_id(const char *path)
{
	return id_of(path);
}
