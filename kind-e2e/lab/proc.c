/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children of the lab. Output of tools is collected through an unnamed
 * temporary file, so that no pipe can fill and no second loop is needed.
 */
#include "kind-e2e/lab/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/parent.h"

static int memory_file(const char *text)
{
	int fd = memfd_create("kind-e2e", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	for (size_t done = 0, len = text ? strlen(text) : 0; done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static char *slurp_fd(int fd)
{
	size_t len = 0, cap = 4096;
	char *text = malloc(cap);
	ssize_t n;

	while (text && (n = read(fd, text + len, cap - len - 1)) > 0) {
		len += (size_t)n;
		if (cap - len < 2) {
			char *more = realloc(text, cap *= 2);

			if (!more) {
				free(text);
				return NULL;
			}
			text = more;
		}
	}
	if (text)
		text[len] = '\0';
	return text;
}

char *proc_slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;

	if (fd < 0)
		return NULL;
	text = slurp_fd(fd);
	close(fd);
	return text;
}

int proc_put(const char *path, const char *text, struct diag *d)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return diag_errno(d, "%s", path);
	n = write(fd, text, strlen(text));
	if (n != (ssize_t)strlen(text)) {
		diag_errno(d, "%s", path);
		close(fd);
		return ERR_SYS;
	}
	close(fd);
	return 0;
}

/* The child's side of proc_run; descriptors are the parent's copies. */
static void run_child(const char *const argv[], int in, int out, int err_fd)
{
	dup2(in, 0);
	dup2(out, 1);
	dup2(err_fd, 2);
	execvp(argv[0], (char *const *)argv);
	dprintf(2, "%s: %s", argv[0], strerror(errno));
	_exit(127);
}

static int run_result(const char *tool, int status, int out, int err_fd, char **ret_out,
		      struct diag *d)
{
	char *words, how[32];
	size_t len;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		if (ret_out) {
			lseek(out, 0, SEEK_SET);
			*ret_out = slurp_fd(out);
			if (!*ret_out)
				return diag_set(d, ERR_NOMEM, "%s: no memory for its output", tool);
		}
		return 0;
	}
	lseek(err_fd, 0, SEEK_SET);
	words = slurp_fd(err_fd);
	len = words ? strlen(words) : 0;
	while (len && words[len - 1] == '\n')
		words[--len] = '\0';
	diag_set(d, ERR_SYS, "%s: %s: %s", tool, proc_status_str(status, how),
		 words ? words + (len > 300 ? len - 300 : 0) : "");
	free(words);
	return ERR_SYS;
}

int proc_run(const char *const argv[], const char *input, char **ret_out, struct diag *d)
{
	int in = memory_file(input), out = memory_file(NULL), err_fd = memory_file(NULL);
	pid_t self = getpid(), pid;
	int status, code;

	if (in < 0 || out < 0 || err_fd < 0) {
		code = diag_errno(d, "%s: temporary file", argv[0]);
	} else if ((pid = fork()) < 0) {
		code = diag_errno(d, "%s: fork", argv[0]);
	} else if (pid == 0) {
		if (!parent_tie(self))
			_exit(1);
		run_child(argv, in, out, err_fd);
		_exit(127);
	} else {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		code = run_result(argv[0], status, out, err_fd, ret_out, d);
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	if (err_fd >= 0)
		close(err_fd);
	return code;
}

pid_t proc_fork(const char *name, int (*body)(void *), void *arg, struct diag *d)
{
	pid_t self = getpid(), pid = fork();

	if (pid < 0)
		return diag_errno(d, "%s: fork", name);
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (!parent_tie(self))
			_exit(1);
		prctl(PR_SET_NAME, name);
		if (null >= 0)
			dup2(null, 0);
		signal(SIGPIPE, SIG_IGN);
		_exit(body(arg));
	}
	return pid;
}

int proc_exec_logged(const char *const argv[], const char *log_path)
{
	int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return ERR_SYS;
	signal(SIGPIPE, SIG_DFL);
	dup2(fd, 1);
	dup2(fd, 2);
	execvp(argv[0], (char *const *)argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	return ERR_SYS;
}

bool proc_gone(pid_t pid, int *ret_status)
{
	int status;

	if (pid <= 0 || waitpid(pid, &status, WNOHANG) != pid)
		return false;
	if (ret_status)
		*ret_status = status;
	return true;
}

bool proc_stop(pid_t pid, int sig, uint64_t limit_ns, int *ret_status)
{
	uint64_t until = clock_mono_ns() + limit_ns;
	int status = 0;

	if (pid <= 0)
		return true;
	kill(pid, sig);
	while (!proc_gone(pid, &status)) {
		if (clock_mono_ns() > until) {
			kill(pid, SIGKILL);
			while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
				;
			if (ret_status)
				*ret_status = status;
			return false;
		}
		poll(NULL, 0, 2);
	}
	if (ret_status)
		*ret_status = status;
	return true;
}

const char *proc_status_str(int status, char buf[32])
{
	if (WIFSIGNALED(status))
		snprintf(buf, 32, "signal %d", WTERMSIG(status));
	else
		snprintf(buf, 32, "exit %d", WEXITSTATUS(status));
	return buf;
}
