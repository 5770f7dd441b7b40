/* SPDX-License-Identifier: Apache-2.0 */
/* Taking the folder, and sweeping what a killed run left in it. */
#include "kind-e2e/run/outdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME ".lock"

static int make_dirs(const char *path, struct diag *d)
{
	char *copy = strdup(path);
	int code = copy ? 0 : diag_set(d, ERR_NOMEM, "no memory");

	for (char *at = copy; !code && at;) {
		at = strchr(at + 1, '/');
		if (at)
			*at = '\0';
		if (mkdir(copy, 0777) && errno != EEXIST)
			code = diag_errno(d, "%s", copy);
		if (at)
			*at = '/';
	}
	free(copy);
	return code;
}

int outdir_open(struct outdir *ret, const char *path, struct diag *d)
{
	char *full, lock[4096];
	int code = make_dirs(path, d);

	if (code)
		return code;
	full = realpath(path, NULL);
	if (!full || strlen(full) >= sizeof ret->path) {
		free(full);
		return diag_errno(d, "%s", path);
	}
	strcpy(ret->path, full);
	free(full);
	/* the lab has an empty /run of its own, and could not see it there */
	if (!strncmp(ret->path, "/run/", 5) || !strncmp(ret->path, "/proc/", 6))
		return diag_set(d, ERR_RANGE, "%s: the lab cannot write below /run or /proc", path);
	snprintf(lock, sizeof lock, "%s/" LOCK_NAME, ret->path);
	ret->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (ret->lock < 0)
		return diag_errno(d, "%s", lock);
	if (flock(ret->lock, LOCK_EX | LOCK_NB)) {
		close(ret->lock);
		if (errno != EWOULDBLOCK)
			return diag_errno(d, "%s", lock);
		return diag_set(d, ERR_EXISTS,
				"%s: another run is writing there; wait for it, or take another "
				"--out",
				path);
	}
	return 0;
}

static unsigned sweep_partial(int cell, const char *name)
{
	int fd = openat(cell, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent *e;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	while (dir && (e = readdir(dir)))
		unlinkat(fd, e->d_name, 0);
	if (dir)
		closedir(dir);
	return unlinkat(cell, name, AT_REMOVEDIR) == 0;
}

static unsigned sweep_cell(int out, const char *name)
{
	int fd = openat(out, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent *e;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned n = 0;

	while (dir && (e = readdir(dir))) {
		if (!strcmp(e->d_name, ".partial"))
			n += sweep_partial(fd, e->d_name);
		else if (!strncmp(e->d_name, ".pod", 4) || !strncmp(e->d_name, ".capture", 8))
			n += unlinkat(fd, e->d_name, 0) == 0;
	}
	if (dir)
		closedir(dir);
	return n;
}

unsigned outdir_sweep(const struct outdir *o)
{
	DIR *dir = opendir(o->path);
	struct dirent *e;
	unsigned n = 0;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			n += sweep_cell(dirfd(dir), e->d_name);
	if (dir)
		closedir(dir);
	return n;
}

void outdir_close(struct outdir *o)
{
	char lock[4096];

	snprintf(lock, sizeof lock, "%s/" LOCK_NAME, o->path);
	unlink(lock); /* before the lock goes: the next holder makes a new file */
	close(o->lock);
}
