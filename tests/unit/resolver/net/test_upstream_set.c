/* SPDX-License-Identifier: Apache-2.0 */
/* The set of upstreams across reloads, and the table of what is asked of them. */
#include "tests/fixtures/no_memory.h"
#include "tests/fixtures/upstream_world.h"

#include "resolver/net/asks.h"
#include "resolver/net/upool_conn.h"

TestSuite(upstream_set, .init = setup, .fini = teardown, .timeout = 20);

/* Whatever decides whom we speak to, from where and how, makes it another upstream; how
 * long its connections live does not. */
Test(upstream_set, what_makes_it_another)
{
	struct upstream_conf conf[16];
	unsigned n = 0;

	for (unsigned i = 0; i < 16; i++)
		conf[i] = ups.up[0]->conf;
	conf[n++].addr.s6_addr[15] = 2;
	conf[n++].port ^= 1;
	conf[n++].tls = true;
	conf[n++].scope_id = 7;
	conf[n].has_source = true;
	conf[n++].source.s6_addr[15] = 1;
	conf[n].has_source = true;
	conf[n++].source.s6_addr[15] = 2;
	conf[n++].tls_name = "a.test";
	conf[n++].tls_name = "b.test";
	conf[n++].tls_ca = "/nonexistent/a";
	conf[n++].tls_cert = "/nonexistent/a";
	conf[n++].tls_key = "/nonexistent/a";
	conf[n++].doh_path = "/a";
	conf[n++].doh_get = true;
	for (unsigned i = 0; i < n; i++) {
		const struct upstream *before = ups.up[0];
		struct upstream_conf same = conf[i];

		configure(&conf[i], 1);
		cr_expect_neq(ups.up[0], before, "change %u", i);
		before = ups.up[0];
		same.tls_name = same.tls_name ? strdup(same.tls_name) : NULL;
		same.max_age_ns = same.expire_ns = same.quiet_ns = NS_PER_S;
		same.max_idle_conns = 3;
		if (!same.has_source)
			same.source.s6_addr[15] = 9; /* of no meaning */
		configure(&same, 1);
		cr_expect_eq(ups.up[0], before, "change %u", i);
		free((char *)(uintptr_t)same.tls_name);
		upstreams_flush(&ups);
		cr_expect_null(ups.retired, "one with nothing open goes at once");
	}
}

/* A shorter patience holds for the connections that there are as well. */
Test(upstream_set, what_changes_for_an_open_connection)
{
	struct upstream_conf conf = ups.up[0]->conf;
	uint8_t q[1][20];
	int fd;

	conf.expire_ns = 60 * NS_PER_S;
	configure(&conf, 1);
	ask(1, CORE_TCP);
	fd = accept_one();
	questions_read(fd, q, 1);
	answer_write(fd, q[0]);
	until(&n_answers, 1);
	const struct upool_conn *c = ups.up[0]->tcp.conns;
	uint64_t retire_ns = c->retire_ns;

	loop_timer_set(&loop, &ups.up[0]->tcp.conns->timer, c->idle_ns + conf.expire_ns); /* as it is when it has rung once */
	conf.expire_ns = 2 * NS_PER_S;
	configure(&conf, 1);
	cr_expect(c->timer.armed);
	cr_expect_eq(c->timer.at_ns, c->idle_ns + 2 * NS_PER_S);
	cr_expect_eq(c->retire_ns, retire_ns);
	conf.max_age_ns = 200 * NS_PER_S;
	configure(&conf, 1);
	cr_expect_eq(c->retire_ns, retire_ns, "it goes sooner already");
	conf.max_age_ns = NS_PER_S;
	configure(&conf, 1);
	cr_expect_eq(c->retire_ns, c->born_ns + NS_PER_S);
	cr_expect_eq(c->timer.at_ns, c->retire_ns);
	close(fd);
}

