/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of /etc replaced for one process and its children, by bind mounts in a
 * mount namespace of their own. A resolv.conf that is a link into /run (as
 * systemd-resolved makes it) leads into the sandbox's empty /run, where the
 * target is made first.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kind-e2e/load/gai.h"
#include "kind-e2e/lab/proc.h"

static void make_parents(char *path)
{
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
}

/* A dangling link's target comes into being; anything else is left alone. */
static void mend_link(const char *path)
{
	char target[512], full[1024];
	ssize_t n;
	int fd;

	if (access(path, F_OK) == 0)
		return;
	n = readlink(path, target, sizeof target - 1);
	if (n <= 0)
		return;
	target[n] = '\0';
	snprintf(full, sizeof full, "%s%s", target[0] == '/' ? "" : "/etc/", target);
	make_parents(full);
	fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
}

static int replace_file(const char *path, const char *text, struct diag *d)
{
	char temp[] = "/run/e2e-file-XXXXXX";
	int fd, code = 0;

	mend_link(path);
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return diag_errno(d, "%s", temp);
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, 0644))
		code = diag_errno(d, "%s", temp);
	close(fd);
	if (!code && mount(temp, path, NULL, MS_BIND, NULL))
		code = diag_errno(d, "%s", path);
	unlink(temp); /* the mount keeps the file */
	return code;
}

int resolv_conf_replace(const char *text, struct diag *d)
{
	int code;

	if (unshare(CLONE_NEWNS))
		return diag_errno(d, "mount namespace");
	code = replace_file("/etc/resolv.conf", text, d);
	/* names of the machine's own must not answer for the zone's */
	if (!code && access("/etc/hosts", F_OK) == 0)
		code = replace_file("/etc/hosts", "127.0.0.1 localhost\n", d);
	if (!code && access("/etc/nsswitch.conf", F_OK) == 0)
		code = replace_file("/etc/nsswitch.conf", "hosts: files dns\n", d);
	return code;
}
