/* SPDX-License-Identifier: Apache-2.0 */
/* A worker that somebody has taken over is refused each attempt, and can do its work all the same. */
#include "resolver/node/sandbox.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stddef.h>
#include <sys/un.h>

#include "tests/fixtures/sandbox_attempts.h"

Test(sandbox, a_worker_that_is_taken_over)
{
	if (SANITIZED)
		cr_skip_test("sanitized builds have no sandbox");
	victim_begin();
	for (size_t i = 0; i < N_ATTEMPTS; i++)
		cr_expect_eq(attempted(attempts[i].make), 0, "%s", attempts[i].name);
	cr_expect_eq(write(v.pair[1], "x", 1), 1); /* what would set off a signal that was asked for */
	victim_end();
}

/* --- what it must be able to do --- */

static int works(void)
{
	struct rlimit limit;
	char b[16];
	int fd = open(v.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), dir = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), one = 1;

	if (fd < 0 || read(fd, b, sizeof b) != 8 || dir < 0 || syscall(SYS_getdents64, dir, b, sizeof b) < -1)
		return -1;
	if (fcntl(v.pair[0], F_SETFL, O_NONBLOCK) || fcntl(fd, F_DUPFD_CLOEXEC, 3) < 0 || !(fcntl(v.pair[0], F_GETFL) & O_NONBLOCK))
		return -1;
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one))
		return -1;
	if (socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 || socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ||
	    socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) < 0)
		return -1;
	return raise(0) || getrlimit(RLIMIT_NOFILE, &limit) || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? -1 : 0;
}

Test(sandbox, a_worker_can_do_its_work)
{
	if (SANITIZED)
		cr_skip_test("sanitized builds have no sandbox");
	victim_begin();
	cr_expect_eq(attempted(works), 1);
	victim_end();
}

static bool status_says(pid_t pid, const char *wanted)
{
	char path[64], line[128];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		found |= !strcmp(line, wanted);
	if (f)
		fclose(f);
	return found;
}

/* From within the supervisor's filter, as in life; which may then end it without a
 * capability to do so. */
static int is_nobody(void)
{
	struct diag d;
	int status;
	pid_t pid;
	char c = 0;

	if (privileges_supervisor(false, &d))
		return -1;
	pid = fork();
	if (!pid) {
		privileges_user();
		c = privileges_worker(&d) || works() ? 'x' : '.';
		if (write(v.pair[0], &c, 1) != 1)
			_exit(1);
		for (;;)
			poll(NULL, 0, -1);
	}
	if (read(v.pair[1], &c, 1) != 1 || c != '.' || !status_says(pid, "Uid:\t60053\t60053\t0\t0\n") ||
	    !status_says(pid, "Gid:\t60053\t60053\t0\t0\n") || !status_says(pid, "Groups:\t \n") ||
	    !status_says(pid, "CapPrm:\t0000000000000000\n"))
		return -1;
	return kill(pid, SIGKILL) || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ? -1 : 0;
}

Test(sandbox, a_worker_is_nobody_where_that_can_be)
{
	if (SANITIZED || geteuid())
		cr_skip_test("a sanitized build, or not root");
	victim_begin();
	cr_expect_eq(supervisor_attempted(SANDBOX_NO_PROGRAM, is_nobody), 1);
	victim_end();
}

/* --- the second line --- */

static int abstract_listen(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path + 1, v.abstract, strlen(v.abstract));
	cr_assert_eq(bind(fd, (void *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(v.abstract))), 0);
	cr_assert_eq(listen(fd, 4), 0);
	return fd;
}

static int abstract_connect(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path + 1, v.abstract, strlen(v.abstract));
	return fd < 0 ? -1 : connect(fd, (void *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(v.abstract)));
}

static int makes_a_socket_file(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", v.other);
	return bind(fd, (void *)&a, sizeof a);
}

Test(sandbox, landlock_holds_what_no_argument_tells)
{
	int abi = (int)syscall(444, NULL, 0, 1), fd;

	if (SANITIZED || abi < 1)
		cr_skip_test("no Landlock here");
	victim_begin();
	cr_expect_eq(attempted(makes_a_socket_file), 0, "a socket of the file system");
	if (abi >= 6) {
		fd = abstract_listen();
		cr_expect_eq(abstract_connect(), 0, "(it is there)");
		cr_expect_eq(attempted(abstract_connect), 0, "an abstract socket of somebody else");
		close(fd);
	}
	victim_end();
}