/* Twice the same stays two, each for one that there was. */
Test(upstream_set, the_same_twice)
{
	struct upstream_conf conf[2] = {ups.up[0]->conf, ups.up[0]->conf};
	const struct upstream *first = ups.up[0];

	configure(conf, 2);
	cr_expect_eq(ups.up[0], first);
	cr_expect_neq(ups.up[1], first);
	configure(conf, 1);
	cr_expect_eq(ups.up[0], first);
}

static void answered_once(int fd)
{
	uint8_t q[1][20];
	int before = n_answers;

	questions_read(fd, q, 1);
	answer_write(fd, q[0]);
	until(&n_answers, before + 1);
}

/* New times hold for connections that are open already. */
Test(upstream_set, times_of_one_that_stays)
{
	struct upstream_conf conf = ups.up[0]->conf;
	const struct upstream *up = ups.up[0];
	int fd;

	conf.expire_ns = 60 * NS_PER_S;
	configure(&conf, 1);
	ask(1, CORE_TCP);
	fd = accept_one();
	answered_once(fd);
	conf.expire_ns = 50 * NS_PER_MS;
	configure(&conf, 1);
	ask(2, CORE_TCP);
	answered_once(fd);
	while (!stats.up_tcp_idle)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	conf = (struct upstream_conf){.addr = conf.addr, .port = conf.port, .max_age_ns = 1, .expire_ns = 2,
				      .max_idle_conns = 3, .quiet_ns = 4};
	configure(&conf, 1);
	cr_expect_eq(ups.up[0], up);
	cr_expect_eq(up->conf.max_age_ns, 1);
	cr_expect_eq(up->conf.expire_ns, 2);
	cr_expect_eq(up->conf.max_idle_conns, 3);
	cr_expect_eq(up->conf.quiet_ns, 4);
	close(fd);
}

/* What was asked before is void: over either transport, and what has failed already. */
Test(upstream_set, questions_of_before_are_void)
{
	struct upstream_conf conf = ups.up[0]->conf;
	uint8_t q[18];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);

	ask(1, CORE_UDP);
	ask(2, CORE_TCP);
	ask(3, CORE_TLS); /* fails: it has none */
	configure(&conf, 1);
	cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
	cr_assert_eq(recvfrom(udp_fd, q, 18, 0, (struct sockaddr *)&from, &len), 18);
	q[2] |= 0x80;
	sendto(udp_fd, q, 18, 0, (struct sockaddr *)&from, len);
	ask(1, CORE_TCP); /* the number is free again */
	int fd = accept_one();
	uint8_t qs[2][20];

	questions_read(fd, qs, 2);
	answer_write(fd, qs[0]);
	answer_write(fd, qs[1]);
	until(&n_answers, 1);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_expect_eq(n_answers, 1);
	cr_expect_eq(answer_id[0], 1);
	cr_expect_eq(n_fails, 0);
	close(fd);
}

Test(upstream_set, a_failure_that_is_not_told_yet_can_be_cancelled)
{
	ask(1, CORE_TLS);
	ask(2, CORE_TLS);
	upstreams_cancel(&ups, 1);
	upstreams_cancel(&ups, 7); /* nobody's */
	upstreams_flush(&ups);
	cr_expect_eq(n_fails, 1);
	cr_expect_eq(fail_id[0], 2);
	cr_expect_eq(fail_why[0], CORE_FAIL_TLS);
	cr_expect_null(asks_find(&ups.asks, 1), "its row is free again");
	cr_expect_null(asks_find(&ups.asks, 2));
}

static int n_rounds;

static void fail_again(void *ctx, uint32_t id, enum core_fail_why why)
{
	(void)ctx;
	(void)why;
	if (++n_rounds < 100)
		ask(id + 1, CORE_TLS);
}

/* Failures that bring failures leave the loop its turn, and go on after it by themselves. */
Test(upstream_set, failures_of_failures_are_told_by_rounds)
{
	ups.events.fail = fail_again;
	ask(1, CORE_TLS);
	upstreams_flush(&ups);
	cr_expect_eq(n_rounds, 8);
	until(&n_rounds, 100);
}

