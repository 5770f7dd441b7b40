/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: what is due, what is removed within a callback, what a round is. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "resolver/net/loop.h"

struct note {
	struct loop_timer t;
	int number;
	struct loop *l;
};
static int order[512], n_order;

static void note_due(struct loop_timer *t)
{
	order[n_order++] = container_of(t, struct note, t)->number;
}

Test(loop, timers_fire_in_order_whatever_was_armed_moved_or_disarmed)
{
	struct loop l;
	struct note note[200] = { 0 };
	struct rng r;
	rng_seed(&r, 7);
	cr_assert_eq(loop_init(&l, NULL), 0);
	uint64_t base = l.now_ns + NS_PER_MS;
	for (int i = 0; i < 200; i++) {
		note[i].t.due = note_due;
		note[i].number = i;
		loop_timer_set(&l, &note[i].t, base + rng_below(&r, 1000000));
	}
	for (int i = 0; i < 200; i++) { /* each one moves to its final place; odd ones leave */
		loop_timer_set(&l, &note[i].t, base + (uint64_t)(199 - i) * 1000);
		if (i & 1)
			loop_timer_set(&l, &note[i].t, T_NEVER);
	}
	cr_assert_eq(loop_deadline(&l), base + 1000);
	while (n_order < 100)
		cr_assert_eq(loop_step(&l, T_NEVER), 0);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(order[i], 198 - 2 * i);
	cr_assert_eq(loop_deadline(&l), T_NEVER);
	loop_release(&l);
}

static struct loop the_loop;
static struct loop_fd watch[2];
static int n_ready;

/* Both are ready in the same round; whoever comes first removes the other. */
static void remove_other(struct loop_fd *w, uint32_t events)
{
	(void)events;
	n_ready++;
	loop_del(&the_loop, w == &watch[0] ? &watch[1] : &watch[0]);
}

Test(loop, a_watcher_removed_in_the_same_round_is_not_called)
{
	int p[2][2];
	cr_assert_eq(loop_init(&the_loop, NULL), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(pipe(p[i]), 0);
		watch[i].ready = remove_other;
		cr_assert_eq(loop_add(&the_loop, &watch[i], p[i][0], EPOLLIN), 0);
		cr_assert_eq(write(p[i][1], "x", 1), 1);
	}
	cr_assert_eq(loop_step(&the_loop, T_NEVER), 0);
	cr_assert_eq(n_ready, 1);
	loop_release(&the_loop);
}

Test(loop, waits_no_longer_than_told)
{
	uint64_t before = clock_mono_ns();
	struct loop l;
	cr_assert_eq(loop_init(&l, NULL), 0);
	cr_expect(l.now_ns >= before && l.now_ns <= clock_mono_ns());
	uint64_t until = l.now_ns + 3 * NS_PER_MS;
	cr_assert_eq(loop_step(&l, until), 0);
	cr_assert_geq(l.now_ns, until);
	loop_release(&l);
}

/* --- far deadlines --- */

/* Without a descriptor for its alarm there is no loop, and none for anything stays taken. */
Test(loop, without_descriptors)
{
	struct rlimit all, few;
	struct loop l;
	struct diag d;
	int first = dup(0);

	close(first);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	for (int more = 0; more < 2; more++) {
		few = (struct rlimit){ .rlim_cur = (rlim_t)(first + more), .rlim_max = all.rlim_max };
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		cr_expect_eq(loop_init(&l, &d), ERR_SYS);
		cr_expect(strstr(d.text, more ? "timerfd_create" : "epoll_create1"), "%s", d.text);
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
		int next = dup(0);

		cr_expect_eq(next, first, "one stays open");
		close(next);
	}
}

static void nothing(struct loop_fd *w, uint32_t events)
{
	(void)w;
	(void)events;
}

/* A round that ends at once, with deadlines as they are. */
static void round_short(struct loop *l)
{
	struct loop_fd w = { .ready = nothing };
	int p[2];
	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(write(p[1], "", 1), 1);
	cr_assert_eq(loop_add(l, &w, p[0], EPOLLIN), 0);
	cr_assert_eq(loop_step(l, T_NEVER), 0);
	loop_del(l, &w);
	close(p[0]);
	close(p[1]);
}

Test(loop, a_far_deadline_that_moves_back_costs_one_wake_up_and_is_kept, .timeout = 20)
{
	struct loop l;
	struct note far = { .t.due = note_due, .number = 1 };
	n_order = 0;
	cr_assert_eq(loop_init(&l, NULL), 0);
	uint64_t start = l.now_ns;
	loop_timer_set(&l, &far.t, start + 150 * NS_PER_MS);
	round_short(&l);
	loop_timer_set(&l, &far.t, start + 400 * NS_PER_MS);
	unsigned rounds = 0;
	for (; n_order == 0; rounds++)
		cr_assert_eq(loop_step(&l, T_NEVER), 0);
	cr_assert_geq(l.now_ns, start + 400 * NS_PER_MS);
	cr_assert_leq(rounds, 2u);
	loop_release(&l);
}

