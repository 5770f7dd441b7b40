/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker that forwards: questions and answers pass between its two sides, it leaves
 * while somebody waits, and it bears that memory is short at any moment.
 */
#include "tests/fixtures/no_memory.h"
#include "tests/fixtures/server_world.h"

static int up_udp, up_tcp, up_conn[8]; /* the upstream's: what it has accepted */
static unsigned n_conns, n_asked[2];
static bool up_is_silent;
static uint16_t up_port;

static void upstream_open(void)
{
	up_port = pair_open(&up_udp, &up_tcp);
	n_conns = n_asked[0] = n_asked[1] = 0;
	up_is_silent = false;
}

static void upstream_close(void)
{
	close(up_udp);
	close(up_tcp);
	up_udp = up_tcp = -1;
	while (n_conns)
		close(up_conn[--n_conns]);
}

static void setup(void)
{
	world_setup();
	upstream_open();
}

static void teardown(void)
{
	upstream_close();
	world_teardown();
}

TestSuite(server_asks, .init = setup, .fini = teardown, .timeout = 120);

/* A 192.0.2.9 to the question in q[0..n). */
static size_t answer_make(uint8_t *q, size_t n)
{
	static const uint8_t rr[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 9};
	struct dns_msg m;

	cr_assert_eq(dns_msg_parse(&m, q, n), 0);
	memcpy(q + m.answer_off, rr, sizeof(rr));
	q[2] = 0x81;
	q[3] = 0x80;
	q[7] = 1;
	memset(q + 8, 0, 4);
	return m.answer_off + sizeof(rr);
}

static void upstream_serve(void)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	uint8_t b[600];
	ssize_t n;
	int fd;

	while (n_conns < 8 && (fd = accept4(up_tcp, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		up_conn[n_conns++] = fd;
	if (up_is_silent)
		return;
	while ((n = recvfrom(up_udp, b, sizeof(b), 0, (struct sockaddr *)&from, &from_len)) > 0) {
		n_asked[0]++;
		sendto(up_udp, b, answer_make(b, (size_t)n), 0, (struct sockaddr *)&from, from_len);
	}
	for (unsigned i = 0; i < n_conns; i++)
		while ((n = recv(up_conn[i], b, sizeof(b), 0)) > 2) {
			size_t len = answer_make(b + 2, (size_t)n - 2);

			n_asked[1]++;
			set_be16(b, (uint16_t)len);
			send(up_conn[i], b, len + 2, MSG_NOSIGNAL);
		}
}

static void turn(void)
{
	loop_step(&loop, loop.now_ns + 2 * NS_PER_MS);
	upstream_serve();
}

/* The last octet of the answer's address, minus its RCODE without one, or -200 after `ms`. */
static int heard(int fd, bool tcp, unsigned ms)
{
	uint64_t start = clock_mono_ns();
	uint8_t b[512];

	/* where memory was short there may be nothing to wait for */
	while (clock_mono_ns() < start + (memory_failed && ms > 15 ? 15 : ms) * NS_PER_MS) {
		ssize_t n = recv(fd, b, sizeof(b), 0);

		if (n > 12)
			return b[(tcp ? 2 : 0) + 7] ? b[n - 1] : -(b[(tcp ? 2 : 0) + 3] & 15);
		if (n == 0)
			return -100;
		turn();
	}
	return -200;
}

static struct corefile_plan *plan_forward(uint16_t port, const char *options, const char *more)
{
	char text[600];

	snprintf(text, sizeof(text), ".:%u {\n bind 127.0.0.1\n forward . 127.0.0.1:%u {\n%s\n }\n%s\n}\n", port, up_port, options, more);
	return plan_of(text);
}

Test(server_asks, answers_pass)
{
	struct server_sockets sk = {0};
	uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);
	int udp, tcp;

	cr_expect_null(server_core(server));
	cr_expect_null(server_plan(server));
	struct corefile_plan *p = plan_forward(port, "prefer_udp", "");

	configure(p, &sk);
	cr_expect(server_core(server));
	cr_expect_eq(server_plan(server), p);
	udp = client_open(port, SOCK_DGRAM);
	tcp = client_open(port, SOCK_STREAM);
	ask(udp, false);
	cr_expect_eq(heard(udp, false, 5000), 9);
	ask(tcp, true);
	cr_expect_eq(heard(tcp, true, 5000), 9);
	cr_expect(n_asked[0] == 2 && n_asked[1] == 0, "%u %u", n_asked[0], n_asked[1]);
	cr_expect_eq(stats_upstream_of(&shm->core, 0)->asks[CORE_UDP], 2);
	cr_expect_eq(stats_upstream_of(&shm->core, 0)->conn_misses[CORE_UDP] + stats_upstream_of(&shm->core, 0)->conn_hits[CORE_UDP], 2);
	/* the same upstream by TCP, and its counters go on */
	struct server_sockets twin = {.udp = {dup(sk.udp[0])}, .tcp = {dup(sk.tcp[0])}};

	configure(plan_forward(port, "force_tcp", "cache 30"), &twin);
	for (int i = 0; i < 3; i++) {
		ask(udp, false);
		cr_expect_eq(heard(udp, false, 5000), 9);
	}
	ask(tcp, true);
	cr_expect_eq(heard(tcp, true, 5000), 9);
	cr_expect_eq(n_asked[1], 1, "%u", n_asked[1]);
	cr_expect_eq(stats_upstream_of(&shm->core, 0)->asks[CORE_TCP], 1);
	cr_expect_eq(stats_upstream_of(&shm->core, 0)->conn_misses[CORE_TCP], 1);
	close(udp);
	close(tcp);
	while (!server_idle(server))
		turn();
}

/* Where nobody listens the answer is SERVFAIL, soon. */
Test(server_asks, nobody_there)
{
	struct server_sockets sk = {0};
	uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);
	char path[] = "/tmp/server-errors-XXXXXX", text[1000] = "";
	int udp, tcp, log = mkstemp(path), out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);

	unlink(path);
	upstream_close();
	configure(plan_forward(port, "prefer_udp", "errors"), &sk);
	udp = client_open(port, SOCK_DGRAM);
	tcp = client_open(port, SOCK_STREAM);
	cr_assert(dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0);
	ask(udp, false);
	int over_udp = heard(udp, false, 5000);

	ask(tcp, true);
	int over_tcp = heard(tcp, true, 5000);

	for (int i = 0; i < 3; i++)
		turn();
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	cr_expect_eq(over_udp, -DNS_SERVFAIL);
	cr_expect_eq(over_tcp, -DNS_SERVFAIL);
	cr_expect_gt(pread(log, text, sizeof(text) - 1, 0), 0);
	cr_expect(strstr(text, "plugin/errors: 2 ab. A: "), "%s", text);
	close(log);
	close(out);
	close(err);
	close(udp);
	close(tcp);
	upstream_open();
}

