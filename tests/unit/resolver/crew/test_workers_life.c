/* SPDX-License-Identifier: Apache-2.0 */
/* What workers' silence and deaths come to, and their end. */
#include "tests/fixtures/crew_world.h"

TestSuite(workers_life, .init = setup, .fini = teardown, .timeout = 60);

static int status_of(unsigned i)
{
	int status = 0;

	cr_assert_eq(waitpid(pid[i], &status, 0), pid[i]);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

/* One question at a time; the oldest without an answer counts. */
Test(workers_life, pings)
{
	cr_expect(workers_prompt(&w, 0));
	loop.now_ns = 100 * NS_PER_S;
	workers_ping(&w, NS_PER_S);
	all_told(CTL_PING);
	loop.now_ns += NS_PER_S;
	workers_ping(&w, NS_PER_S);
	for (unsigned i = 0; i < N; i++)
		cr_expect_eq(told(i), 0, "the one before is open");
	cr_expect(workers_prompt(&w, NS_PER_S));
	cr_expect_not(workers_prompt(&w, NS_PER_S - 1));
	for (unsigned i = 0; i < N; i += 2) {
		struct ctl_msg pong = {.type = CTL_PONG};

		cr_assert_eq(ctl_send(theirs[i], &pong, NULL, 0), 0);
		w.slot[i].ctl.ready(&w.slot[i].ctl, EPOLLIN);
	}
	cr_expect_not(workers_prompt(&w, NS_PER_S - 1), "the second says nothing");
	loop.now_ns += 1;
	workers_ping(&w, NS_PER_S);
	cr_expect_eq(told(0), CTL_PING);
	cr_expect_eq(told(2), CTL_PING);
	cr_expect_eq(status_of(1), SIGKILL, "a hung worker is worth less than a new one");
	cr_expect_eq(kill(pid[0], 0), 0);
	cr_expect_eq(kill(pid[2], 0), 0);
	cr_expect(workers_prompt(&w, 0), "asked just now");
	w.slot[1].pid = 0;
	loop.now_ns += 10 * NS_PER_S;
	workers_ping(&w, 60 * NS_PER_S);
	cr_expect_eq(told(1), 0, "it is not there");
	cr_expect_eq(w.slot[1].ping_ns, 0);
	w.slot[1].pid = pid[1];
}

/* Who has much to read moves late. Its successor has twice the time, and so on. */
Test(workers_life, being_configured)
{
	struct ctl_msg ready = {.type = CTL_READY, .value = 3}, pong = {.type = CTL_PONG};

	loop.now_ns = 100 * NS_PER_S;
	w.generation = 3;
	w.slot[1].ready = w.slot[2].ready = 3;
	workers_look(&w);
	cr_assert(w.look.armed);
	cr_expect_leq(w.look.at_ns, loop.now_ns + NS_PER_S, "in whatever phase its owner is");
	for (unsigned round = 0; round < 7; round++) {
		uint64_t patience = WORKERS_HANG_NS << (round < 5 ? round : 5);

		loop_timer_set(&loop, &w.look, T_NEVER);
		w.look.due(&w.look);
		cr_assert(w.look.armed, "until all are");
		cr_expect_eq(told(0), CTL_PING);
		for (unsigned i = 1; i < N; i++) {
			cr_expect_eq(told(i), CTL_PING);
			cr_assert_eq(ctl_send(theirs[i], &pong, NULL, 0), 0);
			w.slot[i].ctl.ready(&w.slot[i].ctl, EPOLLIN);
		}
		loop.now_ns += patience;
		workers_ping(&w, WORKERS_HANG_NS);
		cr_expect_eq(w.slot[0].ping_ns, loop.now_ns - patience, "%u: not yet", round);
		for (unsigned i = 1; i < N; i++) {
			cr_expect_eq(told(i), CTL_PING);
			cr_assert_eq(ctl_send(theirs[i], &pong, NULL, 0), 0);
			w.slot[i].ctl.ready(&w.slot[i].ctl, EPOLLIN);
		}
		loop.now_ns++;
		workers_ping(&w, WORKERS_HANG_NS);
		cr_expect_eq(status_of(0), SIGKILL, "%u", round);
		for (unsigned i = 1; i < N; i++) {
			cr_expect_eq(told(i), CTL_PING);
			cr_assert_eq(ctl_send(theirs[i], &pong, NULL, 0), 0);
			w.slot[i].ctl.ready(&w.slot[i].ctl, EPOLLIN);
		}
		loop_del(&loop, &w.slot[0].ctl);
		close(w.slot[0].ctl.fd);
		close(theirs[0]);
		worker_put(0);
	}
	cr_assert_eq(ctl_send(theirs[0], &ready, NULL, 0), 0);
	w.slot[0].ctl.ready(&w.slot[0].ctl, EPOLLIN);
	cr_expect_eq(w.slot[0].hangs, 0, "it can");
	loop_timer_set(&loop, &w.look, T_NEVER);
	w.look.due(&w.look);
	cr_expect_not(w.look.armed, "nobody is any more");
	workers_ping(&w, WORKERS_HANG_NS);
	loop.now_ns += WORKERS_HANG_NS + 1;
	workers_ping(&w, WORKERS_HANG_NS);
	cr_expect_eq(status_of(0), SIGKILL);
	cr_expect_eq(w.slot[0].hangs, 0, "it had nothing to read");
}

Test(workers_life, ends)
{
	cr_expect_eq(workers_alive(&w), N);
	for (unsigned i = 0; i < N; i++)
		shm->worker[i].driver.tcp_open = 1u << i;
	cr_expect_eq(workers_connections(&w), 7);
	w.slot[1].pid = 0;
	cr_expect_eq(workers_connections(&w), 5);
	cr_expect_eq(workers_alive(&w), N - 1);
	workers_part(&w, 17);
	cr_expect_eq(told(0), CTL_PART);
	cr_expect_eq(told(1), 0);
	cr_expect_eq(told(2), CTL_PART);
	cr_expect_not(w.stopping);
	w.slot[1].pid = pid[1];
	for (unsigned i = 0; i < N; i++)
		loop_timer_set(&loop, &w.slot[i].restart, loop.now_ns + NS_PER_S);
	workers_finish(&w, 17);
	cr_expect(w.stopping);
	for (unsigned i = 0; i < N; i++) {
		cr_expect_eq(told(i), CTL_FINISH);
		cr_expect_eq(m.value, 17);
		cr_expect_not(w.slot[i].restart.armed);
		loop_timer_set(&loop, &w.slot[i].restart, loop.now_ns + NS_PER_S);
	}
	w.stopping = false;
	workers_drain(&w, 18);
	cr_expect(w.stopping);
	for (unsigned i = 0; i < N; i++) {
		cr_expect_eq(told(i), CTL_DRAIN);
		cr_expect_eq(m.value, 18);
		cr_expect_not(w.slot[i].restart.armed);
	}
	/* one that cannot be told */
	close(theirs[0]);
	theirs[0] = -1;
	workers_drain(&w, 18);
	cr_expect_eq(status_of(0), SIGKILL);
	w.slot[0].pid = 0;
	close(theirs[1]);
	theirs[1] = -1;
	workers_finish(&w, 18);
	cr_expect_eq(status_of(1), SIGKILL);
	loop_del(&loop, &w.slot[0].ctl);
	close(w.slot[0].ctl.fd);
	cr_expect_eq(kill(pid[2], 0), 0);
	workers_kill(&w);
	cr_expect_eq(status_of(2), SIGKILL);
}

/* What a worker had open is nobody's when it is dead; its counters stay. While all end, nobody comes in its place. */
Test(workers_life, one_that_died)
{
	struct shm_worker *s = &shm->worker[1];

	s->core.entries_success = s->core.entries_denial = s->core.bytes_used = s->core.inflight = s->core.waiters = s->core.clients = 5;
	s->core.block_entries[3][1] = 5;
	s->core.joined = 5;
	s->driver.tcp_open = s->driver.tcp_held_bytes = s->driver.up_udp_open = s->driver.up_tcp_open = s->driver.dnstap_connected = 5;
	s->driver.udp_received = 5;
	w.stopping = true;
	workers_hold(&w, 0);
	kill(pid[1], SIGKILL);
	while (workers_alive(&w) == N)
		workers_reap(&w);
	cr_expect_eq(w.slot[1].pid, 0);
	cr_expect_eq(shm->worker_restarts, 0);
	cr_expect_eq(w.slot[1].awaits, 0);
	cr_expect_eq(s->core.entries_success + s->core.entries_denial + s->core.bytes_used + s->core.inflight + s->core.waiters + s->core.clients, 0);
	cr_expect_eq(s->core.block_entries[3][1], 0);
	cr_expect_eq(s->driver.tcp_open + s->driver.tcp_held_bytes + s->driver.up_udp_open + s->driver.up_tcp_open + s->driver.dnstap_connected, 0);
	cr_expect_eq(s->core.joined + s->driver.udp_received, 10);
	says(0, CTL_HELD, 0);
	cr_expect_eq(n_answered, 0);
	says(2, CTL_HELD, 0);
	cr_expect_eq(n_answered, 1);
}