Test(upstream_set, a_table_that_is_full)
{
	asks_release(&ups.asks);
	cr_assert_eq(asks_init(&ups.asks, 2), 0);
	ask(1, CORE_UDP);
	ask(2, CORE_UDP);
	cr_expect_eq(n_fails, 0);
	ask(3, CORE_UDP);
	cr_expect_eq(n_fails, 1);
	cr_expect_eq(fail_id[0], 3);
	cr_expect_eq(fail_why[0], CORE_FAIL_NOSOCKET);
	cr_expect_eq(stats.up_no_socket, 1);
	upstreams_cancel(&ups, 1);
	ask(4, CORE_UDP);
	cr_expect_eq(n_fails, 1);
}

/* What an exchange looks like from outside. */
Test(upstream_set, what_is_seen_of_an_exchange)
{
	struct upstream_seen seen;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t q[18];

	cr_expect_not(upstreams_seen(&ups, 1, &seen));
	ask(1, CORE_UDP);
	upstreams_flush(&ups);
	cr_assert_eq(recvfrom(udp_fd, q, 18, 0, (struct sockaddr *)&from, &len), 18);
	cr_assert(upstreams_seen(&ups, 1, &seen));
	cr_expect_eq(seen.local_port, ntohs(from.sin_port));
	cr_expect_eq(seen.local.s6_addr32[3], htonl(INADDR_LOOPBACK));
	cr_expect_eq(seen.dns_id, get_be16(q));
	cr_expect(seen.connected);
	ask(2, CORE_TCP);
	cr_assert(upstreams_seen(&ups, 2, &seen));
	cr_expect_not(seen.connected);
	int fd = accept_one();
	uint8_t t[1][20];

	questions_read(fd, t, 1);
	cr_assert(upstreams_seen(&ups, 2, &seen));
	cr_expect(seen.connected);
	cr_expect_eq(seen.dns_id, get_be16(t[0] + 2));
	ask(3, CORE_TLS); /* failed: it has no socket */
	cr_expect_not(upstreams_seen(&ups, 3, &seen));
	close(fd);
}

/* Those that go are kept while something is asked of them, all of them, and then no longer. */
Test(upstream_set, several_that_go_with_questions)
{
	struct upstream_conf both[2] = {ups.up[0]->conf, ups.up[0]->conf}, there = ups.up[0]->conf;
	uint8_t q[2][20], m[18] = {[2] = 1, [5] = 1, [17] = 2};
	struct core_ask a = {.id = 2, .proto = CORE_TCP, .upstream = 1, .query = m, .len = sizeof(m)};
	int fd[2];

	there.port = 9;
	both[1].has_source = true;
	both[1].source = both[1].addr;
	configure(both, 2);
	for (unsigned i = 0; i < 2; i++)
		upstreams_set_stats(&ups, i, &up_stats);
	struct upstream *up[2] = {ups.up[0], ups.up[1]};

	ask(1, CORE_TCP);
	fd[0] = accept_one();
	questions_read(fd[0], q, 1);
	upstreams_ask(&ups, &a);
	fd[1] = accept_one();
	questions_read(fd[1], q + 1, 1);
	configure(&there, 1);
	cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
	cr_assert(ups.retired && ups.retired->next_retired && !ups.retired->next_retired->next_retired);
	cr_expect(!up[0]->stats && !up[1]->stats, "their counters may be another's by now");
	for (int i = 0; i < 2; i++) {
		answer_write(fd[i], q[i]);
		while (stats.up_tcp_open > (uint64_t)(1 - i))
			cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	}
	cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
	cr_expect_null(ups.retired);
	cr_expect_eq(n_answers + n_fails, 0);
	/* and whatever is still there goes with the whole */
	configure(both, 2);
	ask(3, CORE_TCP);
	accept_one();
	configure(&there, 1);
	cr_assert(ups.retired);
	upstreams_release(&ups);
	cr_expect_null(ups.retired);
	cr_expect_eq(stats.up_tcp_open, 0);
	cr_expect_eq(loop_deadline(&loop), T_NEVER);
}

