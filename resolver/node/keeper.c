/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. One request at a time, each bounded; signals never wait. */
#include "resolver/node/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/node/child.h"
#include "resolver/node/signals.h"
#include "resolver/node/privileges.h"
#include "resolver/node/sandbox.h"

#define ENSURE_LIMIT_NS (12 * NS_PER_S)
#define REMOVE_LIMIT_NS (6 * NS_PER_S)
#define WITHDRAW_LIMIT_NS (2 * NS_PER_S)
#define CLEAR_LIMIT_NS  (12 * NS_PER_S) /* when nobody is left to ask for more */
#define CLEAR_STEP_NS   (200 * NS_PER_MS)
#define END_NS          (16 * NS_PER_S) /* from the withdrawal on, whoever holds the lock: a pod has 30 s to end */

struct keeper {
	const struct node_flags *f;
	struct node *node;
	int fd;
	pid_t child;
	bool standing, lapsed; /* rules were put there; and taken away for silence */
	bool released;         /* the node knows that there was an instance before */
	uint64_t alive_ns, told[NODE_ERRORS];
	uint64_t end_ns; /* nothing is tried after that; 0: no end is near */
};

static const int passed_on[] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGHUP};
static volatile sig_atomic_t supervisor_pid;
static volatile sig_atomic_t ensuring;

/* What a terminal sends goes to the whole group: the child has it already. */
static void pass_on(int sig, siginfo_t *info, void *ctx)
{
	int e = errno;

	(void)ctx;
	if (info->si_code <= 0)
		kill((pid_t)supervisor_pid, sig);
	if (ensuring && (sig == SIGTERM || sig == SIGINT || sig == SIGQUIT))
		child_stop = 1;
	errno = e;
}

static void signals_mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
		sigaddset(&set, passed_on[i]);
	sigprocmask(how, &set, NULL);
}

static void signals_pass_on(pid_t child)
{
	struct sigaction sa = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};

	supervisor_pid = child;
	signals_ignore_rest();
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
		sigaction(passed_on[i], &sa, NULL);
	signals_mask(SIG_UNBLOCK);
}

/* --- what is asked --- */

