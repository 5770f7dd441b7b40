/* SPDX-License-Identifier: Apache-2.0 */
/* The file goes with the claim; who waited for it on a file that is gone tries again. */
#include "resolver/handover/handover_claim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool name_of(const char *path, char *ret, size_t size)
{
	return snprintf(ret, size, "%s.lock", path) < (int)size;
}

static bool is_there(int fd, const char *name)
{
	struct stat own, now;
	return fstat(fd, &own) == 0 && lstat(name, &now) == 0 && own.st_ino == now.st_ino && own.st_dev == now.st_dev;
}

bool handover_claim(const char *path, int *ret)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char name[PATH_MAX];
	*ret = -1;
	if (!name_of(path, name, sizeof(name)))
		return true;
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return true;
	if (fcntl(fd, F_SETLK, &lock) < 0) {
		bool held = errno == EAGAIN || errno == EACCES;
		close(fd);
		return !held;
	}
	if (!is_there(fd, name)) {
		close(fd);
		return false;
	}
	*ret = fd;
	return true;
}

void handover_claim_end(const char *path, int *claim)
{
	char name[PATH_MAX];
	if (*claim < 0)
		return;
	if (name_of(path, name, sizeof(name)) && is_there(*claim, name))
		unlink(name);
	close(*claim);
	*claim = -1;
}
