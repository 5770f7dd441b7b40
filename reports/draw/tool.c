/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. The child has a group of its own: what it started ends with it. */
#include "reports/draw/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"

static void __attribute__((noreturn)) exec_child(const struct tool *c)
{
	char home[4200];
	char *const env[] = { (char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"LC_ALL=C.UTF-8", home, NULL };
	snprintf(home, sizeof(home), "HOME=%.4100s", c->home);
	setpgid(0, 0);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (chdir(c->dir))
		_exit(126);
	int log = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(126);
	execvpe(c->argv[0], c->argv, env);
	_exit(127);
}

/* Waits for the child, but not for ever. */
static int wait_child(pid_t pid, unsigned limit_s, int *ret_status)
{
	uint64_t end = clock_mono_ns() + limit_s * NS_PER_S;
	for (;;) {
		pid_t got = waitpid(pid, ret_status, WNOHANG);
		if (got == pid)
			return 0;
		if (got < 0 && errno != EINTR)
			return ERR_SYS;
		if (clock_mono_ns() > end) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			waitpid(pid, ret_status, 0);
			return ERR_TIMEOUT;
		}
		clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	}
}

int tool_run(const struct tool *c, struct diag *d)
{
	int status = 0;
	pid_t pid = fork();
	if (pid < 0)
		return diag_errno(d, "fork");
	if (!pid)
		exec_child(c);
	int rc = wait_child(pid, c->limit_s, &status);
	if (rc)
		return diag_set(d, rc, "%s did not end within %u s", c->argv[0], c->limit_s);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return diag_set(d, ERR_UNSUPPORTED, "%s cannot be run", c->argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return diag_set(d, ERR_PEER, "%s failed; its words are in %s/%s", c->argv[0], c->dir, c->log);
	return 0;
}