/* With somebody waiting UDP's socket stays for the reply; without, or when it must be now, it goes. */
Test(server_asks, leaving)
{
	for (int must = 0; must < 2; must++) {
		struct server_sockets sk = {0};
		uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);
		int udp, tcp, before;

		configure(plan_forward(port, "prefer_udp", ""), &sk);
		cr_expect(server_idle(server));
		udp = client_open(port, SOCK_DGRAM);
		up_is_silent = true;
		ask(udp, false);
		while (!shm->core.waiters)
			turn();
		cr_expect_not(server_idle(server));
		before = lowest_fd();
		cr_expect_eq(server_leave(server, true, must), must);
		cr_expect_neq(lowest_fd(), before, "TCP's is closed");
		tcp = client_open(port, SOCK_STREAM);
		cr_expect(tcp < 0 || heard(tcp, true, 20) < 0);
		if (tcp >= 0)
			close(tcp);
		up_is_silent = false;
		cr_expect_eq(heard(udp, false, must ? 300 : 5000), must ? -200 : 9);
		while (shm->core.waiters)
			turn();
		cr_expect(server_leave(server, true, false), "and now nobody waits");
		cr_expect(fcntl(sk.udp[0], F_GETFD) < 0, "closed");
		cr_expect_eq(server_serve(server, &d), 0);
		ask(udp, false);
		cr_expect_lt(heard(udp, false, 30), 0);
		close(udp);
		world_teardown();
		world_setup();
	}
}

