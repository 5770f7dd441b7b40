/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker and a supervisor cannot do any more, tried in children. */
#include "resolver/node/privileges.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fixtures/sanitized.h"

static bool status_line(const char *key, unsigned long long *ret)
{
	char line[200];
	FILE *f = fopen("/proc/self/status", "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof line, f))
		found = !strncmp(line, key, strlen(key)) && sscanf(line + strlen(key), ": %llx", ret) == 1;
	if (f)
		fclose(f);
	return found;
}

/* Runs in a child, because there is no way back; its exit status names the step
 * that went wrong. */
static int in_child(int (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(run());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int worker(void)
{
	struct rlimit limit;
	struct diag d;
	unsigned long long caps = 1;
	int fd;

	if (privileges_worker(&d))
		return 1;
	if (!status_line("CapEff", &caps) || caps || !status_line("CapPrm", &caps) || caps)
		return 2;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 && errno != EPERM)
		return 3;
	if ((fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		return 4;
	close(fd);
	if ((fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC)) < 0)
		return 5;
	close(fd);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
		return 6;
	close(fd);
	if (raise(0) || getrlimit(RLIMIT_NOFILE, &limit))
		return 7;
	return 0;
}

static int worker_misbehaves(void)
{
	struct rlimit limit;
	struct diag d;
	char *const argv[] = {NULL};

	if (privileges_worker(&d))
		return 1;
	if (open("/tmp/privileges-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EPERM)
		return 2;
	if (socket(AF_PACKET, SOCK_RAW, 0) >= 0 || errno != EPERM)
		return 3;
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ||
	    errno != EPERM)
		return 4;
	if (syscall(SYS_fork) >= 0 || errno != EPERM)
		return 5;
	execve("/bin/true", argv, argv);
	if (errno != EPERM)
		return 6;
	if (syscall(SYS_ptrace, 0, 0, 0, 0) >= 0 || errno != EPERM)
		return 7;
	if (syscall(SYS_unshare, 0) >= 0 || errno != EPERM)
		return 8;
	if (unlink("/no/such/file") >= 0 || errno != EPERM)
		return 9;
	/* nor may it harm the supervisor, or pose as a new instance */
	if (syscall(SYS_tgkill, getppid(), getppid(), 0) >= 0 || errno != EPERM)
		return 10;
	if (prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit) >= 0 || errno != EPERM)
		return 11;
	if (socket(AF_UNIX, SOCK_SEQPACKET, 0) >= 0 || errno != EPERM)
		return 12;
	return 0;
}

static int supervisor(void)
{
	const unsigned long long user = 1ull << 6 | 1ull << 7; /* SETGID, SETUID: for workers to be nobody */
	unsigned long long keep = 1ull << 12 | 1ull << 10;     /* NET_ADMIN, NET_BIND_SERVICE */
	unsigned long long before, after, bounds;
	struct diag d;

	if (!status_line("CapEff", &before) || privileges_supervisor(false, &d))
		return 1;
	if (!SANITIZED && (before & user) == user)
		keep |= user;
	if (!status_line("CapEff", &after) || after != (before & keep))
		return 2;
	if ((before >> 8 & 1) && (!status_line("CapBnd", &bounds) || (bounds & ~keep)))
		return 3;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 4;
	return 0;
}

Test(privileges, a_worker_can_do_its_work)
{
	cr_expect_eq(in_child(worker), 0, "step %d", in_child(worker));
}

Test(privileges, and_nothing_else)
{
	if (SANITIZED)
		cr_skip_test("sanitized builds have no filter");
	cr_expect_eq(in_child(worker_misbehaves), 0, "step %d", in_child(worker_misbehaves));
}

Test(privileges, a_supervisor_keeps_two_capabilities)
{
	cr_expect_eq(in_child(supervisor), 0, "step %d", in_child(supervisor));
}
