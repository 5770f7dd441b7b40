/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes first where nobody serves yet: one claim at a time, and nothing is left of it. */
#include "resolver/handover/handover_claim.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "resolver/handover/handover.h"
#include "resolver/handover/handover_host.h"
#include "resolver/net/loop.h"

static char dir[] = "/tmp/claim-XXXXXX", path[64], lock[64];

static void setup(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	snprintf(lock, sizeof(lock), "%s/sock.lock", dir);
}

static void teardown(void)
{
	char cmd[80];

	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	cr_expect_eq(system(cmd), 0);
}

TestSuite(handover_claim, .init = setup, .fini = teardown, .timeout = 60);

/* Another process tries: 0: somebody has it; 1: it got it; 2: nobody can claim. */
static int other(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = 7;

		if (!handover_claim(path, &fd))
			_exit(fd == -1 ? 0 : 9);
		_exit(fd >= 0 ? 1 : 2);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

Test(handover_claim, one_at_a_time)
{
	struct stat st;
	int fd = -2;

	cr_assert(handover_claim(path, &fd));
	cr_assert_geq(fd, 0);
	cr_assert_eq(stat(lock, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	cr_expect_eq(other(), 0);
	int was = fd;

	handover_claim_end(path, &fd);
	cr_expect_eq(fd, -1);
	cr_expect_lt(fcntl(was, F_GETFD), 0);
	cr_expect_eq(access(lock, F_OK), -1);
	cr_expect_eq(other(), 1);
	cr_expect_eq(access(lock, F_OK), 0, "it died with it");
	cr_assert(handover_claim(path, &fd), "nobody has it");
	cr_assert_geq(fd, 0);
	handover_claim_end(path, &fd);
	handover_claim_end(path, &fd);
	cr_expect_eq(fd, -1);
}

/* One that was taken away: the next has a file of its own, which stays. */
Test(handover_claim, another_file_in_its_place)
{
	int fd, next;

	cr_assert(handover_claim(path, &fd) && fd >= 0);
	unlink(lock);
	cr_expect_eq(other(), 1);
	cr_expect_eq(access(lock, F_OK), 0);
	handover_claim_end(path, &fd);
	cr_expect_eq(access(lock, F_OK), 0, "not ours");
	cr_assert(handover_claim(path, &next) && next >= 0);
	handover_claim_end(path, &next);
}

/* Where no such file can be made nobody can claim, and nobody waits. */
Test(handover_claim, where_none_can_be)
{
	static char longer[PATH_MAX + 10];
	int fd = 7;
	struct stat st;

	memset(longer, 'x', sizeof(longer) - 1);
	cr_expect(handover_claim(longer, &fd));
	cr_expect_eq(fd, -1);
	fd = 7;
	cr_expect(handover_claim("/nonexistent/sock", &fd));
	cr_expect_eq(fd, -1);
	cr_assert_eq(symlink("elsewhere", lock), 0);
	fd = 7;
	cr_expect(handover_claim(path, &fd), "no link is followed");
	cr_expect_eq(fd, -1);
	cr_expect_eq(lstat(lock, &st), 0);
	unlink(lock);
	cr_assert_eq(mkdir(lock, 0700), 0);
	fd = 7;
	cr_expect(handover_claim(path, &fd));
	cr_expect_eq(fd, -1);
	rmdir(lock);
}

/* Whether somebody listens where an instance would be found: not at a file, nor at a name that is too
 * long to be one of ours, whoever is there. */
Test(handover_claim, who_is_followed)
{
	static char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct handover_host host = {.path = name};
	struct loop loop;
	struct diag d;

	cr_assert_eq(loop_init(&loop, &d), 0);
	host.loop = &loop;
	struct handover *h = handover_new(&host);

	cr_assert(h);
	for (size_t len = sizeof(name) - 2; len < sizeof(name); len++) {
		struct sockaddr_un sa = {.sun_family = AF_UNIX};
		int n = snprintf(name, sizeof(name), "%s/", dir);

		memset(name + n, 'x', len - (size_t)n);
		name[len] = 0;
		cr_expect_not(handover_followed(h), "nobody at %zu", len);
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

		memcpy(sa.sun_path, name, len);
		cr_assert_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
		cr_expect_not(handover_followed(h), "who does not listen yet");
		cr_assert_eq(listen(fd, 0), 0);
		cr_expect_eq(handover_followed(h), len < sizeof(sa.sun_path), "%zu", len);
		cr_expect_eq(handover_followed(h), len < sizeof(sa.sun_path), "a full queue is an answer, too");
		close(fd);
		cr_expect_not(handover_followed(h), "a file that is left");
	}
	handover_free(h);
	loop_release(&loop);
}
