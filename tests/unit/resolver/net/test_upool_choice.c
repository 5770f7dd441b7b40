/* SPDX-License-Identifier: Apache-2.0 */
/* Which connection of several takes a question, and what is noted of each; seen from within. */
#include "tests/fixtures/no_memory.h"
#include "tests/fixtures/upstream_world.h"

#include <errno.h>
#include <netinet/tcp.h>

#include "resolver/net/upool_conn.h"

TestSuite(upool_choice, .init = setup, .fini = teardown, .timeout = 30);

static uint8_t q[200][20];

static void pass(void)
{
	cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
}

/* The newest connection, once it is open. */
static struct upool_conn *opened(void)
{
	struct upool_conn *c = ups.up[0]->tcp.conns;

	while (c->state != CONN_OPEN)
		pass();
	return c;
}

/* Two that are open and asked nothing; the newer one stands first. */
static void two(struct upool_conn **older, struct upool_conn **newer, int fd[2])
{
	ask(1, CORE_TCP);
	fd[0] = accept_one();
	questions_read(fd[0], q, 1);
	*older = opened();
	(*older)->suspect = true;
	ask(2, CORE_TCP);
	fd[1] = accept_one();
	questions_read(fd[1], q + 1, 1);
	*newer = opened();
	cr_assert(*newer != *older && (*newer)->next == *older);
	answer_write(fd[0], q[0]);
	answer_write(fd[1], q[1]);
	until(&n_answers, 2);
	cr_expect_not((*older)->suspect, "it has been heard of");
	cr_expect_eq((*older)->ids.n + (*newer)->ids.n, 0);
}

/* Trusted before suspected, open before connecting, then the fewest in flight; the newer of equals. */
Test(upool_choice, who_takes_it)
{
	static const struct {
		bool suspect[2];
		enum conn_state state[2];
		unsigned more[2]; /* in flight already */
		int taker;
	} cases[] = {
		{{false, false}, {CONN_OPEN, CONN_OPEN}, {0, 0}, 1},
		{{false, false}, {CONN_OPEN, CONN_OPEN}, {0, 1}, 0},
		{{false, false}, {CONN_OPEN, CONN_OPEN}, {1, 0}, 1},
		{{false, false}, {CONN_OPEN, CONN_OPEN}, {1, 1}, 1},
		{{false, false}, {CONN_OPEN, CONN_CONNECTING}, {5, 0}, 0},
		{{false, false}, {CONN_CONNECTING, CONN_OPEN}, {0, 5}, 1},
		{{true, false}, {CONN_OPEN, CONN_CONNECTING}, {0, 5}, 1},
		{{false, true}, {CONN_CONNECTING, CONN_OPEN}, {5, 0}, 0},
		{{false, false}, {CONN_CONNECTING, CONN_CONNECTING}, {1, 2}, 0},
	};
	struct upool_conn *c[2];
	int fd[2];

	two(&c[0], &c[1], fd);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned before[2];

		for (int k = 0; k < 2; k++) {
			c[k]->suspect = cases[i].suspect[k];
			c[k]->state = cases[i].state[k];
			c[k]->ids.n += cases[i].more[k];
			before[k] = c[k]->ids.n;
		}
		ask(10 + i, CORE_TCP);
		for (int k = 0; k < 2; k++) {
			cr_expect_eq(c[k]->ids.n - before[k], k == cases[i].taker, "case %u, connection %d", i, k);
			c[k]->ids.n -= cases[i].more[k];
			c[k]->suspect = false;
			c[k]->state = CONN_OPEN;
			upool_touch(c[k]);
		}
		questions_read(fd[cases[i].taker], q, 1);
		answer_write(fd[cases[i].taker], q[0]);
		until(&n_answers, 3 + (int)i);
	}
	cr_expect_eq(stats.up_tcp_connects, 2);
}