/* Who asked at a listener that went is told so from there, and nothing by the one that has its place now. */
Test(server_asks, a_place_that_is_taken_over)
{
	struct server_sockets sk = {0}, none = {0}, next = {0};
	uint16_t port[3] = {pair_open(&sk.udp[0], &sk.tcp[0]), pair_open(&sk.udp[1], &sk.tcp[1]), 0};
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port[0])};
	int client = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char text[600];

	snprintf(text, sizeof(text), ".:%u .:%u {\n bind 127.0.0.1\n forward . 127.0.0.1:%u\n}\n", port[0], port[1], up_port);
	configure(plan_of(text), &sk);
	up_is_silent = true;
	cr_assert_gt(sendto(client, query + 2, sizeof(query) - 2, 0, (struct sockaddr *)&sa, sizeof(sa)), 0);
	while (!shm->core.waiters)
		turn();
	none.udp[0] = dup(sk.udp[1]);
	none.tcp[0] = dup(sk.tcp[1]);
	configure(plan_forward(port[1], "", ""), &none);
	cr_expect_eq(heard(client, false, 5000), -DNS_SERVFAIL);
	next.udp[0] = dup(sk.udp[1]);
	next.tcp[0] = dup(sk.tcp[1]);
	port[2] = pair_open(&next.udp[1], &next.tcp[1]);
	snprintf(text, sizeof(text), ".:%u .:%u {\n bind 127.0.0.1\n forward . 127.0.0.1:%u\n}\n", port[1], port[2], up_port);
	configure(plan_of(text), &next);
	cr_expect_eq(shm->core.waiters, 0);
	for (int i = 0; i < 5; i++)
		turn();
	uint8_t b[512];

	cr_expect_lt(recv(client, b, sizeof(b), 0), 0, "from a port that it has not asked");
	close(client);
}

/* One life: made, configured, asked over both, ended. What fails says so, and nothing is kept. */
static bool life(long n, bool gone)
{
	static const char *const names[] = {"prefer_udp", "force_tcp"};
	bool is_short = false;

	for (int i = 0; i < 2; i++) {
		struct server_sockets sk = {0};
		uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);
		struct corefile_plan *p = plan_forward(port, names[i], "errors");
		int udp = client_open(port, SOCK_DGRAM), tcp = client_open(port, SOCK_STREAM), heard_of = 0;
		struct server *s = NULL;

		memory_fail(n, gone);
		d.text[0] = 0;
		int err = server_new(&s, &loop, shm, &probes, &d);

		if (err == 0) {
			server = s;
			err = server_configure(s, &p, &sk, &d);
			if (err)
				cr_assert(p, "still the caller's");
		}
		if (err) {
			is_short |= memory_back();
			cr_assert(is_short && d.text[0], "allocation %ld: %d %s", n, err, d.text);
			close(sk.udp[0]);
			close(sk.tcp[0]);
		} else {
			cr_assert(!p);
			send(udp, query + 2, sizeof(query) - 2, 0);
			send(tcp, query, sizeof(query), MSG_NOSIGNAL);
			for (int k = 0; k < 2; k++) {
				heard_of += heard(udp, false, k ? 1 : 5000) >= -DNS_SERVFAIL;
				heard_of += heard(tcp, true, k ? 1 : 5000) >= -100;
			}
			is_short |= memory_back();
			cr_assert(is_short || heard_of >= 2, "answered without want: %d", heard_of);
		}
		server_free(s);
		corefile_plan_free(p);
		server = NULL;
		close(udp);
		close(tcp);
		while (n_conns)
			close(up_conn[--n_conns]);
	}
	return is_short;
}

Test(server_asks, memory_is_short)
{
	if (!NO_MEMORY_HERE)
		cr_skip_test("the sanitizer has its own heap");
	server_free(server);
	server = NULL;
	life(100000, false); /* what libraries keep is kept now */
	for (int gone = 0; gone < 2; gone++) {
		bool is_short = true;
		int fds = lowest_fd();

		for (long n = 0; is_short; n++) {
			cr_assert_lt(n, 2000);
			memset(shm, 0, sizeof(*shm));
			long kept = memory_kept;

			is_short = life(n, gone);
			cr_assert_leq(memory_kept - kept, 0, "%ld pieces are kept of allocation %ld", memory_kept - kept, n);
			cr_assert_eq(lowest_fd(), fds, "a descriptor is kept of allocation %ld", n);
		}
	}
	cr_assert_eq(server_new(&server, &loop, shm, &probes, &d), 0);
}
