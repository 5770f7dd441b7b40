/* SPDX-License-Identifier: Apache-2.0 */
/* gnuplot as a child: nothing of our environment, no waiting for ever. */
#include "reports/draw/figure.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define GNUPLOT_LIMIT_S 60

static void __attribute__((noreturn)) exec_gnuplot(const char *gnuplot, const char *dir, const char *script)
{
	static char *const env[] = { (char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"LC_ALL=C.UTF-8",
				     (char *)"HOME=/nonexistent", NULL };
	char *const argv[] = { (char *)"gnuplot", (char *)"-d", (char *)script, NULL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (chdir(dir))
		_exit(126);
	int log = open("gnuplot.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(126);
	execvpe(gnuplot, argv, env);
	_exit(127);
}

/* Waits for the child, but not for ever. */
static int wait_child(pid_t pid, int *ret_status)
{
	uint64_t end = clock_mono_ns() + GNUPLOT_LIMIT_S * NS_PER_S;
	for (;;) {
		pid_t got = waitpid(pid, ret_status, WNOHANG);
		if (got == pid)
			return 0;
		if (got < 0 && errno != EINTR)
			return ERR_SYS;
		if (clock_mono_ns() > end) {
			kill(pid, SIGKILL);
			waitpid(pid, ret_status, 0);
			return ERR_TIMEOUT;
		}
		clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	}
}

int gnuplot_run(const char *gnuplot, const char *dir, const char *script, struct diag *d)
{
	int status = 0;
	pid_t pid = fork();
	if (pid < 0)
		return diag_errno(d, "fork");
	if (!pid)
		exec_gnuplot(gnuplot, dir, script);
	int rc = wait_child(pid, &status);
	if (rc)
		return diag_set(d, rc, "gnuplot did not end within %d s on %s", GNUPLOT_LIMIT_S, script);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return diag_set(d, ERR_UNSUPPORTED, "%s cannot be run; Debian's package is gnuplot-nox", gnuplot);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return diag_set(d, ERR_PEER, "gnuplot failed on %s; its words are in %s/gnuplot.log", script,
				dir);
	return 0;
}