/* Whoever takes none is passed over, wherever it stands. */
Test(upool_choice, who_takes_none)
{
	struct upool_conn *c[2];
	int fd[2];

	two(&c[0], &c[1], fd);
	c[1]->draining = true;
	ask(10, CORE_TCP);
	cr_expect_eq(c[0]->ids.n, 1);
	c[1]->draining = false;
	c[1]->ids.n += CONN_FULL;
	ask(11, CORE_TCP);
	cr_expect_eq(c[0]->ids.n, 2);
	c[1]->ids.n -= CONN_FULL;
	c[0]->ids.n += CONN_FULL - 3;
	c[1]->ids.n += CONN_FULL;
	ask(12, CORE_TCP);
	cr_expect_eq(c[0]->ids.n, CONN_FULL, "its last place");
	cr_expect_eq(stats.up_tcp_connects, 3, "and there will be a third");
	c[0]->ids.n -= CONN_FULL - 3;
	c[1]->ids.n -= CONN_FULL;
}

/* Another is opened beside the best at 128 in flight, not while one is opening, and eight at most. */
Test(upool_choice, how_many)
{
	struct upool_conn *c;

	ask(1, CORE_TCP);
	accept_one();
	c = opened();
	for (uint32_t id = 2; id <= 128; id++)
		ask(id, CORE_TCP);
	cr_expect_eq(stats.up_tcp_connects, 1);
	ask(129, CORE_TCP);
	cr_expect_eq(stats.up_tcp_connects, 2);
	cr_expect_eq(c->ids.n, 129, "the open one takes it");
	for (uint32_t id = 130; id <= 160; id++)
		ask(id, CORE_TCP);
	cr_expect_eq(stats.up_tcp_connects, 2, "one is opening");
	for (uint32_t id = 161; id <= 180; id++) {
		for (struct upool_conn *o = ups.up[0]->tcp.conns; o; o = o->next)
			o->suspect = true;
		ask(id, CORE_TCP);
	}
	cr_expect_eq(stats.up_tcp_connects, 8);
	cr_expect_eq(n_fails, 0);
}

/* With as many as there may be, none of which takes it: one that is kept apart does. */
Test(upool_choice, when_no_other_takes_it)
{
	struct upool *p = &ups.up[0]->tcp;

	for (uint32_t id = 1; id <= 8; id++) {
		for (struct upool_conn *o = p->conns; o; o = o->next)
			o->suspect = true;
		ask(id, CORE_TCP);
	}
	cr_assert_eq(p->n_conns, 8);
	for (struct upool_conn *o = p->conns; o; o = o->next)
		o->draining = o->next != NULL;
	struct upool_conn *last = p->conns;

	while (last->next)
		last = last->next;
	last->is_apart = true;
	unsigned before = last->ids.n;

	ask(9, CORE_TCP);
	cr_expect_eq(last->ids.n, before + 1);
	pass();
	cr_expect_eq(n_fails, 0);
	p->conns->draining = false;
	before = p->conns->ids.n;
	ask(10, CORE_TCP);
	cr_expect_eq(p->conns->ids.n, before + 1, "the other is kept for those that connections break under");
	p->conns->draining = last->draining = true;
	ask(11, CORE_TCP);
	pass();
	cr_expect_eq(n_fails, 1, "there is none");
	cr_expect_eq(p->n_conns, 8);
}

