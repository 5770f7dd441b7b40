/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP endpoints of a supervisor that the test is: what workers count is added up and shown
 * under its name, who is told what in which phase, and which addresses are listened at.
 */
#include "resolver/supervisor/endpoints.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/net/sockaddr.h"
#include "tests/fixtures/corefile_util.h"
#include "tests/fixtures/own_net.h"

enum { N = 3 };
static struct node_flags flags;
static struct process p;
static struct rules rules;
static struct endpoints e;
static struct sockets sockets;
static struct workers workers;
static struct handover_host host;
static const struct rules_hooks hooks;
static struct diag d;
static char addr[32], page[64];

static void setup(void)
{
	log_setup("test", LOG_STYLE_BOOT, LOG_LVL_INFO);
	snprintf(addr, sizeof(addr), "127.%u.%u.1", 80 + (unsigned)getpid() / 256 % 128, (unsigned)getpid() % 256);
	snprintf(page, sizeof(page), "%s:9353", addr);
	flags = (struct node_flags){.metrics_listen = page, .debug_top = DEBUG_TOP_OFF, .interface_name = "none", .sync_interval_ns = 3600 * NS_PER_S};
	p = (struct process){.flags = &flags, .phase = PHASE_SERVING, .good = true};
	p.handover = handover_new(&host);
	cr_assert_eq(loop_init(&p.loop, &d), 0);
	if (node_open(&p.node, &flags, &d))
		cr_skip_test("no netlink here");
	p.shm = calloc(1, sizeof(*p.shm) + N * sizeof(p.shm->worker[0]));
	cr_assert_eq(workers_init(&workers, &p.loop, p.shm, &sockets, N, 53), 0);
	cr_assert_eq(rules_start(&rules, &p, -1, &hooks, &rules, &d), 0);
	cr_assert_eq(endpoints_start(&e, &p, &rules, &sockets, &workers, &d), 0);
}

static void teardown(void)
{
	endpoints_release(&e);
	rules_release(&rules);
	node_close(p.node);
	handover_free(p.handover);
	loop_release(&p.loop);
	free(p.shm);
}

TestSuite(endpoints, .init = setup, .fini = teardown, .timeout = 60);

static char body[1 << 17];

/* Status and text; 0: nobody listens. `own`: as a process of the node, else as who is not of it. */
static int got(unsigned port, const char *path)
{
	struct in6_addr a = addr_of(addr);
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, &a, (uint16_t)port, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), n, status = 0;
	char ask[200];
	size_t have = 0;
	ssize_t k;

	if (connect(fd, &sa.sa, len) < 0) {
		close(fd);
		return 0;
	}
	n = snprintf(ask, sizeof(ask), "GET %s HTTP/1.1\r\nConnection: close\r\n\r\n", path);
	cr_assert_eq(write(fd, ask, (size_t)n), n);
	for (;;) {
		cr_assert_eq(loop_step(&p.loop, p.loop.now_ns + 2 * NS_PER_MS), 0);
		while ((k = recv(fd, body + have, sizeof(body) - 1 - have, MSG_DONTWAIT)) > 0)
			have += (size_t)k;
		if (k == 0)
			break;
	}
	close(fd);
	body[have] = 0;
	cr_assert_eq(sscanf(body, "HTTP/1.1 %d", &status), 1);
	char *text = strstr(body, "\r\n\r\n");

	memmove(body, text + 4, strlen(text + 4) + 1);
	return status;
}

static bool says(unsigned port, const char *path, int status, const char *text)
{
	return got(port, path) == status && strcmp(body, text) == 0;
}

/* What stands behind this series of the page that was read last; -1: it is not there. */
static double shown(const char *series)
{
	char line[200];

	snprintf(line, sizeof(line), "\n%s ", series);
	char *at = strstr(body, line);

	return at ? atof(at + strlen(line)) : -1;
}

#define FIELD(f) offsetof(struct driver_stats, f)

