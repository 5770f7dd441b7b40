/* SPDX-License-Identifier: Apache-2.0 */
/* What whoever parses is refused, by whichever door it tries. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pcap-replay/read/confine.h"

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define X32(number) ((number) | 0x40000000)

static int errno_of(long number)
{
	errno = 0;
	return syscall(number, AF_INET, SOCK_DGRAM, 0) < 0 ? errno : 0;
}

Test(confine, sockets_are_refused_by_both_tables)
{
	struct diag d = {0};
	cr_assert_eq(errno_of(SYS_socket), 0);
	cr_assert_neq(errno_of(X32(SYS_socket)), EPERM, "a kernel without x32 says ENOSYS");
	if (confine_parser(false, &d))
		cr_skip_test("no filters of system calls here");
	cr_expect_eq(errno_of(SYS_socket), EPERM);
	cr_expect_eq(errno_of(X32(SYS_socket)), EPERM);
	cr_expect_eq(errno_of(X32(SYS_getpid)), EPERM, "x32 as a whole, and not call by call");
	cr_expect_eq(errno_of(X32(523)), EPERM, "numbers that only x32 has");
	cr_expect_eq(errno_of(SYS_getpid), 0, "what parses goes on");
}

/* int 0x80 leads to the table of i386, where 359 is socket() and 20 getpid(). */
static int errno_of_i386(long number)
{
	long ret;
	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(number), "b"(AF_INET), "c"(SOCK_DGRAM), "d"(0) : "memory", "r8", "r9", "r10", "r11");
	return ret < 0 ? (int)-ret : 0;
}

/* A kernel built without that table ends who tries it by a signal: so a child does. */
static bool kernel_has_i386(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		_exit(errno_of_i386(20) ? 1 : 0);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

Test(confine, and_by_that_of_i386)
{
	struct diag d = {0};
	if (!kernel_has_i386())
		cr_skip_test("this kernel has no i386");
	if (confine_parser(false, &d))
		cr_skip_test("no filters of system calls here");
	cr_expect_eq(errno_of_i386(20), EPERM);
	cr_expect_eq(errno_of_i386(359), EPERM);
}
#else
Test(confine, no_filter_here)
{
	cr_skip_test("a sanitized build, or a processor whose calls this test does not know");
}
#endif