/* Silence counts from the question that nothing else was under way with. */
Test(upool_choice, since_when_it_is_silent)
{
	struct upstream_conf conf = ups.up[0]->conf;

	conf.quiet_ns = 700 * NS_PER_MS;
	conf.expire_ns = 60 * NS_PER_S;
	configure(&conf, 1);
	ask(1, CORE_TCP);
	int fd = accept_one();

	questions_read(fd, q, 1);
	struct upool_conn *c = opened();

	c->born_ns -= NS_PER_MS; /* nothing is older than its connection */
	uint64_t was = c->heard_ns = c->last_rx_ns = c->idle_ns = c->heard_ns - NS_PER_MS;

	upool_conn_timer_update(c);
	answer_write(fd, q[0]);
	until(&n_answers, 1);
	cr_expect_gt(c->heard_ns, was);
	cr_expect_eq(c->heard_ns, c->last_rx_ns);
	cr_expect_eq(c->idle_ns, c->last_rx_ns);
	cr_expect_leq(c->timer.at_ns, c->idle_ns + 60 * NS_PER_S);
	loop.now_ns += 5 * NS_PER_S;
	ask(2, CORE_TCP);
	cr_expect_eq(c->heard_ns, loop.now_ns);
	cr_expect_eq(c->n_asks, 1);
	cr_expect(c->timer.armed);
	cr_expect_leq(c->timer.at_ns, loop.now_ns + 700 * NS_PER_MS);
	loop.now_ns += NS_PER_MS;
	ask(3, CORE_TCP);
	cr_expect_eq(c->heard_ns, loop.now_ns - NS_PER_MS, "the second does not renew it");
	/* given up: soon, or after something was heard, it says nothing of the connection */
	upstreams_cancel(&ups, 3);
	cr_expect_not(c->suspect);
	cr_expect_eq(c->n_asks, 1);
	loop.now_ns += 400 * NS_PER_MS;
	c->last_rx_ns = loop.now_ns;
	upstreams_cancel(&ups, 2);
	cr_expect_not(c->suspect);
	ask(4, CORE_TCP);
	c->last_rx_ns = loop.now_ns;
	loop.now_ns += 300 * NS_PER_MS;
	upstreams_cancel(&ups, 4);
	cr_expect(c->suspect, "a third of a second without a word since");
}

/* Idle for its time it goes soon, however long a question would have waited. */
Test(upool_choice, deadlines_come_nearer)
{
	ask(1, CORE_TCP);
	int fd = accept_one();

	questions_read(fd, q, 1);
	struct upool_conn *c = opened();

	cr_expect_gt(c->timer.at_ns, loop.now_ns + NS_PER_S);
	cr_expect_gt(c->retire_ns, c->heard_ns + 80 * NS_PER_S, "three quarters of its age at least");
	cr_expect_leq(c->retire_ns, c->heard_ns + 120 * NS_PER_S);
	answer_write(fd, q[0]);
	until(&n_answers, 1);
	cr_expect_leq(c->timer.at_ns, c->idle_ns + 100 * NS_PER_MS);
	cr_expect_eq(c->n_answered, 1);
}

/* One that is too old takes no more, and is watched for silence all the same. */
Test(upool_choice, an_old_one_with_a_question)
{
	ask(1, CORE_TCP);
	questions_read(accept_one(), q, 1);
	struct upool_conn *c = opened();

	c->retire_ns = loop.now_ns;
	c->heard_ns = loop.now_ns;
	loop_timer_set(&loop, &c->timer, T_NEVER);
	c->timer.due(&c->timer);
	cr_expect(c->draining && !c->dead);
	cr_expect_eq(stats.up_tcp_aged, 1);
	cr_expect(c->timer.armed);
	cr_expect_eq(c->timer.at_ns, c->heard_ns + 2500 * NS_PER_MS);
	c->timer.due(&c->timer);
	cr_expect_eq(stats.up_tcp_aged, 1);
	c->heard_ns -= 3 * NS_PER_S;
	c->timer.due(&c->timer);
	cr_expect(c->dead);
	upstreams_flush(&ups);
	cr_expect_eq(n_fails, 1);
	cr_expect_eq(fail_why[0], CORE_FAIL_CLOSED);
}