Test(loop, a_near_deadline_does_not_wait_for_a_far_one, .timeout = 20)
{
	struct loop l;
	struct note far = { .t.due = note_due, .number = 1 }, near = { .t.due = note_due, .number = 2 };
	n_order = 0;
	cr_assert_eq(loop_init(&l, NULL), 0);
	uint64_t later = l.now_ns + 3600 * NS_PER_S;
	loop_timer_set(&l, &far.t, later);
	round_short(&l);
	cr_assert_eq(l.alarm_ns, later, "it is with the alarm, and need not be said again");
	for (int i = 0; i < 3; i++) {
		loop_timer_set(&l, &near.t, l.now_ns + (i == 2 ? 120 : 5) * NS_PER_MS);
		while (n_order == i)
			cr_assert_eq(loop_step(&l, T_NEVER), 0);
		cr_assert_eq(order[i], 2);
	}
	loop_timer_set(&l, &far.t, T_NEVER);
	cr_assert_eq(loop_deadline(&l), T_NEVER);
	loop_release(&l);
}

/* Whoever ends the loop may just have gathered something: a last reply. */
static int gathered, left;

static void gather_and_stop(struct loop_timer *t)
{
	struct loop *l = container_of(t, struct note, t)->l;

	gathered++;
	l->stop = true;
}

static void leave(void *ctx)
{
	(void)ctx;
	left += gathered;
	gathered = 0;
}

Test(loop, what_the_last_round_gathered_leaves)
{
	struct loop l;
	struct note n = { .t.due = gather_and_stop, .l = &l };
	cr_assert_eq(loop_init(&l, NULL), 0);
	l.before_sleep = leave;
	loop_timer_set(&l, &n.t, l.now_ns);
	cr_assert_eq(loop_run(&l), 0);
	cr_expect_eq(left, 1);
	loop_release(&l);
}

/* From now on the process has no epoll_pwait2, and is told so with this. */
static void pwait2_forbid(int err)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 441, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { .len = 4, .filter = f };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
		cr_skip_test("no filters of system calls here");
}

/* Kernels before 5.11, and container runtimes that do not know the call: it waits all the same,
 * never too short, and hears what comes. */
static void waits_without_pwait2(int err)
{
	struct note near = { .t.due = note_due, .number = 9 };
	struct loop l;

	n_order = 0;
	pwait2_forbid(err);
	cr_assert_eq(loop_init(&l, NULL), 0);
	for (uint64_t ns = NS_PER_MS / 2; ns < 40 * NS_PER_MS; ns *= 3) {
		uint64_t start = clock_mono_ns();

		cr_assert_eq(loop_step(&l, start + ns), 0);
		cr_assert_geq(clock_mono_ns(), start + ns, "of %llu ns", (unsigned long long)ns);
	}
	loop_timer_set(&l, &near.t, l.now_ns + 20 * NS_PER_MS);
	for (int rounds = 0; n_order == 0; rounds++) {
		cr_assert_eq(loop_step(&l, T_NEVER), 0);
		cr_assert_leq(rounds, 2);
	}
	loop_timer_set(&l, &near.t, l.now_ns + 200 * NS_PER_MS); /* one that the alarm ends */
	for (int rounds = 0; n_order == 1; rounds++) {
		cr_assert_eq(loop_step(&l, T_NEVER), 0);
		cr_assert_leq(rounds, 2);
	}
	round_short(&l);
	uint64_t start = clock_mono_ns();

	cr_assert_eq(loop_step(&l, l.now_ns + 3 * NS_PER_MS), 0);
	cr_assert_lt(clock_mono_ns() - start, 10 * NS_PER_S);
	loop_release(&l);
}

Test(loop, kernels_without_fine_timeouts, .timeout = 30)
{
	waits_without_pwait2(ENOSYS);
}

Test(loop, runtimes_that_forbid_what_they_do_not_know, .timeout = 30)
{
	waits_without_pwait2(EPERM);
}

Test(loop, another_error_is_an_error, .timeout = 30)
{
	struct loop l;

	pwait2_forbid(ENOMEM);
	cr_assert_eq(loop_init(&l, NULL), 0);
	cr_expect_eq(loop_step(&l, l.now_ns), ERR_SYS);
	cr_expect_eq(loop_run(&l), ERR_SYS);
}

/* Once is enough, and twice takes nothing from others. */
Test(loop, released_twice)
{
	struct loop l;
	int next = dup(0), fd[2];

	close(next);
	cr_assert_eq(loop_init(&l, NULL), 0);
	loop_release(&l);
	cr_assert_eq(pipe(fd), 0);
	cr_expect_eq(fd[0], next, "nothing stays open");
	loop_release(&l);
	cr_expect_eq(write(fd[1], "x", 1), 1);
	char c;

	cr_expect_eq(read(fd[0], &c, 1), 1);
}

