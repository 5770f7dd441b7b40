/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams over a connected SOCK_SEQPACKET, and who is at the other end
 * (unix(7)). */
#include "resolver/handover/handover_msg.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resolver/net/fdpass.h"

#define MAGIC   0x4e44484fu
#define VERSION 1

_Static_assert(HANDOVER_FDS_MAX <= FDPASS_MAX, "a listener's sockets go in one message");

int handover_send(int fd, enum handover_type type, struct handover_msg *m, const int *fds, unsigned n_fds)
{
	m->magic = MAGIC;
	m->version = VERSION;
	m->type = (uint16_t)type;
	m->pid = (uint32_t)getpid();
	return fdpass_send(fd, m, sizeof(*m), fds, n_fds);
}

int handover_recv(int fd, struct handover_msg *ret, int ret_fds[HANDOVER_FDS_MAX], unsigned *ret_n_fds)
{
	size_t len = 0;
	int rc = fdpass_recv(fd, ret, sizeof(*ret), &len, ret_fds, HANDOVER_FDS_MAX, ret_n_fds);
	if (rc <= 0)
		return rc;
	if (len < offsetof(struct handover_msg, n) || ret->magic != MAGIC)
		rc = ERR_PEER;
	else if (ret->version != VERSION)
		rc = ERR_UNKNOWN;
	else if (len != sizeof(*ret))
		rc = ERR_PEER;
	if (rc < 0) {
		fdpass_close(ret_fds, *ret_n_fds);
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
