/* SPDX-License-Identifier: Apache-2.0 */
/* spawn, wait with a limit, read what was written. */
#include "resolver/node/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define LOOK_MS 100 /* at child_stop: a signal may come just before the poll */

volatile sig_atomic_t child_stop;

static int memory_file(const char *content)
{
	int fd = memfd_create("child", MFD_CLOEXEC);
	size_t len = content ? strlen(content) : 0;

	while (fd >= 0 && len) {
		ssize_t n = write(fd, content, len);

		if (n <= 0) {
			close(fd);
			return -1;
		}
		content += n;
		len -= (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

static char *memory_text(int fd)
{
	struct stat st;
	size_t len = fstat(fd, &st) ? 0 : (size_t)st.st_size, at = 0;
	char *text = malloc(len + 1);

	while (text && at < len) {
		ssize_t n = pread(fd, text + at, len - at, (off_t)at);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	if (text)
		text[at] = '\0';
	return text;
}

/* The daemon blocks signals for its signalfd; the child must not inherit that. */
static int spawn(const char *const *argv, const int fd[3], pid_t *ret_pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int e;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&files, fd[i], i);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	e = posix_spawnp(ret_pid, argv[0], &files, &attr, (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return e;
}

/* pidfd instead of SIGCHLD: no handler, no race with the daemon's other children. */
static int wait_exit(pid_t pid, uint64_t timeout_ns, int *ret_status, const char *what, struct diag *d)
{
	uint64_t end = clock_mono_ns() + timeout_ns;
	struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	bool late = false;
	int status = 0;

	while (p.fd >= 0) {
		uint64_t now = clock_mono_ns();
		uint64_t left_ms = now < end && !child_stop ? (end - now) / NS_PER_MS + 1 : 0;
		int n = left_ms ? poll(&p, 1, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS) : 0;

		if (n > 0)
			break;
		if (!left_ms) {
			late = true;
			kill(pid, SIGKILL);
			break;
		}
	}
	if (p.fd >= 0)
		close(p.fd);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return diag_errno(d, "%s", what);
	}
	if (late)
		return diag_set(d, ERR_TIMEOUT, "%s: not finished after %llu ms", what,
				(unsigned long long)(timeout_ns / NS_PER_MS));
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

int child_run(const char *const *argv, const char *input, uint64_t timeout_ns, struct child_result *ret,
	      struct diag *d)
{
	int fd[3] = {memory_file(input), memory_file(NULL), memory_file(NULL)};
	struct child_result r = {0};
	pid_t pid;
	int err = 0, e;

	if (fd[0] < 0 || fd[1] < 0 || fd[2] < 0)
		err = diag_errno(d, "%s: memory file", argv[0]);
	else if ((e = spawn(argv, fd, &pid)))
		err = diag_set(d, e == ENOENT ? ERR_MISSING : ERR_SYS, "%s: %s", argv[0], strerror(e));
	else
		err = wait_exit(pid, timeout_ns, &r.status, argv[0], d);
	if (!err) {
		r.out = memory_text(fd[1]);
		r.err = memory_text(fd[2]);
		if (!r.out || !r.err)
			err = diag_set(d, ERR_NOMEM, "%s: out of memory", argv[0]);
	}
	for (int i = 0; i < 3; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
	}
	if (err)
		child_release(&r);
	else
		*ret = r;
	return err;
}

void child_release(struct child_result *r)
{
	free(r->out);
	free(r->err);
	r->out = r->err = NULL;
}

bool child_in_path(const char *program)
{
	const char *path = getenv("PATH");
	char full[4096];

	if (!path)
		path = "/usr/sbin:/usr/bin:/sbin:/bin";
	while (*path) {
		size_t len = strcspn(path, ":");

		if ((size_t)snprintf(full, sizeof full, "%.*s/%s", (int)len, path, program) < sizeof full &&
		    !access(full, X_OK))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}