/* One that is not taken leaves all as it was. */
Test(upstream_set, a_set_that_is_discarded)
{
	struct upstream_conf conf[2] = {ups.up[0]->conf, ups.up[0]->conf};
	struct upstream *up = ups.up[0];
	struct upstreams_next *next;
	struct diag d = {""};
	long n = 0, kept;

	conf[0].port = 9;
	conf[0].tls_name = "a.test";
	kept = memory_kept;
	cr_assert_eq(upstreams_prepare(&ups, conf, 2, &next, &d), 0);
	upstreams_discard(next);
	upstreams_discard(NULL);
	cr_expect_eq(memory_kept, kept);
	for (bool is_short = NO_MEMORY_HERE; is_short; n++) {
		memory_fail(n, true);
		int err = upstreams_prepare(&ups, conf, 2, &next, &d);

		is_short = memory_back();
		if (!err)
			upstreams_discard(next);
		else
			cr_expect(err == ERR_NOMEM && strstr(d.text, "memory"), "%s", d.text);
		cr_expect_eq(memory_kept, kept, "allocation %ld", n);
	}
	cr_expect_eq(ups.up[0], up);
	cr_expect_eq(ups.n, 1);
	ask(1, CORE_TCP);
	answered_once(accept_one());
}

/* A quarter of the descriptors may be ports of single questions. */
Test(upstream_set, ports_by_descriptors)
{
	static const rlim_t have[] = {100000, 4096, 4095, 400, 3};
	static const unsigned want[] = {1024, 1024, 1023, 100, 0};
	struct upstream_events ev = {.answer = on_answer, .fail = on_fail};
	static struct upstreams other;
	struct rlimit before, r;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < sizeof(have) / sizeof(have[0]); i++) {
		if (have[i] > before.rlim_max)
			continue;
		r = (struct rlimit){.rlim_cur = have[i], .rlim_max = before.rlim_max};
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
		int err = upstreams_init(&other, &loop, &ev, &scratch, &stats);

		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
		cr_assert_eq(err, 0);
		cr_expect_eq(other.udp_single_max, want[i], "%lu: %u", (unsigned long)have[i], other.udp_single_max);
		upstreams_release(&other);
	}
}

Test(asks, rows_are_found_freed_and_taken_again)
{
	enum { N = 64 };
	struct asks t;
	struct ask *a[N];

	cr_assert_eq(asks_init(&t, N), 0);
	for (uint32_t i = 0; i < N; i++) { /* many of them in one bucket */
		a[i] = asks_new(&t, 1 + i * 977);
		cr_assert(a[i]);
		cr_expect_eq(a[i]->id, 1 + i * 977);
	}
	cr_expect_null(asks_new(&t, 5), "full");
	for (uint32_t i = 0; i < N; i++)
		cr_expect_eq(asks_find(&t, 1 + i * 977), a[i]);
	for (uint32_t i = 0; i < N; i += 3)
		asks_free(&t, a[i]);
	for (uint32_t i = 0; i < N; i++)
		cr_expect_eq(asks_find(&t, 1 + i * 977), i % 3 ? a[i] : NULL);
	for (uint32_t i = 0; i < N; i += 3)
		cr_expect(asks_new(&t, 2 + i * 977));
	cr_expect_null(asks_new(&t, 5), "full again");
	for (uint32_t i = 0; i < N; i += 3) {
		const struct ask *again = asks_find(&t, 2 + i * 977);

		cr_assert(again);
		cr_expect_eq(again->place, ASK_FREE, "nothing of who had it before");
		cr_expect_null(again->list_next);
	}
	asks_release(&t);
}
