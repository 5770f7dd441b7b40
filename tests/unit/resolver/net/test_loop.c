/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: what is due, what is removed within a callback, what a round is. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>
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
	struct loop l;
	cr_assert_eq(loop_init(&l, NULL), 0);
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
	loop_timer_set(&l, &far.t, l.now_ns + 3600 * NS_PER_S);
	round_short(&l);
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
