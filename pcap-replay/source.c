/* SPDX-License-Identifier: Apache-2.0 */
/* The pipe between the child that parses and the one who asked. */
#include "pcap-replay/source.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/parent.h"
#include "pcap-replay/pass.h"
#include "pcap-replay/read/inflow.h"

/* No capture, packed or not, begins with the character that every stream begins with. Waits for it. */
static bool stdin_is_stream(void)
{
	uint8_t first;
	ssize_t n;
	do
		n = read(STDIN_FILENO, &first, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1 && first == '#')
		return ungetc(first, stdin) == first;
	if (n == 1)
		inflow_stdin_put_back(first);
	return false;
}

static bool is_stream(const char *path)
{
	char magic[4] = "";
	if (!strcmp(path, "-"))
		return stdin_is_stream();
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	size_t n = fread(magic, 1, 3, f);
	fclose(f);
	return n == 3 && !memcmp(magic, "#qs", 3);
}

static int parse_in_child(const char *const *paths, size_t n, const struct reading *r, int fd)
{
	char path[32];
	struct pass_conf c = {.paths = paths, .n_paths = n, .reading = r, .qs = path, .wire = true, .view = QSOUT_CLIENT};
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return pass_run(&c);
}

static volatile pid_t parser; /* 0: this process reads standard input itself */

/* At who reads it: whoever parses hears it by another signal, twice is no harm. */
static void end_input(void)
{
	int was = errno;
	if (parser)
		kill(parser, SIGUSR1);
	else
		inflow_stdin_end();
	errno = was;
}

/* A terminal tells all of a pipeline, kill(1) only this process. */
static void on_interrupt(int sig)
{
	(void)sig;
	end_input();
}

/* The first Ctrl-C ends standard input, at who writes it and at who parses it, and then is the time to send what came. */
static void interrupts_end_input(const char *const *paths, size_t n)
{
	struct sigaction sa = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND | SA_RESTART}, before;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(paths[i], "-") && !sigaction(SIGINT, NULL, &before) && before.sa_handler == SIG_DFL)
			sigaction(SIGINT, &sa, NULL);
}

static volatile sig_atomic_t overdue;

static void on_alarm(int sig)
{
	(void)sig;
	overdue = 1;
	end_input();
}

/* Again and again: who is told before he waits would not hear it while he waits. 0: no more. */
static void time_ends_input(uint64_t after_ns)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval t = {.it_value = {(time_t)(after_ns / NS_PER_S), (suseconds_t)(after_ns % NS_PER_S / NS_PER_US)},
			      .it_interval = {0, after_ns ? 100000 : 0}};
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

static bool has_stdin(const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(paths[i], "-"))
			return true;
	return false;
}

/* What a child parses, by a pipe. */
static int plan_parsed(struct plan *ret, const char *const *paths, size_t n, const struct reading *r, const struct plan_until *until,
		       struct diag *d)
{
	int fds[2], status = 0;
	char path[32];
	if (pipe(fds))
		return diag_errno(d, "pipe");
	fflush(NULL);
	inflow_stdin_ends_by(SIGUSR1); /* before there is a child that could be told */
	pid_t self = getpid(), pid = fork();
	if (pid != 0)
		signal(SIGUSR1, SIG_DFL);
	if (pid < 0)
		return diag_errno(d, "fork");
	if (pid == 0) {
		if (!parent_tie(self)) /* nobody wants it then, and its input may never end */
			_exit(1);
		close(fds[0]);
		_exit(parse_in_child(paths, n, r, fds[1]));
	}
	parser = pid;
	interrupts_end_input(paths, n);
	close(fds[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	int rc = plan_read(ret, path, r->memory_bytes, until, d);
	close(fds[0]);
	/* a capture cut at its end (it is still being written) has said so; what is there is used */
	parser = 0;
	if (rc || ret->has_enough) /* it may wait for what never comes */
		kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) == pid && rc == 0 && status && ret->n == 0)
		rc = diag_set(d, ERR_SYNTAX, "%s: nothing to send", paths[0]);
	return rc;
}

/* A pipe can be looked into once: it takes standard input's place, where what was looked at comes first again. */
static int pipe_to_stdin(const char **path, struct diag *d)
{
	struct stat st;
	FILE *f = file_open(*path, d);
	if (!f)
		return ERR_SYS;
	if (fstat(fileno(f), &st) == 0 && S_ISFIFO(st.st_mode)) {
		dup2(fileno(f), STDIN_FILENO);
		*path = "-";
	}
	fclose(f);
	return 0;
}

int source_plan(struct plan *ret, const char *const *paths, size_t n, const struct reading *r, const struct plan_until *until,
		struct diag *d)
{
	const char *only[] = {paths[0]};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (strcmp(paths[i], "-"))
			rc = n == 1 ? pipe_to_stdin(&only[0], d) : file_check(paths[i], d);
	if (rc)
		return rc;
	paths = n == 1 ? only : paths;
	bool stream = n == 1 && is_stream(paths[0]);
	if (until && has_stdin(paths, n))
		time_ends_input(until->limit_ns > SOURCE_LEAST_NS ? until->limit_ns : SOURCE_LEAST_NS);
	if (stream) {
		interrupts_end_input(paths, n);
		rc = plan_read(ret, paths[0], r->memory_bytes, until, d);
	} else {
		rc = plan_parsed(ret, paths, n, r, until, d);
	}
	time_ends_input(0);
	if (overdue)
		log_warn("standard input goes on beyond --duration: what came until then is sent");
	return rc;
}
