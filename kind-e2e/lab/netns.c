/* SPDX-License-Identifier: Apache-2.0 */
/* Named namespaces by system calls: made and bound to a file, entered, and left for home again. */
#include "kind-e2e/lab/netns.h"

#include <assert.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kind-e2e/lab/proc.h"

static int home = -1; /* the namespace the process began in */

static void path_of(char ret[128], const char *name)
{
	assert(!strncmp(name, NETNS_PREFIX, strlen(NETNS_PREFIX)));
	snprintf(ret, 128, "/run/netns/%s", name);
}

static int keep_home(struct diag *d)
{
	if (home < 0)
		home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return home < 0 ? diag_errno(d, "/proc/self/ns/net") : 0;
}

int netns_make(const char *name, struct diag *d)
{
	char path[128];
	int fd, code = keep_home(d);

	if (code)
		return code;
	path_of(path, name);
	fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0)
		return diag_errno(d, "%s", path);
	close(fd);
	if (unshare(CLONE_NEWNET))
		code = diag_errno(d, "%s: unshare", name);
	else if (mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL))
		code = diag_errno(d, "%s: mount", path);
	netns_leave();
	if (code)
		unlink(path);
	return code;
}

int netns_enter(const char *name, struct diag *d)
{
	char path[128];
	int fd, code = keep_home(d);

	if (code)
		return code;
	path_of(path, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return diag_errno(d, "%s", path);
	if (setns(fd, CLONE_NEWNET))
		code = diag_errno(d, "%s: setns", name);
	close(fd);
	return code;
}

void netns_leave(void)
{
	int rc = setns(home, CLONE_NEWNET);

	assert(rc == 0); /* a process can always go back to a namespace it came from */
	(void)rc;
}

void netns_drop(const char *name)
{
	char path[128];

	path_of(path, name);
	umount2(path, MNT_DETACH);
	unlink(path);
}

int netns_sysctl(const char *key, const char *value, struct diag *d)
{
	char path[160] = "/proc/sys/";
	size_t len = strlen(path);

	snprintf(path + len, sizeof path - len, "%s", key);
	for (char *at = path + len; *at; at++)
		if (*at == '.')
			*at = '/';
	return proc_put(path, value, d);
}
