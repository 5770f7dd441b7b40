/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon tells of its queries: lines of `log` and `errors`, and messages to a dnstap
 * collector, which is the test.
 */
#include "tests/fixtures/daemon_world.h"

#include <sys/resource.h>

#include "resolver/observe/dnstap.h"
#include "resolver/observe/metrics.h"

TestSuite(observe, .init = world_setup, .fini = world_teardown, .timeout = 120);

/* The rule whose name is the longest way down counts, of the block that answers. */
Test(observe, log_lines)
{
	char line[200];

	world_write("Corefile",
		    "first:5300 {\n " CONF_HEAD " log a.first \"A {name} {type} {rcode}\"\n log first \"B {name} {port} {local}\" {\n class all\n }\n}\n"
		    "second:5300 {\n " CONF_HEAD " log second \"C {name} {proto} {/forward/upstream}\" {\n class denial\n }\n"
		    " log x.second \"D {name}\" {\n class success error\n }\n}\n"
		    "third:5300 {\n bind @\n log third \"E {name} {/forward/upstream} {duration}\"\n forward . @:5399\n errors\n}\n");
	upstream_start(5399);
	pid_t pid = daemon_start(NULL);

	cr_expect_eq(asked("www.a.first"), 1);
	cr_expect_eq(asked("b.first"), 1);
	cr_expect_eq(asked("b.second"), 1);
	cr_expect_eq(asked("x.second"), 1);
	cr_expect_eq(asked("late.refused.nowhere"), -6, "refused");
	cr_expect_eq(asked("c.third"), 7);
	UNTIL_SAID("[INFO] E c.third. ");
	snprintf(line, sizeof(line), "E c.third. %s:5399 0", world_addr);
	cr_expect_eq(world_counts("log", line), 1, "%s", world_read("log"));
	cr_expect_eq(world_counts("log", "[INFO] A www.a.first. A NOERROR\n"), 1);
	cr_expect_eq(world_counts("log", "[INFO] B b.first. "), 1);
	cr_expect_eq(world_counts("log", "[INFO] B "), 1);
	cr_expect_eq(world_counts("log", "[INFO] C "), 0, "neither was denied");
	cr_expect_eq(world_counts("log", "[INFO] D "), 0, "the first rule whose name fits decides");
	cr_expect_eq(world_counts("log", "nowhere"), 0);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

Test(observe, errors_and_no_more_after_a_reload)
{
	world_write("Corefile", "x:5300 {\n bind @\n log\n errors\n forward . @:5398 {\n max_fails 0\n }\n}\n");
	pid_t pid = daemon_start(NULL);

	cr_expect_eq(asked("a.x"), -3, "nobody is there: SERVFAIL");
	UNTIL_SAID("[ERROR] plugin/errors: 2 a.x. A: ");
	cr_expect(world_counts("log", "connection refused") + world_counts("log", "no healthy upstreams") + world_counts("log", "timeout") > 0, "%s", world_read("log"));
	cr_expect_geq(world_counts("log", "\"A IN a.x. udp "), 1, "%s", world_read("log"));
	world_write("Corefile", "x:5300 {\n " CONF_HEAD "}\n");
	UNTIL_SAID("Reloading complete");
	cr_expect_eq(asked("b.x"), 1);
	cr_expect_eq(world_counts("log", "b.x"), 0, "none was asked for");
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* --- dnstap --- */

static int listener, collector;

static void octets(uint8_t *b, size_t len)
{
	while (len) {
		struct pollfd p = {.fd = collector, .events = POLLIN};

		cr_assert_eq(poll(&p, 1, (int)(PATIENCE_NS / NS_PER_MS)), 1, "silence\n%s", world_read("log"));
		ssize_t n = recv(collector, b, len, 0);

		cr_assert_gt(n, 0);
		b += n;
		len -= (size_t)n;
	}
}

static void collector_listen(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(6000)};
	int on = 1;

	inet_pton(AF_INET, world_addr, &sa.sin_addr);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	cr_assert_eq(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(listen(listener, 4), 0);
}

static void collector_greet(void)
{
	uint8_t b[DNSTAP_CONTROL_MAX], want[DNSTAP_CONTROL_MAX];
	struct pollfd p = {.fd = listener, .events = POLLIN};

	cr_assert_eq(poll(&p, 1, (int)(PATIENCE_NS / NS_PER_MS)), 1, "no daemon\n%s", world_read("log"));
	collector = accept(listener, NULL, NULL);
	octets(b, dnstap_control_put(want, DNSTAP_READY));
	size_t len = dnstap_control_put(b, DNSTAP_ACCEPT);

	cr_assert_eq(send(collector, b, len, 0), (ssize_t)len);
	octets(b, dnstap_control_put(want, DNSTAP_START));
	cr_assert_arr_eq(b, want, dnstap_control_put(want, DNSTAP_START));
}

/* A message's fields by their numbers; of the frame by 20 more. */
struct field {
	uint64_t n;
	const uint8_t *b; /* n octets, or NULL: a number */
};
static struct field got[64];

static uint64_t varint(const uint8_t **at)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		v |= (uint64_t)(**at & 127) << shift;
		if (!(*(*at)++ & 128))
			return v;
	}
}