static void reply(struct keeper *k, struct keeper_reply *r)
{
	const uint64_t *errors = node_errors(k->node);

	for (int i = 0; i < NODE_ERRORS; i++) {
		r->errors[i] = errors[i] - k->told[i];
		k->told[i] = errors[i];
	}
	r->gate = node_gated(k->node);
	send(k->fd, r, sizeof *r, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int ensure(struct keeper *k, bool *ret_changed, struct diag *d)
{
	int err;

	ensuring = 1; /* before and behind it no signal stops anything */
	node_deadline_set(k->node, clock_mono_ns() + ENSURE_LIMIT_NS);
	err = node_rules_ensure(k->node, ret_changed, d);
	ensuring = 0;
	child_stop = 0;
	k->standing = true; /* also after a failure: one family may have got them */
	k->lapsed = false;
	k->alive_ns = clock_mono_ns();
	return err;
}

static void deadline_within(struct keeper *k, uint64_t ns)
{
	uint64_t at = clock_mono_ns() + ns;

	node_deadline_set(k->node, k->end_ns && k->end_ns < at ? k->end_ns : at);
}

static int remove_rules(struct keeper *k, struct diag *d)
{
	deadline_within(k, REMOVE_LIMIT_NS);
	return node_rules_remove(k->node, d);
}

/* Removing comes after that; with gates, what this does besides has no need to succeed. */
static int withdraw(struct keeper *k, struct diag *d)
{
	node_deadline_set(k->node, clock_mono_ns() + (node_failopen(k->node) ? WITHDRAW_LIMIT_NS : REMOVE_LIMIT_NS));
	k->lapsed = true;
	return node_rules_withdraw(k->node, d);
}

static void alive(struct keeper *k)
{
	struct diag d;
	bool changed;

	k->alive_ns = clock_mono_ns();
	if (k->lapsed && ensure(k, &changed, &d))
		log_error("rules: %s", d.text);
}

static void released_note(struct keeper *k, const struct node_released *r)
{
	if (k->released || !r->handed_over || r->n > NODE_RELEASED_MAX)
		return;
	k->released = true;
	node_released_set(k->node, r);
}

static void serve(struct keeper *k, const struct keeper_asked *q)
{
	struct keeper_reply r = {.ask = q->ask};
	struct diag d = {""};

	switch (q->ask) {
	case KEEPER_ENSURE:
		released_note(k, &q->released);
		node_idle_set(k->node, q->idle);
		r.err = ensure(k, &r.changed, &d);
		break;
	case KEEPER_WITHDRAW:
		k->end_ns = clock_mono_ns() + END_NS;
		r.err = withdraw(k, &d);
		break;
	case KEEPER_REMOVE:
		r.err = remove_rules(k, &d);
		k->standing = r.err != 0;
		break;
	case KEEPER_COUNT:
		node_deadline_set(k->node, clock_mono_ns() + REMOVE_LIMIT_NS);
		r.err = node_counters_read(k->node, &r.counters, &d);
		break;
	case KEEPER_ALIVE:
		alive(k);
		return;
	case KEEPER_LAPSE:
		k->lapsed = !node_failopen(k->node);
		node_deadline_set(k->node, clock_mono_ns() + REMOVE_LIMIT_NS);
		if (node_rules_lapse(k->node, &d))
			log_error("rules: %s", d.text);
		return;
	default: /* KEEPER_LEAVE */
		k->standing = false;
		return;
	}
	snprintf(r.text, sizeof r.text, "%s", d.text);
	r.swept = node_rules_swept(k->node);
	reply(k, &r);
}

/* --- watching over the supervisor --- */

/* Only where the kernel does not do it. */
static bool watched(const struct keeper *k)
{
	return k->standing && !k->lapsed && k->f->failopen_ns && !node_failopen(k->node);
}

static int patience_ms(const struct keeper *k)
{
	uint64_t end = k->alive_ns + k->f->failopen_ns, now = clock_mono_ns();

	if (!watched(k))
		return -1;
	return now < end ? (int)((end - now) / NS_PER_MS) + 1 : 0;
}

static void silence(struct keeper *k)
{
	struct diag d;

	log_error("no proof of life for %.1f s: the rules go", (double)k->f->failopen_ns / 1e9);
	if (withdraw(k, &d))
		log_error("rules: %s", d.text);
}

static void keep(struct keeper *k)
{
	struct pollfd p = {.fd = k->fd, .events = POLLIN};
	struct keeper_asked q;

	for (;;) {
		int n = poll(&p, 1, patience_ms(k));

		if (n < 0 && errno != EINTR)
			return;
		if (n == 0 && watched(k))
			silence(k);
		if (n <= 0)
			continue;
		ssize_t len = recv(k->fd, &q, sizeof q, MSG_DONTWAIT);

		if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
			return;
		if (len == (ssize_t)sizeof q)
			serve(k, &q);
	}
}

/* The supervisor is gone without a word about the rules. */
static void clear(struct keeper *k)
{
	struct diag d;
	uint64_t end = k->end_ns ? k->end_ns : clock_mono_ns() + CLEAR_LIMIT_NS;
	int err;

	/* Memory or a lock may be short for a moment. */
	while ((err = remove_rules(k, &d)) && clock_mono_ns() < end)
		clock_sleep_until(clock_mono_ns() + CLEAR_STEP_NS);
	if (err)
		log_error("rules: %s", d.text);
}

static int child_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return 1;
	}
	if (WIFSIGNALED(status))
		log_error("the supervisor died of signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int keep_all(struct keeper *k)
{
	struct diag d = {""};
	int status;

	prctl(PR_SET_NAME, "node-cache-keep", 0, 0, 0);
	signals_pass_on(k->child);
	if (privileges_supervisor(true, &d) || sandbox_supervisor(SANDBOX_ANY_PROGRAM, &d))
		log_error("%s", d.text);
	keep(k);
	if (k->standing)
		clear(k);
	status = child_status(k->child);
	node_close(k->node);
	close(k->fd);
	return status;
}

/* True: rules are iptables', and somebody must run the programs. */
static bool needed(const struct node_flags *f, struct node **ret)
{
	struct diag d;

	if (!f->setup_iptables || node_open(ret, f, &d))
		return false; /* the supervisor fails the same way, with words */
	if (node_rules_kind(*ret) == RULES_IPTABLES)
		return true;
	node_close(*ret);
	return false;
}

int keeper_run(const struct node_flags *f, int (*supervise)(const struct node_flags *f, int keeper_fd))
{
	struct keeper k = {.f = f};
	int fd[2];

	/* From here on a signal waits for who can act on it; a container's first
	 * process would never see it otherwise. */
	signals_mask(SIG_BLOCK);
	if (!needed(f, &k.node))
		return supervise(f, -1);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd)) {
		node_close(k.node);
		return supervise(f, -1);
	}
	k.child = fork();
	if (k.child == 0 || k.child < 0) {
		close(fd[0]);
		node_close(k.node);
		if (k.child < 0)
			close(fd[1]);
		return supervise(f, k.child < 0 ? -1 : fd[1]);
	}
	close(fd[1]);
	k.fd = fd[0];
	return keep_all(&k);
}
