/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server with clients that are slow, silent, endless or many. */
#include "tests/fixtures/http_world.h"

TestSuite(http, .init = http_setup, .fini = http_teardown, .timeout = 20);

Test(http, one_connection_answers_many_requests)
{
	char b[4096];
	int fd = client();
	talk(fd, "GET /hello?you HTTP/1.1\r\nHost: x\r\n\r\n", b, sizeof(b));
	cr_assert(strstr(b, "HTTP/1.1 200 OK\r\n") == b, "%s", b);
	cr_assert(strstr(b, "Content-Length: 16\r\n"));
	cr_assert(strstr(b, "\r\n\r\nhello you mask 2"));
	talk(fd, "HEAD /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	cr_assert(strstr(b, "Content-Length: 13\r\n"));
	cr_assert(!strstr(b, "mask"));
	talk(fd, "GET /nowhere HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	cr_assert(strstr(b, "404 Not Found"));
	cr_assert(strstr(b, "hello "), "what was pipelined is answered too");
	close(fd);
}

Test(http, connections_end_when_either_side_says_so)
{
	static const char *const last[] = {
		"GET /hello HTTP/1.0\r\n\r\n", "GET /hello HTTP/1.1\r\nConnection: Close\r\n\r\n",
		"GET /bye HTTP/1.1\r\n\r\n",   "POST /hello HTTP/1.1\r\n\r\n",
		"GET hello HTTP/1.1\r\n\r\n",  "\r\n\r\n",
		"GET /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
	};
	char b[4096];
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		int fd = client();
		talk(fd, last[i], b, sizeof(b));
		cr_assert(strstr(b, "Connection: close\r\n"), "%zu: %s", i, b);
		cr_assert_eq(recv(fd, b, sizeof(b), MSG_DONTWAIT), 0, "%zu", i);
		close(fd);
	}
}

Test(http, an_endless_header_is_refused)
{
	char b[4096], big[9000];
	int fd = client();
	memset(big, 'a', sizeof(big));
	memcpy(big, "GET / HTTP/1.1\r\nX: ", 19);
	big[8500] = 0;
	talk(fd, big, b, sizeof(b));
	cr_assert(strstr(b, "HTTP/1.1 431 "), "%s", b);
	close(fd);
}

Test(http, a_large_body_comes_whole_through_a_slow_reader)
{
	static char b[(8 << 20) + 4096];
	size_t have = 0;
	http_teardown();
	begin(60 * NS_PER_S); /* eight MiB in slices: as long as a loaded machine takes */
	int fd = client();
	send(fd, "GET /large HTTP/1.1\r\nConnection: close\r\n\r\n", 42, 0);
	for (;;) {
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
		ssize_t n = recv(fd, b + have, sizeof(b) - have, MSG_DONTWAIT);
		if (n == 0)
			break;
		have += n > 0 ? (size_t)n : 0;
	}
	cr_assert_gt(have, 8u << 20);
	close(fd);
}

Test(http, the_longest_idle_makes_room_and_silent_ones_end)
{
	int fd[6], closed = 0;
	char b[4096];
	fd[0] = client();
	talk(fd[0], "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	for (int i = 1; i < 4; i++)
		fd[i] = client();
	talk(fd[0], "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b)); /* of use later than the three */
	for (int i = 4; i < 6; i++)
		fd[i] = client();
	steps_until(&http_counted(server)->evicted, 2);
	cr_assert_eq(http_counted(server)->refused, 0);
	cr_assert(ended(fd[1]) && ended(fd[2]), "those that never asked, the first of them first");
	talk(fd[5], "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	cr_assert(strstr(b, "200 OK"), "the newcomer is served: %s", b);
	talk(fd[0], "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	cr_assert(strstr(b, "200 OK"), "who was of use stays: %s", b);
	while (closed < 6) { /* the others by their timers */
		loop_step(&loop, loop.now_ns + 10 * NS_PER_MS);
		closed = 0;
		for (int i = 0; i < 6; i++)
			closed += ended(fd[i]);
	}
	cr_expect_eq(http_counted(server)->open, 0);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
}

/* What it has not taken does not stay with the kernel either: it is reset. */
Test(http, one_that_takes_nothing)
{
	static char b[8 << 20];
	int fd = client(), size = 4096;
	ssize_t n;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	send(fd, "GET /large HTTP/1.1\r\n\r\n", 23, 0);
	steps_until(&http_counted(server)->slow, 1);
	cr_expect_eq(http_counted(server)->open, 0);
	while ((n = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0)
		;
	cr_expect(n < 0 && errno == ECONNRESET, "%s", strerror(errno));
	close(fd);
	fd = client(); /* and who is gone in the middle is closed */
	send(fd, "GET /large HTTP/1.1\r\n\r\n", 23, 0);
	while (n_handled < 2)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_expect_eq(http_counted(server)->open, 1);
	close(fd);
	while (http_counted(server)->open)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_expect_eq(http_counted(server)->slow, 1, "before its time");
}

Test(http, the_time_for_a_request_is_not_renewed_by_its_octets)
{
	int fd = client();
	uint64_t start_ns = loop.now_ns;
	while (!ended(fd)) {
		send(fd, "G", 1, MSG_NOSIGNAL);
		for (uint64_t then_ns = loop.now_ns + 10 * NS_PER_MS; loop.now_ns < then_ns;)
			loop_step(&loop, then_ns);
		cr_assert_lt(loop.now_ns, start_ns + 10 * NS_PER_S, "a drip keeps its connection");
	}
	cr_expect_eq(http_counted(server)->slow, 1);
	close(fd);
}

/* 300 requests at once on each of two connections, each a millisecond of work. */
Test(http, a_round_answers_what_its_slice_has_room_for)
{
	enum { N = 300 };
	static char text[N * 25 + 1], b[N * 300];
	int fd[2] = { client(), client() };
	unsigned before, most = 0;
	size_t have = 0;
	for (int i = 0; i < N; i++)
		strcat(text, "GET /wait HTTP/1.1\r\n\r\n");
	work_ms = 1;
	for (int i = 0; i < 2; i++)
		cr_assert_eq(send(fd[i], text, strlen(text), 0), (ssize_t)strlen(text));
	while (n_handled < 2 * N) {
		before = n_handled;
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_S), 0);
		if (n_handled - before > most)
			most = n_handled - before;
		ssize_t n;
		while ((n = recv(fd[0], b, sizeof(b), MSG_DONTWAIT)) > 0)
			have += (size_t)n;
		while (recv(fd[1], b, sizeof(b), MSG_DONTWAIT) > 0)
			;
	}
	cr_expect_gt(have, 0);
	cr_expect_leq(most, 6, "%u in a round", most);
	cr_expect_geq(http_counted(server)->deferred, 2 * N / 6);
	for (int i = 0; i < 2; i++)
		close(fd[i]);
}

Test(http, what_is_put_off_is_asked_again_and_keeps_nobody_waiting)
{
	char b[4096] = "";
	int fd[2] = { client(), client() };
	put_off = true;
	send(fd[0], "GET /wait HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\n", 45, 0);
	while (n_handled < 1)
		loop_step(&loop, loop.now_ns + NS_PER_MS);
	talk(fd[1], "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	cr_assert(strstr(b, "200 OK"));
	cr_assert_eq(recv(fd[0], b, sizeof(b), MSG_DONTWAIT), -1);
	close(fd[1]);
	fd[1] = client();
	send(fd[1], "GET /wait HTTP/1.1\r\n\r\n", 22, 0);
	while (n_handled < 3)
		loop_step(&loop, loop.now_ns + NS_PER_MS);
	close(fd[1]); /* while it is put off */
	put_off = false;
	http_resume(server);
	talk(fd[0], "", b, sizeof(b));
	cr_assert(strstr(b, "200 OK"), "%s", b);
	cr_assert(strstr(b, "hello "), "and what came behind it: %s", b);
	close(fd[0]);
}

Test(http, a_connection_of_a_listener_that_is_gone_ends)
{
	char b[4096];
	int fd = client(), half = client();
	talk(fd, "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	cr_assert(strstr(b, "mask 2"));
	send(half, "GET /hello HT", 13, 0);
	loop_step(&loop, loop.now_ns + 20 * NS_PER_MS);
	http_mark(server);
	http_sweep(server);
	cr_assert(ended(fd));
	talk(half, "TP/1.1\r\n\r\n", b, sizeof(b));
	cr_assert(strstr(b, "Connection: close") && strstr(b, "mask 2"), "what has begun is finished: %s", b);
	close(fd);
	close(half);
}

Test(http, listeners_follow_the_configuration)
{
	struct diag d;
	char b[4096];
	http_mark(server);
	cr_assert_eq(http_listen(server, &local, port, 0, 4, &d), 0);
	cr_assert_eq(http_listen(server, &local, port, 0, 1, &d), 0);
	http_sweep(server);
	int fd = client();
	talk(fd, "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	cr_assert(strstr(b, "mask 5"));
	close(fd);
	http_mark(server);
	http_sweep(server);
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, &local, port, 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(fd, &sa.sa, len), -1);
	close(fd);
}

Test(http, a_taken_port_is_said_with_who_has_it)
{
	struct http_server *other = http_new(&loop, NULL, handle, NULL);
	struct diag d = { "" };
	char own[64];
	FILE *f = fopen("/proc/self/comm", "r");
	cr_assert(f && fgets(own, 17, f));
	fclose(f);
	own[strcspn(own, "\n")] = 0;
	sprintf(own + strlen(own), ", pid %d)", (int)getpid());
	cr_expect_eq(http_listen(other, &local, port, 0, 2, &d), ERR_SYS);
	cr_expect(strstr(d.text, "Address already in use (taken by ") && strstr(d.text, own), "%s, not %s", d.text, own);
	cr_expect_lt(http_listen(other, &in6addr_any, port, 0, 2, &d), 0, "a wider one");
	cr_expect(strstr(d.text, own), "%s", d.text);
	http_free(other);
}

/* Addresses that are not there yet, of either family; and what the limits are where nobody says. */
Test(http, addresses_that_come_later)
{
	static const char *const text[] = { "192.0.2.77", "2001:db8::77", "::1" };
	struct http_limits l;
	struct diag d = { "" };
	for (size_t i = 0; i < 3; i++) {
		struct in6_addr a;
		uint16_t none;
		cr_assert_eq(sockaddr_parse(text[i], 1, &a, &none), 0);
		cr_expect_eq(http_listen(server, &a, port_free(), 0, 1, &d), 0, "%s: %s", text[i], d.text);
	}
	http_limits_default(&l);
	cr_expect(l.header_ns == 5 * NS_PER_S && l.idle_ns == 30 * NS_PER_S && l.write_ns == 10 * NS_PER_S);
	cr_expect(l.conns_share < l.node_max && l.node_max < l.conns_max && l.work_ns < l.slice_ns);
}