static void fields(const uint8_t *at, const uint8_t *end, unsigned base)
{
	while (at < end) {
		uint64_t tag = varint(&at);
		struct field *f = &got[base + (tag >> 3)];

		*f = (struct field){0};
		if ((tag & 7) == 0) {
			f->n = varint(&at);
		} else if ((tag & 7) == 5) {
			memcpy(&f->n, at, 4);
			at += 4;
		} else {
			f->n = varint(&at);
			f->b = at;
			at += f->n;
		}
	}
}

/* The next message: its type. */
static unsigned tapped(void)
{
	static uint8_t b[4096];
	uint8_t head[4];

	octets(head, 4);
	cr_assert_leq(get_be32(head), sizeof(b));
	octets(b, get_be32(head));
	memset(got, 0, sizeof(got));
	fields(b, b + get_be32(head), 20);
	cr_assert_not_null(got[34].b);
	fields(got[34].b, got[34].b + got[34].n, 0);
	return (unsigned)got[1].n;
}

static bool is_addr(const struct field *f)
{
	struct in_addr a;

	inet_pton(AF_INET, world_addr, &a);
	return f->b && f->n == 4 && memcmp(f->b, &a, 4) == 0;
}
static bool is_text(const struct field *f, const char *text)
{
	return f->b && f->n == strlen(text) && memcmp(f->b, text, f->n) == 0;
}
static bool is_now(const struct field *f)
{
	uint64_t now = clock_real_ns() / NS_PER_S;

	return f->n <= now && f->n + 60 > now;
}

#define TAPPED(full, more) "x:5300 {\n bind @\n dnstap tcp://@:6000 " full " {\n identity me\n version v7\n extra \"{name} of {/forward/upstream}\"\n }\n" more " forward . @:5399\n}\n"