/* Each counter of each worker has a number of its own: the sum is under the right name. */
Test(endpoints, what_workers_count_is_added_up)
{
	static const struct {
		size_t at, at2;
		const char *series;
	} of[] = {
		{FIELD(tcp_open), 0, "nodens_tcp_clients"},
		{FIELD(tcp_refused_total), FIELD(tcp_refused_client), "nodens_tcp_clients_rejected_total"},
		{FIELD(tcp_evicted), 0, "nodens_tcp_clients_evicted_total"},
		{FIELD(tcp_held_bytes), 0, "nodens_tcp_clients_held_bytes"},
		{FIELD(tcp_held_up), 0, "nodens_tcp_clients_held_up_total"},
		{FIELD(tcp_slow_readers), 0, "nodens_tcp_clients_slow_total"},
		{FIELD(tcp_resets), 0, "nodens_tcp_clients_over_share_total"},
		{FIELD(tcp_put_off), 0, "nodens_tcp_clients_put_off_total"},
		{FIELD(udp_send_errors), 0, "nodens_udp_send_errors_total"},
		{FIELD(udp_stuck), 0, "nodens_udp_unreachable_total"},
		{FIELD(up_tcp_open), 0, "nodens_upstream_connections"},
		{FIELD(up_tcp_connects), 0, "nodens_upstream_connects_total"},
		{FIELD(up_tls_resumed), 0, "nodens_upstream_tls_resumed_total"},
		{FIELD(up_doh_goaway), 0, "nodens_upstream_https_goaways_total"},
		{FIELD(up_udp_open), 0, "nodens_upstream_udp_sockets"},
		{FIELD(up_udp_strays), 0, "nodens_upstream_udp_strays_total"},
		{FIELD(up_udp_duplicates), 0, "nodens_upstream_udp_duplicates_total"},
		{FIELD(up_udp_guessed), 0, "nodens_upstream_udp_guessed_total"},
		{FIELD(up_udp_shared), 0, "nodens_upstream_udp_shared_total"},
		{FIELD(up_udp_gave_way), 0, "nodens_upstream_udp_gave_way_total"},
		{FIELD(log_lost), 0, "nodens_log_lines_dropped_total"},
		{FIELD(dnstap_sent), 0, "nodens_dnstap_messages_total"},
		{FIELD(dnstap_dropped), 0, "nodens_dnstap_dropped_total"},
		{FIELD(dnstap_connected), 0, "nodens_dnstap_connections"},
		{FIELD(up_doh_faults) + DOH_TYPE * sizeof(uint64_t), 0, "nodens_upstream_https_faults_total{why=\"type\"}"},
	};
	uint64_t n = 1000;

	for (unsigned i = 0; i < N; i++)
		for (uint64_t *at = (uint64_t *)&p.shm->worker[i].driver; at < (uint64_t *)(&p.shm->worker[i].driver + 1); at++)
			*at = n += 7;
	p.shm->worker_restarts = 5;
	p.shm->worker[1].core.joined = 3;
	p.shm->worker[2].core.joined = 4;
	for (int again = 0; again < 2; again++) { /* a second page begins at nothing */
		cr_assert_eq(got(9353, "/metrics"), 200);
		for (size_t k = 0; k < sizeof(of) / sizeof(of[0]); k++) {
			uint64_t sum = 0;

			for (unsigned i = 0; i < N; i++) {
				const char *at = (const char *)&p.shm->worker[i].driver;

				sum += *(const uint64_t *)(const void *)(at + of[k].at);
				sum += of[k].at2 ? *(const uint64_t *)(const void *)(at + of[k].at2) : 0;
			}
			cr_expect_eq(shown(of[k].series), (double)sum, "%s: %g, not %llu", of[k].series, shown(of[k].series), (unsigned long long)sum);
		}
	}
	cr_expect_eq(shown("nodens_joined_total"), 7);
	cr_expect_eq(shown("nodens_worker_restarts_total"), 5);
	cr_expect_eq(shown("nodens_workers"), 0);
	cr_expect_eq(shown("nodens_udp_receive_dropped_total"), 0);
	cr_expect_eq(shown("nodens_http_connections"), 1);
	cr_expect_eq(shown("promhttp_metric_handler_requests_total{code=\"200\"}"), 1, "the one before");
	cr_expect_eq(shown("nodens_ready"), 1);
	cr_expect_eq(shown("nodens_rules_active"), 0);
	struct http_counts *c = (struct http_counts *)(uintptr_t)http_counted(e.http);

	c->evicted = 31;
	c->refused = 32;
	c->slow = 33;
	c->deferred = 34;
	cr_assert_eq(got(9353, "/metrics"), 200);
	cr_expect_eq(shown("nodens_http_connections_evicted_total"), 31);
	cr_expect_eq(shown("nodens_http_connections_refused_total"), 32);
	cr_expect_eq(shown("nodens_http_connections_slow_total"), 33);
	cr_expect_eq(shown("nodens_http_deferred_total"), 34);
	workers.slot[1].pid = getpid();
	p.phase = PHASE_LAMEDUCK;
	cr_assert_eq(got(9353, "/metrics"), 200);
	cr_expect_eq(shown("nodens_workers"), 1);
	cr_expect_eq(shown("nodens_ready"), 0);
	p.phase = PHASE_SERVING;
	p.good = false;
	cr_assert_eq(got(9353, "/metrics"), 200);
	cr_expect_eq(shown("nodens_ready"), 0);
	cr_expect_eq(shown("nodens_http_metrics_reused_total"), 0, "processes of the node always get their own");
	workers.slot[1].pid = 0;
}