/* One that never opens has failed for that. */
Test(upool_choice, one_that_does_not_open)
{
	ask(1, CORE_TCP);
	struct upool_conn *c = ups.up[0]->tcp.conns;

	cr_expect_eq(c->state, CONN_CONNECTING);
	cr_expect_eq(c->timer.at_ns, c->born_ns + 1500 * NS_PER_MS);
	c->timer.due(&c->timer);
	cr_expect_not(c->dead, "not yet");
	cr_expect(c->timer.armed);
	c->born_ns -= 2 * NS_PER_S;
	c->timer.due(&c->timer);
	upstreams_flush(&ups);
	cr_expect_eq(n_fails, 1);
	cr_expect_eq(fail_why[0], CORE_FAIL_UNREACHABLE);
	cr_expect_eq(stats.up_tcp_lost, 1);
	cr_expect_eq(stats.up_tcp_open, 0);
}

/* What ended after answers does not make the others suspect. */
Test(upool_choice, an_end_after_answers_says_nothing_of_others)
{
	struct upool_conn *c[2];
	int fd[2];

	two(&c[0], &c[1], fd);
	c[1]->ids.n++;
	ask(10, CORE_TCP);
	c[1]->ids.n--;
	questions_read(fd[0], q, 1);
	close(fd[0]);
	until(&n_fails, 1);
	cr_expect_eq(fail_why[0], CORE_FAIL_ENDED);
	cr_expect_eq(stats.up_tcp_open, 1);
	cr_expect_not(c[1]->suspect);
	ask(11, CORE_TCP);
	cr_expect_eq(c[1]->ids.n, 1);
	cr_expect_eq(stats.up_tcp_connects, 2);
}