Test(observe, dnstap_messages)
{
	collector_listen();
	upstream_start(5399);
	world_write("Corefile", TAPPED("full", " cache\n"));
	pid_t pid = daemon_start(NULL);
	char extra[100];

	collector_greet();
	UNTIL(metric("nodens_dnstap_connections ") == 1);
	cr_expect_eq(asked("a.x"), 7);
	/* as they come: to the upstream, from it, then what the client has asked and got */
	cr_expect_eq(tapped(), DNSTAP_FORWARDER_QUERY);
	cr_expect(got[2].n == 1 && got[3].n == 1, "IPv4, UDP");
	cr_expect(is_addr(&got[5]) && got[7].n == 5399, "whom it was sent to");
	cr_expect(got[4].b && got[6].n > 0, "and from where");
	uint64_t port = got[6].n, sent_s = got[8].n;
	uint8_t id[2];

	cr_assert(got[10].b && got[10].n > 12 && !got[14].b);
	memcpy(id, got[10].b, 2);
	cr_expect(is_now(&got[8]));
	cr_expect(is_text(&got[21], "me") && is_text(&got[22], "v7"));
	cr_expect_eq(tapped(), DNSTAP_FORWARDER_RESPONSE);
	cr_expect(got[6].n == port && got[7].n == 5399 && is_addr(&got[5]));
	cr_assert(got[14].b && got[14].n > 12 && !got[10].b);
	cr_expect_arr_eq(got[14].b, id, 2, "as it is on the wire");
	cr_expect(got[8].n == sent_s && got[12].n >= sent_s && is_now(&got[12]));
	cr_expect_eq(tapped(), DNSTAP_CLIENT_QUERY);
	cr_expect(is_addr(&got[5]) && got[7].n == SERVE_PORT, "which address of ours was asked");
	cr_expect(got[4].b && got[6].n > 0);
	cr_assert(got[10].b && !got[14].b);
	cr_expect_eq(get_be16(got[10].b), 4711);
	cr_expect(is_now(&got[8]));
	snprintf(extra, sizeof(extra), "a.x. of %s:5399", world_addr);
	cr_expect(is_text(&got[23], extra), "%.*s", (int)got[23].n, got[23].b);
	cr_expect_eq(tapped(), DNSTAP_CLIENT_RESPONSE);
	cr_assert(got[14].b && !got[10].b);
	cr_expect_eq(get_be16(got[14].b), 4711);
	cr_expect(is_now(&got[12]) && got[12].n >= got[8].n);
	/* a hit asks nobody */
	cr_expect_eq(asked("a.x"), 7);
	cr_expect_eq(tapped(), DNSTAP_CLIENT_QUERY);
	cr_expect(is_text(&got[23], "a.x. of -"), "%.*s", (int)got[23].n, got[23].b);
	cr_expect_eq(tapped(), DNSTAP_CLIENT_RESPONSE);
	UNTIL(metric("nodens_dnstap_messages_total ") == 6);
	cr_expect_eq(metric("nodens_dnstap_dropped_total "), 0);
	/* the connection outlives a reload that keeps it; without `full` there are no messages in it */
	world_write("Corefile", TAPPED("", ""));
	UNTIL_SAID("Reloading complete");
	cr_expect_eq(asked("b.x"), 7);
	for (int i = 0; i < 4; i++) {
		cr_expect_eq(tapped(), i < 2 ? DNSTAP_FORWARDER_QUERY + (unsigned)i : DNSTAP_CLIENT_QUERY + (unsigned)(i - 2));
		cr_expect(!got[10].b && !got[14].b);
	}
	/* and ends with one that does not */
	world_write("Corefile", "x:5300 {\n " CONF_HEAD "}\n");
	uint8_t b[DNSTAP_CONTROL_MAX], want[DNSTAP_CONTROL_MAX];
	size_t len = dnstap_control_put(want, DNSTAP_STOP);

	octets(b, len);
	cr_expect_arr_eq(b, want, len);
	UNTIL(metric("nodens_dnstap_connections ") == 0);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* Two blocks with one collector are one connection; each keeps its own name. */
Test(observe, dnstap_of_two_blocks)
{
	collector_listen();
	world_write("Corefile", "x:5300 {\n " CONF_HEAD " dnstap tcp://@:6000 {\n identity ex\n }\n}\n"
				"y:5300 {\n " CONF_HEAD " dnstap tcp://@:6000 {\n identity why\n }\n}\n"
				"z:5300 {\n " CONF_HEAD "}\n");
	pid_t pid = daemon_start(NULL);
	struct pollfd p = {.fd = listener, .events = POLLIN};

	collector_greet();
	cr_expect_eq(asked("a.y"), 1);
	cr_expect_eq(asked("a.z"), 1);
	cr_expect_eq(asked("a.x"), 1);
	for (int i = 0; i < 4; i++) {
		cr_expect_eq(tapped(), i % 2 ? DNSTAP_CLIENT_RESPONSE : DNSTAP_CLIENT_QUERY);
		cr_expect(is_text(&got[21], i < 2 ? "why" : "ex"));
		cr_expect(is_text(&got[22], opt_version()), "%.*s", (int)got[22].n, got[22].b);
	}
	cr_expect_eq(metric("nodens_dnstap_connections "), 1);
	cr_expect_eq(poll(&p, 1, 0), 0, "nobody else came");
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* One that does not greet is left, and asked again. */
Test(observe, dnstap_in_silence)
{
	collector_listen();
	world_write("Corefile", "x:5300 {\n " CONF_HEAD " dnstap tcp://@:6000\n}\n");
	pid_t pid = daemon_start(NULL);

	int silent = accept(listener, NULL, NULL);

	UNTIL_SAID("no answer to our greeting; messages wait or are dropped");
	collector_greet();
	UNTIL_SAID(": connected");
	close(silent);
	cr_expect_eq(asked("a.x"), 1);
	cr_expect_eq(tapped(), DNSTAP_CLIENT_QUERY);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* --- the process's own figures --- */

/* A page that nobody can read /proc for: no descriptor left, or none mounted. */
Test(observe, process_figures_that_nobody_can_tell)
{
	struct metrics_input in = {.start_s = 7};
	struct rlimit none = {0, 0}, was;
	char *page = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&page, &size);

	getrlimit(RLIMIT_NOFILE, &was);
	none.rlim_max = was.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	int rc = metrics_write(&in, out);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	fclose(out);
	cr_expect_eq(rc, 0);
	cr_expect(strstr(page, "\nprocess_max_fds 0\n") && strstr(page, "\nprocess_start_time_seconds 7\n") &&
		  strstr(page, "\nprocess_virtual_memory_max_bytes "), "what /proc has no part in");
	static const char *const untold[] = {"process_cpu", "process_open_fds", "process_resident", "process_virtual_memory_bytes"};

	for (size_t i = 0; i < sizeof(untold) / sizeof(untold[0]); i++)
		cr_expect_null(strstr(page, untold[i]), "%s: a 0 would be a lie", untold[i]);
	free(page);
}

Test(observe, process_figures)
{
	static const char *const more[] = {"-workers", "3", NULL};
	pid_t w[4];

	world_write("Corefile", CONF);
	pid_t pid = daemon_start(more);
	char path[64];

	UNTIL(daemon_workers(pid, w, 4) == 3);
	double fds = metric("process_open_fds "), rss = metric("process_resident_memory_bytes ");
	unsigned n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);

	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d) {
		closedir(d);
		cr_expect(fds >= n && fds <= n + 1, "%g of %u: the connection that asks is one", fds, n);
	}
	double pages = 0;

	for (unsigned i = 0; i < 4; i++) {
		long size, resident;

		snprintf(path, sizeof(path), "/proc/%d/statm", (int)(i < 3 ? w[i] : pid));
		FILE *f = fopen(path, "re");

		cr_assert(f && fscanf(f, "%ld %ld", &size, &resident) == 2);
		fclose(f);
		pages += (double)resident;
		if (i == 3)
			cr_expect_leq(metric("process_virtual_memory_bytes "), (double)(size + 2000) * (double)sysconf(_SC_PAGESIZE));
	}
	double real = pages * (double)sysconf(_SC_PAGESIZE);

	cr_expect(rss > real * 0.9 && rss < real * 1.1, "%g of %g: all four together", rss, real);
	cr_expect_geq(metric("process_max_fds "), 1024);
	cr_expect_gt(metric("process_virtual_memory_max_bytes "), 0);
	cr_expect_gt(metric("process_start_time_seconds "), 1.5e9);
	double cpu = metric("process_cpu_seconds_total ");

	cr_expect(cpu >= 0 && cpu < 60, "%g", cpu);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}
