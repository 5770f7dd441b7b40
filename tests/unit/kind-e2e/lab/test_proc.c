/* SPDX-License-Identifier: Apache-2.0 */
/* Children: run to the end, stopped, accounted. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kind-e2e/lab/proc.h"
#include "lib/base/clock.h"

Test(proc, input_goes_in_and_output_comes_out)
{
	static const char *const argv[] = {"tr", "a-z", "A-Z", NULL};
	struct diag d = {""};
	char *out = NULL;

	cr_assert_eq(proc_run(argv, "some words", &out, &d), 0, "%s", d.text);
	cr_expect_str_eq(out, "SOME WORDS");
	free(out);
}

Test(proc, a_failure_tells_the_tools_last_words)
{
	static const char *const argv[] = {"sh", "-c", "echo no good >&2; exit 3", NULL};
	static const char *const none[] = {"no-such-program-here", NULL};
	struct diag d = {""};

	cr_expect_eq(proc_run(argv, NULL, NULL, &d), ERR_SYS);
	cr_expect_str_eq(d.text, "sh: exit 3: no good");
	cr_expect_eq(proc_run(none, NULL, NULL, &d), ERR_SYS);
	cr_expect(strstr(d.text, "No such file"), "%s", d.text);
}

static int wait_for_signal(void *arg)
{
	int *ready = arg;

	if (write(ready[1], "x", 1) != 1)
		return 1;
	for (;;)
		pause();
}

static int ignore_term(void *arg)
{
	signal(SIGTERM, SIG_IGN);
	return wait_for_signal(arg);
}

static pid_t start(int (*body)(void *))
{
	struct diag d;
	int ready[2];
	char byte;
	pid_t pid;

	cr_assert_eq(pipe(ready), 0);
	pid = proc_fork("test", body, ready, &d);
	cr_assert(pid > 0);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	return pid;
}

Test(proc, stop_tells_who_went_by_itself)
{
	int status;
	char buf[32];

	cr_expect(proc_stop(start(wait_for_signal), SIGTERM, 20 * NS_PER_S, &status));
	cr_expect_str_eq(proc_status_str(status, buf), "signal 15");
	cr_expect(!proc_stop(start(ignore_term), SIGTERM, NS_PER_MS, &status));
	cr_expect_str_eq(proc_status_str(status, buf), "signal 9");
	cr_expect(proc_stop(0, SIGTERM, 0, NULL));
}

static int grandparent(void *arg)
{
	struct diag d;

	if (proc_fork("grandchild", wait_for_signal, arg, &d) < 0)
		return 1;
	for (;;)
		pause();
}

Test(proc, children_die_with_their_parent)
{
	struct diag d;
	int ready[2];
	char byte;
	pid_t pid;

	cr_assert_eq(pipe(ready), 0);
	pid = proc_fork("test", grandparent, ready, &d);
	cr_assert(pid > 0);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	close(ready[1]);
	proc_stop(pid, SIGKILL, 20 * NS_PER_S, NULL);
	cr_expect_eq(read(ready[0], &byte, 1), 0, "the grandchild still holds the pipe");
}

Test(proc, work_shows_as_processor_time_and_memory)
{
	uint64_t before = proc_cpu_ns(getpid());

	while (proc_cpu_ns(getpid()) < before + 20 * NS_PER_MS)
		; /* reading it is work enough */
	cr_expect(proc_rss_bytes(getpid()) > 100000);
}

Test(proc, who_sleeps_is_counted)
{
	uint64_t before = proc_sleeps(getpid());

	for (int i = 0; i < 20; i++)
		usleep(1000);
	uint64_t n = proc_sleeps(getpid()) - before;
	cr_expect(n >= 20 && n < 200, "%lu", (unsigned long)n);
}

Test(proc, one_of_a_tree_is_found_by_its_name)
{
	char name[32] = "";
	char *comm = proc_slurp("/proc/self/comm");

	sscanf(comm, "%31[^\n]", name);
	cr_expect_eq(proc_find(getpid(), name), getpid());
	cr_expect_eq(proc_find(getpid(), "nobody's"), 0);
	free(comm);
}

Test(proc, what_all_processors_did)
{
	char path[] = "/tmp/schedstat-XXXXXX";
	unsigned n = 7;
	FILE *f = fdopen(mkstemp(path), "w");

	fputs("version 15\ntimestamp 4294894144\n"
	      "cpu0 0 0 100 5 60 30 1500000000 2 90\ndomain0 3 0 0 0 0 0 0 0 0\n"
	      "cpu1 0 0 100 5 60 30 2500000000 2 90\n",
	      f);
	fclose(f);
	cr_expect_eq(proc_machine_ns(path, &n), 4000000000u);
	cr_expect_eq(n, 2);
	unlink(path);
	cr_expect_eq(proc_machine_ns(path, &n), 0);
	cr_expect_eq(n, 0);
}
