/* SPDX-License-Identifier: Apache-2.0 */
/* A child in a folder of its own, with a time limit; it dies with us. */
#include "reports/plan/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/parent.h"

#define LOG_NAME "plan.log"
#define LOG_MAX  (1 << 20)

int child_beside(char ret[4096], struct diag *d)
{
	ssize_t n = readlink("/proc/self/exe", ret, 4095);
	if (n <= 0)
		return diag_errno(d, "/proc/self/exe");
	ret[n] = 0;
	char *slash = strrchr(ret, '/');
	if (slash)
		*slash = 0;
	return 0;
}

static void __attribute__((noreturn)) exec_in(pid_t parent, const char *bin, char *const argv[], const char *dir)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char path[4352];
	snprintf(path, sizeof(path), "%s/%s", bin, argv[0]);
	if (!parent_tie(parent) || chdir(dir))
		_exit(126);
	int log = open(LOG_NAME, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(126);
	execv(path, argv); /* under its bare name, so that records name no folder of this machine */
	_exit(127);
}

/* The last line of the log, for the diag. */
static void last_line(const char *dir, char ret[256])
{
	char path[4200], *text;
	size_t len;
	snprintf(path, sizeof(path), "%s/" LOG_NAME, dir);
	ret[0] = 0;
	if (file_read(path, LOG_MAX, &text, &len, NULL))
		return;
	while (len && text[len - 1] == '\n')
		text[--len] = 0;
	const char *line = strrchr(text, '\n');
	snprintf(ret, 256, "%.250s", line ? line + 1 : text);
	free(text);
}

int program_run(const char *bin, char *const argv[], const char *dir, uint64_t limit_ns, struct diag *d)
{
	uint64_t end = clock_mono_ns() + limit_ns;
	const char *name = argv[0];
	char said[256];
	int status = 0;
	pid_t got, self = getpid(), pid = fork();
	if (pid < 0)
		return diag_errno(d, "fork");
	if (!pid)
		exec_in(self, bin, argv, dir);
	while ((got = waitpid(pid, &status, WNOHANG)) != pid) {
		if (got < 0 && errno != EINTR)
			return diag_errno(d, "waitpid");
		if (clock_mono_ns() > end) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return diag_set(d, ERR_TIMEOUT, "%s did not end within %.0f s", name, (double)limit_ns / NS_PER_S);
		}
		clock_sleep_until(clock_mono_ns() + 2 * NS_PER_MS);
	}
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return diag_set(d, ERR_MISSING, "%s/%s cannot be run: it belongs beside capacity-report", bin, name);
	last_line(dir, said);
	return diag_set(d, ERR_PEER, "%s failed: %s", name, said);
}
