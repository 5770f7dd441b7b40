/* SPDX-License-Identifier: Apache-2.0 */
/* What an instance that has handed over wants to know before it leaves. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "resolver/handover/handover.h"
#include "resolver/supervisor/supervisor.h"

bool handover_first_process(const struct supervisor *s)
{
	return getpid() == 1 || (s->keeper.fd >= 0 && getppid() == 1);
}

/* It closes at once what does not greet, and takes one greeting at a time: a
 * full queue is an answer, too. */
bool handover_followed(const struct supervisor *s)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, rc;
	if (strlen(s->flags->handover) >= sizeof(sa.sun_path))
		return false;
	strcpy(sa.sun_path, s->flags->handover);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true; /* short of descriptors: look again later */
	rc = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	bool there = rc == 0 || errno == EAGAIN;
	close(fd);
	return there;
}
