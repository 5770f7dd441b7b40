/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock (Linux 5.13; linux/landlock.h), by system calls: the C library has no
 * functions for it, and the header of an older kernel lacks the newer names.
 */
#include "resolver/node/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NR_CREATE_RULESET 444 /* the same on every architecture */
#define NR_ADD_RULE       445
#define NR_RESTRICT_SELF  446

/* What each version of the interface can forbid, beyond the one before. */
#define FS_1     ((1ull << 13) - 1)
#define FS_REFER (1ull << 13) /* 2 */
#define FS_TRUNC (1ull << 14) /* 3 */
#define FS_IOCTL (1ull << 15) /* 5 */
#define SCOPES   3ull         /* 6: abstract unix sockets, signals */

/* The kernel takes the size for the version; it forbids nothing unknown to it. */
struct ruleset {
	uint64_t fs, net, scoped;
};
#define SIZE_1 sizeof(uint64_t)

static struct ruleset ruleset_of(int abi, size_t *ret_size)
{
	struct ruleset r = {.fs = FS_1};

	*ret_size = abi >= 6 ? sizeof r : SIZE_1;
	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNC;
	if (abi >= 5)
		r.fs |= FS_IOCTL;
	if (abi >= 6)
		r.scoped = SCOPES;
	return r;
}

/* Reading stays, of whatever the container has. */
static int reading_allow(int ruleset)
{
	struct landlock_path_beneath_attr root = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = open("/", O_PATH | O_CLOEXEC),
	};
	int rc;

	if (root.parent_fd < 0)
		return -1;
	rc = (int)syscall(NR_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, &root, 0);
	close(root.parent_fd);
	return rc;
}

int landlock_readonly(void)
{
	int abi = (int)syscall(NR_CREATE_RULESET, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), fd, rc;
	struct ruleset r;
	size_t size;

	if (abi < 1)
		return 0;
	r = ruleset_of(abi, &size);
	fd = (int)syscall(NR_CREATE_RULESET, &r, size, 0);
	if (fd < 0)
		return 0;
	rc = reading_allow(fd);
	if (!rc)
		rc = (int)syscall(NR_RESTRICT_SELF, fd, 0);
	close(fd);
	return rc ? 0 : abi;
}