/* A loop within another needs a descriptor of its own. */
Test(loop, no_descriptor_to_nest)
{
	struct loop_fd w = { .ready = nothing };
	struct rlimit all, few;
	struct loop l, sub;

	cr_assert_eq(loop_init(&l, NULL), 0);
	int next = dup(0);

	close(next);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = all.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	cr_expect_eq(loop_nest(&sub, &w, &l), ERR_SYS);
	loop_unnest(&sub, &w, &l);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	cr_expect_eq(loop_nest(&sub, &w, &l), 0);
	loop_unnest(&sub, &w, &l);
	loop_unnest(&sub, &w, &l);
	cr_expect_eq(dup(0), next, "nothing stays open");
	loop_release(&l);
}

/* Not even a kernel's descriptor stays when the outer loop takes no more. */
Test(loop, nothing_to_nest_in)
{
	struct loop_fd w = { .ready = nothing };
	struct loop l = { .epfd = -1 }, sub;
	int next = dup(0), fd[2];

	close(next);
	cr_expect_eq(loop_nest(&sub, &w, &l), ERR_SYS);
	cr_assert_eq(pipe(fd), 0);
	cr_expect_eq(fd[0], next, "nothing stays open");
	loop_unnest(&sub, &w, &l);
	cr_assert_eq(loop_init(&l, NULL), 0);
	cr_assert_eq(loop_nest(&sub, &w, &l), 0);
	loop_unnest(&sub, &w, &l);
	int again = dup(0);

	loop_unnest(&sub, &w, &l);
	cr_expect_eq(write(fd[1], "x", 1), 1, "what others have by that number is theirs");
	cr_expect_eq(close(again), 0);
	cr_expect_geq(dup2(0, 0), 0, "the standard input is nobody's epoll");
	loop_release(&l);
}

static unsigned n_called;

static void count(struct loop_fd *w, uint32_t events)
{
	(void)w;
	(void)events;
	n_called++;
}

/* What is watched may change; what was removed is not called again, nor does its number matter any more. */
Test(loop, watching_changes)
{
	struct loop_fd w = { .ready = count }, other = { .ready = count }, none = { .ready = count, .events = EPOLLIN };
	struct loop l, nowhere = { .epfd = -1 };
	int p[2];

	loop_mod(&nowhere, &none, EPOLLIN); /* as it is: the kernel is not asked */
	cr_assert_eq(loop_init(&l, NULL), 0);
	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(write(p[1], "x", 1), 1);
	cr_assert_eq(loop_add(&l, &w, p[0], EPOLLIN), 0);
	cr_expect_eq(w.events, EPOLLIN);
	static const uint32_t events[] = { EPOLLIN, 0, 0, EPOLLIN, EPOLLIN, 0 };

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		n_called = 0;
		loop_mod(&l, &w, events[i]);
		cr_assert_eq(loop_step(&l, l.now_ns + NS_PER_MS), 0);
		cr_expect_eq(n_called, events[i] ? 1 : 0, "%zu", i);
	}
	loop_mod(&l, &w, EPOLLIN);
	loop_del(&l, &w);
	cr_expect_eq(w.events, 0);
	n_called = 0;
	cr_assert_eq(loop_step(&l, l.now_ns + NS_PER_MS), 0);
	cr_expect_eq(n_called, 0);
	cr_assert_eq(loop_add(&l, &other, p[0], EPOLLIN), 0);
	loop_del(&l, &w); /* once more, when its number is another's */
	cr_assert_eq(loop_step(&l, l.now_ns + NS_PER_MS), 0);
	cr_expect_eq(n_called, 1);
	loop_release(&l);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A signal ends the sleep, and nothing is ready for that. */
Test(loop, a_signal_is_no_event, .timeout = 30)
{
	struct itimerval soon = { .it_value = { .tv_usec = 20000 } };
	struct loop_fd w = { .ready = count };
	struct loop l;
	int p[2];

	cr_assert_eq(loop_init(&l, NULL), 0);
	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(write(p[1], "x", 1), 1);
	cr_assert_eq(loop_add(&l, &w, p[0], EPOLLIN), 0);
	n_called = 0;
	cr_assert_eq(loop_step(&l, T_NEVER), 0);
	cr_expect_eq(n_called, 1);
	loop_del(&l, &w);
	signal(SIGALRM, on_alarm);
	uint64_t start = clock_mono_ns();

	cr_assert_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
	cr_expect_eq(loop_step(&l, l.now_ns + 60 * NS_PER_S), 0);
	cr_expect_lt(clock_mono_ns() - start, 20 * NS_PER_S);
	cr_expect_eq(n_called, 1);
	loop_release(&l);
}

/* What is near is a timeout, and the alarm stays with what is far. */
Test(loop, the_alarm_is_moved_for_what_is_far_alone)
{
	struct note far = { .t.due = note_due, .number = 1 };
	struct loop l;

	cr_assert_eq(loop_init(&l, NULL), 0);
	uint64_t later = l.now_ns + 3600 * NS_PER_S;

	loop_timer_set(&l, &far.t, later);
	round_short(&l);
	cr_expect_eq(l.alarm_ns, later);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(loop_step(&l, l.now_ns + 2 * NS_PER_MS), 0);
		cr_expect_eq(l.alarm_ns, later);
	}
	loop_timer_set(&l, &far.t, T_NEVER);
	loop_release(&l);
}