static struct corefile_plan *served(const char *text)
{
	char b[2000], *to = b;

	for (; *text; text++)
		to += *text == '@' ? sprintf(to, "%s", addr) : sprintf(to, "%c", *text);
	p.plan = plan_of(b);
	endpoints_sync(&e);
	return (struct corefile_plan *)(uintptr_t)p.plan;
}

Test(endpoints, by_phase)
{
	struct corefile_plan *plan = served("a {\n bind @\n forward . 192.0.2.1\n health @:8080\n ready @:8181\n}\n"
					    "b {\n bind @\n forward . 192.0.2.1\n ready @:8182 {\n monitor continuously\n }\n}\n");
	static const struct {
		enum process_phase phase;
		bool good;
		const char *until_ready, *continuously;
	} of[] = {
		{PHASE_STARTING, false, "starting", "starting"},
		{PHASE_STARTING, true, "starting", "starting"},
		{PHASE_SERVING, true, "OK", "OK"},
		{PHASE_SERVING, false, "OK", "self-test failed"},
		{PHASE_LAMEDUCK, true, "stopping", "stopping"},
		{PHASE_DRAINING, true, "stopping", "stopping"},
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		p.phase = of[i].phase;
		p.good = of[i].good;
		cr_expect(says(8181, "/ready", strcmp(of[i].until_ready, "OK") ? 503 : 200, of[i].until_ready), "%zu: %s", i, body);
		cr_expect(says(8080, "/ready", strcmp(of[i].continuously, "OK") ? 503 : 200, of[i].continuously), "%zu: %s", i, body);
		cr_expect(says(8182, "/ready", strcmp(of[i].continuously, "OK") ? 503 : 200, of[i].continuously), "%zu: %s", i, body);
		cr_expect(says(8080, "/health", 200, "OK"), "the original's constant");
		cr_expect(says(8080, "/health?self", of[i].good ? 200 : 503, of[i].good ? "OK" : "self-test failed"));
	}
	cr_expect_eq(got(8080, "/health?else"), 200);
	cr_expect_eq(got(8080, "/metrics"), 404);
	cr_expect_eq(got(8181, "/health"), 404);
	cr_expect_eq(got(9353, "/health"), 404);
	cr_expect_eq(got(9353, "/ready"), 404);
	cr_expect_eq(got(9353, "/debug/top"), 404, "it is off");
	corefile_plan_free(plan);
}

/* Listeners follow what is served; where blocks share an address, the stricter decides. */
Test(endpoints, addresses)
{
	struct corefile_plan *plan = served("a {\n bind @\n forward . 192.0.2.1\n prometheus @:9253\n ready @:8181\n}\n"
					    "b {\n bind @\n forward . 192.0.2.1\n ready @:8181 {\n monitor continuously\n }\n}\n");

	cr_expect_eq(got(9253, "/metrics"), 200);
	p.good = false;
	cr_expect(says(8181, "/ready", 503, "self-test failed"), "%s", body);
	corefile_plan_free(plan);
	plan = served("a {\n bind @\n forward . 192.0.2.1\n ready @:8181\n}\n");
	cr_expect(says(8181, "/ready", 200, "OK"), "%s", body);
	cr_expect_eq(got(9253, "/metrics"), 0);
	cr_expect_eq(got(9353, "/metrics"), 200, "the flag's stays");
	p.phase = PHASE_STARTING;
	endpoints_shut(&e);
	cr_expect_eq(got(9353, "/metrics"), 0);
	cr_expect_eq(got(8181, "/ready"), 0);
	flags.metrics_listen = "";
	endpoints_sync(&e);
	cr_expect_eq(got(9353, "/metrics"), 0);
	cr_expect_eq(got(8181, "/ready"), 503);
	corefile_plan_free(plan);
	p.plan = NULL;
	endpoints_sync(&e);
	cr_expect_eq(got(8181, "/ready"), 0);
}

/* --- what is said --- */

static int said_fd[2];

static void listen_to_words(void)
{
	fflush(NULL);
	cr_assert_eq(pipe2(said_fd, O_NONBLOCK), 0);
	dup2(said_fd[1], 1);
	dup2(said_fd[1], 2);
}

static unsigned said(const char *words)
{
	static char b[1 << 14];
	unsigned n = 0;

	fflush(NULL);
	ssize_t len = read(said_fd[0], b, sizeof(b) - 1);

	b[len > 0 ? len : 0] = 0;
	for (const char *at = b; (at = strstr(at, words)); at += strlen(words))
		n++;
	return n;
}