Test(upool_choice, how_its_socket_is)
{
	int on = 0;
	unsigned ms = 0;
	socklen_t len = sizeof(on);

	ask(1, CORE_TCP);
	struct upool_conn *c = ups.up[0]->tcp.conns;

	cr_assert_eq(getsockopt(c->watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	cr_expect(on);
	cr_assert_eq(getsockopt(c->watch.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len), 0);
	cr_expect_eq(ms, 2000);
	cr_expect(fcntl(c->watch.fd, F_GETFD) & FD_CLOEXEC);
}

/* A source address that is not ours: no socket, over either, and nobody has to give a descriptor for it. */
static unsigned n_wanted;

static bool on_wanted(void *ctx)
{
	(void)ctx;
	n_wanted++;
	return false;
}

Test(upool_choice, a_source_that_is_not_ours)
{
	struct upstream_conf conf = ups.up[0]->conf;
	int next = dup(0);

	close(next);
	ups.events.descriptor_make = on_wanted;
	conf.has_source = true;
	conf.source = conf.addr;
	conf.source.s6_addr32[3] = htonl(0xc0000201); /* 192.0.2.1 */
	configure(&conf, 1);
	ask(1, CORE_TCP);
	ask(2, CORE_UDP);
	until(&n_fails, 2);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(fail_why[i], CORE_FAIL_NOSOCKET);
	cr_expect_eq(n_wanted, 0);
	cr_expect_eq(dup(0), next, "nothing stays open");
	close(next);
}

/* Where others are there still, that one cannot be opened is our own want. */
Test(upool_choice, none_beside_those_that_drain)
{
	ask(1, CORE_TCP);
	int fd = accept_one();

	questions_read(fd, q, 1);
	struct upool_conn *c = opened();
	struct upstream *up = ups.up[0];

	c->draining = true;
	up->conf.has_source = true;
	up->conf.source = up->conf.addr;
	up->conf.source.s6_addr32[3] = htonl(0xc0000201);
	ask(2, CORE_TCP);
	until(&n_fails, 1);
	cr_expect_eq(fail_why[0], CORE_FAIL_NOSOCKET);
	cr_expect_eq(fail_id[0], 2);
	up->conf.has_source = false;
}

static const struct {
	int err_no;
	enum core_fail_why why;
} whys[] = {{ECONNREFUSED, CORE_FAIL_REFUSED}, {ECONNRESET, CORE_FAIL_CLOSED}, {EPIPE, CORE_FAIL_CLOSED},
	    {EMFILE, CORE_FAIL_NOSOCKET}, {ENFILE, CORE_FAIL_NOSOCKET}, {ENOMEM, CORE_FAIL_NOSOCKET},
	    {ENOBUFS, CORE_FAIL_NOSOCKET}, {EADDRNOTAVAIL, CORE_FAIL_NOSOCKET}, {EAGAIN, CORE_FAIL_NOSOCKET},
	    {ENETUNREACH, CORE_FAIL_UNREACHABLE}, {EHOSTUNREACH, CORE_FAIL_UNREACHABLE}, {0, CORE_FAIL_UNREACHABLE}};

static bool on_given(void *ctx)
{
	n_wanted++;
	return ctx != NULL;
}

Test(upool_choice, what_an_error_means)
{
	for (size_t i = 0; i < sizeof(whys) / sizeof(whys[0]); i++) {
		bool want = whys[i].err_no == EMFILE || whys[i].err_no == ENFILE;

		cr_expect_eq(upstream_why(whys[i].err_no), whys[i].why, "%d", whys[i].err_no);
		n_wanted = 0;
		ups.events.descriptor_make = NULL;
		cr_expect_not(upstream_descriptor_make(&ups, whys[i].err_no));
		ups.events.descriptor_make = on_given;
		ups.events.ctx = NULL;
		cr_expect_not(upstream_descriptor_make(&ups, whys[i].err_no));
		ups.events.ctx = &ups;
		cr_expect_eq(upstream_descriptor_make(&ups, whys[i].err_no), want, "%d", whys[i].err_no);
		cr_expect_eq(n_wanted, want ? 2 : 0);
	}
}

/* --- answers within which the core does something --- */

static uint32_t next_id;
static bool takes;

static bool on_answer_cancel(void *ctx, uint32_t id, const uint8_t *b, size_t len)
{
	(void)ctx;
	(void)len;
	upstreams_cancel(&ups, id);
	if (next_id)
		ask(next_id, b[len - 1] & 1 ? CORE_TCP : CORE_UDP); /* may get the row of who went */
	n_answers++;
	return takes;
}

/* Cancelled by itself, and another in its place: that one is none the worse. */
Test(upool_choice, what_goes_while_its_answer_is_told)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t b[18];
	int fd = -1;

	for (int i = 0; i < 4; i++) {
		takes = i / 2;
		ups.events.answer = on_answer_cancel;
		next_id = 100 + (uint32_t)i * 2 + (uint32_t)(i % 2);
		n_answers = 0;
		if (i % 2) {
			ask(1, CORE_TCP);
			if (fd < 0)
				fd = accept_one();
			questions_read(fd, q, 1);
			answer_write(fd, q[0]);
		} else {
			ask(2, CORE_UDP);
			pass();
			cr_assert_eq(recvfrom(udp_fd, b, 18, 0, (struct sockaddr *)&from, &len), 18);
			b[2] |= 0x80;
			cr_assert_eq(sendto(udp_fd, b, 18, 0, (struct sockaddr *)&from, len), 18);
		}
		until(&n_answers, 1);
		upstreams_flush(&ups);
		ups.events.answer = on_answer;
		n_answers = 0;
		cr_expect(asks_find(&ups.asks, next_id), "case %d", i);
		if (i % 2) {
			questions_read(fd, q, 1);
			answer_write(fd, q[0]);
		} else {
			while (recvfrom(udp_fd, b, 18, 0, (struct sockaddr *)&from, &len) != 18)
				pass();
			b[2] |= 0x80;
			cr_assert_eq(sendto(udp_fd, b, 18, 0, (struct sockaddr *)&from, len), 18);
		}
		until(&n_answers, 1);
		cr_expect_eq(answer_id[0], next_id);
		cr_expect_null(asks_find(&ups.asks, next_id));
		cr_expect_null(asks_find(&ups.asks, 1 + (uint32_t)!(i % 2)));
	}
	cr_expect_eq(n_fails, 0);
	cr_expect_eq(stats.up_tcp_strays + stats.up_udp_strays, 0, "nobody forged anything");
	cr_expect_eq(stats.up_tcp_connects, 1);
}