/* An address that is taken: said once, and again when a sync interval is over, or in other words. */
Test(endpoints, complaints)
{
	struct in6_addr a = addr_of(addr);
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, &a, 8080, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(fd, &sa.sa, len), 0);
	cr_assert_eq(listen(fd, 1), 0);
	listen_to_words();
	struct corefile_plan *plan = served("a {\n bind @\n forward . 192.0.2.1\n health @:8080\n}\nb {\n bind @\n forward . 192.0.2.1\n health @:8080\n}\n");

	cr_expect_eq(said("health: listen tcp "), 1, "blocks share it");
	endpoints_sync(&e);
	cr_expect_eq(said("listen tcp"), 0);
	p.loop.now_ns += flags.sync_interval_ns;
	endpoints_sync(&e);
	cr_expect_eq(said("health: listen tcp "), 1);
	flags.metrics_listen = "nonsense";
	endpoints_sync(&e);
	cr_expect_eq(said("-metrics-listen-address: 'nonsense' is no address"), 1);
	close(fd);
	flags.metrics_listen = "";
	endpoints_sync(&e);
	cr_expect_eq(got(8080, "/health"), 200);
	cr_expect_eq(said("listen tcp"), 0);
	corefile_plan_free(plan);
}

/* Busy ports are told once a minute, with the numbers since. */
Test(endpoints, busy)
{
	struct http_counts *c = (struct http_counts *)(uintptr_t)http_counted(e.http);

	listen_to_words();
	endpoints_look(&e);
	cr_expect_eq(said("HTTP"), 0);
	c->evicted = 3;
	c->evicted_last = addr_of("192.0.2.9");
	endpoints_look(&e);
	cr_expect_eq(said("HTTP: 3 connections closed to make room for others, the last of 192.0.2.9, and 0 refused"), 1);
	c->evicted = 5;
	c->refused = 2;
	p.loop.now_ns += 60 * NS_PER_S - 1;
	endpoints_look(&e);
	cr_expect_eq(said("HTTP"), 0);
	p.loop.now_ns += 1;
	endpoints_look(&e);
	cr_expect_eq(said("HTTP: 2 connections closed to make room for others, the last of 192.0.2.9, and 2 refused"), 1);
	p.loop.now_ns += 60 * NS_PER_S;
	endpoints_look(&e);
	cr_expect_eq(said("HTTP"), 0, "nothing since");
}

/* The lists of who asks, as many as are wanted. */
Test(endpoints, top)
{
	flags.debug_top = DEBUG_TOP_NODE;
	for (unsigned i = 0; i < N; i++)
		top_init(&p.shm->worker[i].top);
	cr_assert_eq(got(9353, "/debug/top"), 200, "of the node itself");
	cr_expect_eq(body[0], '{');
	cr_expect_eq(got(9353, "/debug/top?n=3"), 200);
	cr_expect_eq(got(9353, "/debug/top?n=999"), 200);
}

/* --- strangers --- */

/* Those of a network that is not the node's share a page a second; the node's own get theirs. */
Test(endpoints, a_page_for_strangers)
{
	own_net("ip addr add 192.0.2.1/24 dev lo && ip addr add 192.0.2.2/24 dev lo");
	strcpy(addr, "192.0.2.1");
	flags.metrics_listen = "192.0.2.1:9353";
	flags.debug_top = DEBUG_TOP_NODE;
	for (unsigned i = 0; i < N; i++)
		top_init(&p.shm->worker[i].top);
	endpoints_sync(&e);
	for (int from = 2; from >= 1; from--) {
		char src[16];

		snprintf(src, sizeof(src), "src 192.0.2.%d", from);
		char cmd[120];

		snprintf(cmd, sizeof(cmd), "ip route replace local 192.0.2.1 dev lo table local %s", src);
		cr_assert_eq(system(cmd), 0);
		uint64_t made = e.page_ns;

		cr_assert_eq(got(9353, "/metrics"), 200);
		cr_expect_neq(e.page_ns, made);
		made = e.page_ns;
		cr_assert_eq(got(9353, "/metrics"), 200);
		cr_expect(from == 1 || e.page_ns == made || p.loop.now_ns >= made + NS_PER_S);
		cr_expect(from == 2 || e.page_ns != made);
		if (from == 2) {
			cr_expect_geq(p.metrics.metrics_reused, p.loop.now_ns < made + NS_PER_S);
			e.page_ns = p.loop.now_ns - NS_PER_S;
			made = e.page_ns;
			cr_assert_eq(got(9353, "/metrics"), 200);
			cr_expect_neq(e.page_ns, made, "a second later");
			cr_expect_eq(got(9353, "/debug/top"), 403);
			flags.debug_top = DEBUG_TOP_ALL;
			cr_expect_eq(got(9353, "/debug/top"), 200);
		}
	}
}
