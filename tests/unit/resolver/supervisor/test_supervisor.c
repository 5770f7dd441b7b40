/* SPDX-License-Identifier: Apache-2.0 */
/* Start, signals, reloads and the end, of the daemon whole. */
#include "tests/fixtures/daemon_world.h"
#include "tests/fixtures/own_net.h"

#include <sys/resource.h>

#include "resolver/supervisor/pidfile.h"

/* Descriptors of a process whose targets hold these words. */
static unsigned descriptors_of(pid_t pid, const char *words)
{
	char path[64], target[400];
	unsigned n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(dir);

	for (struct dirent *e; d && (e = readdir(d));) {
		ssize_t len = readlinkat(dir, e->d_name, target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = 0;
		n += strstr(target, words) != NULL;
	}
	if (d)
		closedir(d);
	return n;
}

TestSuite(supervisor, .init = world_setup, .fini = world_teardown, .timeout = 120);

static bool process_says(pid_t pid, const char *words)
{
	char path[64], text[8192];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");

	cr_assert_not_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	return strstr(text, words) != NULL;
}

Test(supervisor, serves_tells_and_ends)
{
	world_write("Corefile", CONF);
	pid_t pid = daemon_start(NULL);

	cr_expect_eq(asked("a.test"), 1);
	cr_expect(process_says(pid, "NoNewPrivs:\t1") && process_says(daemon_worker(pid), "NoNewPrivs:\t1"), "little to lose");
	cr_expect_eq(descriptors_of(pid, "signalfd"), 1);
	cr_expect_eq(descriptors_of(daemon_worker(pid), "signalfd") + descriptors_of(daemon_worker(pid), "inotify"), 0, "nothing of the supervisor's");
	cr_expect(world_says("log", ".:5300 on ") && world_says("log", "Nodens-"), "the banner");
	cr_expect(world_says("log", "Running configuration SHA256 = "));
	cr_expect(http_says(HEALTH_PORT, "/health", 200, "OK"));
	cr_expect(http_says(HEALTH_PORT, "/health?self", 200, "OK"));
	cr_expect(http_says(HEALTH_PORT, "/ready", 200, "OK"), "also where health is");
	cr_expect(http_says(8181, "/ready", 200, "OK"));
	cr_expect(http_says(8181, "/health", 404, "Not Found"), "only where it was asked for");
	cr_expect_eq(http_get(8181, "/metrics", NULL), 404);
	cr_expect_eq(http_get(HEALTH_PORT, "/metrics", NULL), 404);
	cr_expect_eq(http_get(PAGE_PORT, "/ready", NULL), 404);
	cr_expect_eq(http_get(PAGE_PORT, "/health", NULL), 404);
	cr_expect_eq(http_get(9253, "/metrics", NULL), 200);
	cr_expect_eq(metric("nodens_workers "), 1);
	cr_expect_eq(metric("nodens_worker_restarts_total "), 0);
	cr_expect_eq(metric("nodens_rules_active "), 0, "there are none");
	cr_expect_eq(metric("nodens_ready "), 1);
	cr_expect_geq(metric("nodens_selftest_passed_total "), 1);
	cr_expect_eq(metric("nodens_selftest_failed_total "), 0);
	cr_expect_eq(metric("nodens_config_last_reload_successful "), 1);
	cr_expect_not(world_says("log", "no self-test has passed yet"));
	cr_expect_geq(metric("coredns_dns_responses_total{plugin=\"template\","), 1, "by whom it was answered");
	kill(pid, SIGHUP);
	kill(pid, SIGUSR2);
	kill(pid, SIGUSR1);
	UNTIL_SAID("Reloading: the configuration has not changed");
	cr_expect_eq(asked("b.test"), 1);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
	cr_expect_not(world_says("log", "lameduck"), "none was asked for");
	cr_expect_eq(access(world_path("pid"), F_OK), -1, "the pidfile goes");
	cr_expect_eq(ask_at(world_addr, SERVE_PORT, "c.test", NULL), -1);
}

/* What a terminal or an operator sends to the group is the supervisor's business; stray ones are nobody's. */
Test(supervisor, signals_that_end_no_worker)
{
	static const int sig[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGIO, SIGPWR};

	world_write("Corefile", CONF);
	pid_t pid = daemon_start(NULL), w = daemon_worker(pid);

	cr_expect(process_says(w, "SigBlk:\t0000000000000000"), "what the supervisor waits for is not blocked in it");
	for (size_t i = 0; i < sizeof(sig) / sizeof(sig[0]); i++) {
		kill(w, sig[i]);
		if (sig[i] >= SIGALRM)
			kill(pid, sig[i]);
		cr_expect_eq(asked("a.test"), 1);
		cr_expect_eq(daemon_worker(pid), w, "signal %d", sig[i]);
	}
	cr_expect_eq(metric("nodens_worker_restarts_total "), 0);
	kill(pid, SIGKILL);
	cr_expect_eq(daemon_end(pid), -SIGKILL);
	UNTIL(kill(w, 0) < 0); /* workers do not outlive the supervisor */
}

Test(supervisor, quiet_and_without_a_pidfile)
{
	static const char *const more[] = {"-quiet", "-pidfile=", NULL};

	world_write("Corefile", CONF);
	pid_t pid = daemon_launch("log", more);

	UNTIL(http_says(HEALTH_PORT, "/ready", 200, "OK"));
	cr_expect_not(world_says("log", ".:5300 on "));
	cr_expect_not(world_says("log", "pidfile"));
	cr_expect_eq(daemon_signal_end(pid, SIGINT), 0);
}

Test(supervisor, a_pidfile_that_cannot_be)
{
	static const char *const more[] = {"-pidfile=/nonexistent/pid", NULL};

	world_write("Corefile", CONF);
	pid_t pid = daemon_launch("log", more);

	UNTIL_SAID("pidfile: ");
	cr_expect_eq(asked("a.test"), 1);
	cr_expect_eq(daemon_signal_end(pid, SIGQUIT), 0);
	cr_expect(world_says("log", "SIGQUIT"));
}

Test(supervisor, a_pidfile_that_is_its_own)
{
	cr_expect_not(pidfile_write(""), "none is wanted: none is to be removed");
	cr_expect_not(pidfile_write("/nonexistent/pid"));
	cr_expect(pidfile_write(world_path("pid")));
	cr_expect_eq(atoi(world_read("pid")), (int)getpid());
}

/* The longest of the blocks counts. */
Test(supervisor, lameduck)
{
	world_write("Corefile", ".:5300 {\n " CONF_HEAD " health @:8080 {\n lameduck 1500ms\n }\n}\n"
				"x:5300 {\n " CONF_HEAD " health @:8080 {\n lameduck 20ms\n }\n}\n");
	pid_t pid = daemon_start(NULL);
	uint64_t begin = clock_mono_ns();

	kill(pid, SIGTERM);
	UNTIL(http_says(HEALTH_PORT, "/ready", 503, "stopping"));
	cr_expect(http_says(HEALTH_PORT, "/health", 200, "OK"));
	cr_expect_eq(metric("nodens_ready "), 0);
	cr_expect_eq(asked("a.test"), 1, "it serves on");
	kill(pid, SIGTERM);
	cr_expect_eq(daemon_end(pid), 0);
	cr_expect_geq(clock_mono_ns() - begin, 1500 * NS_PER_MS, "nor does a second signal shorten it");
	cr_expect(world_says("log", "lameduck mode for 1.5s"));
}

Test(supervisor, sigint_twice)
{
	world_write("Corefile", ".:5300 {\n bind @\n forward . @:5399\n health @:8080 {\n lameduck 60s\n }\n}\n");
	upstream_start(5399);
	pid_t pid = daemon_start(NULL);

	kill(pid, SIGTERM);
	UNTIL_SAID("lameduck mode for 60s");
	cr_expect_eq(daemon_signal_end(pid, SIGINT), 2);
	cr_expect_eq(access(world_path("pid"), F_OK), -1);
}

/* Connections end before the rules do: an idle one, and one that has been answered. */
Test(supervisor, connections_end_first)
{
	uint8_t b[512], got[512];
	struct name n;

	world_write("Corefile", CONF);
	pid_t pid = daemon_start(NULL);
	int idle = client_to(world_addr, SERVE_PORT, SOCK_STREAM), used = client_to(world_addr, SERVE_PORT, SOCK_STREAM);

	cr_assert_eq(name_from_text(&n, "a.test"), 0);
	size_t len = dns_query_build(b + 2, sizeof(b) - 2, 4711, n.b, DNS_A, DNS_RD, 0, false, false);

	set_be16(b, (uint16_t)len);
	cr_assert_eq(send(used, b, len + 2, 0), (ssize_t)len + 2);
	cr_assert_gt(recv(used, got, sizeof(got), 0), 12);
	UNTIL(metric("nodens_tcp_clients ") >= 2);
	kill(pid, SIGTERM);
	cr_expect_leq(recv(used, got, sizeof(got), 0), 0);
	cr_expect_leq(recv(idle, got, sizeof(got), 0), 0);
	cr_expect_eq(daemon_end(pid), 0);
	close(idle);
	close(used);
}

/* SIGINT waits for no lame duck, but for what was asked. */
Test(supervisor, sigint_finishes)
{
	world_write("Corefile", ".:5300 {\n bind @\n forward . @:5399\n health @:8080 {\n lameduck 60s\n }\n}\n");
	upstream_start(5399);
	pid_t pid = daemon_start(NULL);

	cr_expect_eq(asked("a.test"), 7);
	cr_expect_eq(daemon_signal_end(pid, SIGINT), 0);
	cr_expect(world_says("log", "SIGINT: Shutting down") && !world_says("log", "lameduck mode"));
	cr_expect(world_says("log", "Tearing down"));
}

/* By somebody who shares it with nobody. */
static int port_take(unsigned port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, world_addr, &sa.sin_addr);
	cr_assert_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

Test(supervisor, nothing_to_serve)
{
	world_write("Corefile", "nonsense {\n what\n}\n");
	cr_expect_eq(daemon_end(daemon_launch("log", NULL)), 1);
	cr_expect(world_says("log", "what"));
	int fd = port_take(SERVE_PORT);

	world_write("Corefile", CONF);
	cr_expect_eq(daemon_end(daemon_launch("log", NULL)), 1);
	cr_expect(world_says("log", "in use"));
	close(fd);
}

static void reload_expect(const char *text, const char *words)
{
	world_write("Corefile", text);
	UNTIL_SAID(words);
}

Test(supervisor, reloads)
{
	world_write("Corefile", CONF);
	pid_t pid = daemon_start(NULL);

	reload_expect(".:5300 .:5301 {\n " CONF_HEAD " prometheus @:9253\n}\n", "Reloading complete");
	cr_expect_eq(ask_at(world_addr, 5301, "a.test", NULL), 0, "a new listener");
	UNTIL(http_get(HEALTH_PORT, "/health", NULL) == 0);
	cr_expect_eq(http_get(9253, "/metrics", NULL), 200, "what stays stays");
	cr_expect_eq(metric("nodens_config_last_reload_successful "), 1);
	cr_expect_eq(metric("coredns_reload_failed_total "), 0);
	reload_expect("nonsense {\n what\n}\n", "Corefile changed but reload failed: ");
	cr_expect_eq(asked("a.test"), 1, "the old one stays");
	cr_expect_eq(metric("coredns_reload_failed_total "), 1);
	cr_expect_eq(metric("nodens_config_last_reload_successful "), 0);
	kill(pid, SIGUSR1);
	UNTIL(metric("coredns_reload_failed_total ") == 2);
	int fd = port_take(5302);

	reload_expect(CONF ".:5302 {\n bind @\n forward . 192.0.2.2\n}\n", "in use");
	UNTIL(metric("coredns_reload_failed_total ") == 3);
	close(fd);
	cr_expect_eq(ask_at(world_addr, 5301, "a.test", NULL), 0, "the old one stays");
	reload_expect(".:5300 .:5301 {\n " CONF_HEAD " prometheus @:9253\n}\n", "the configuration has not changed");
	UNTIL(metric("nodens_config_last_reload_successful ") == 1);
	world_write("Corefile", CONF);
	UNTIL(ask_at(world_addr, 5301, "a.test", NULL) == -1);
	cr_expect_eq(asked("a.test"), 1);
	UNTIL(http_says(HEALTH_PORT, "/ready", 200, "OK"));
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* What is asked for while a change is on its way is done after it, once. */
Test(supervisor, a_reload_while_one_is_under_way)
{
	world_write("Corefile", CONF);
	pid_t pid = daemon_start(NULL), w = daemon_worker(pid);

	cr_expect_eq(world_counts("log", "Running configuration SHA256 = "), 1, "%s", world_read("log"));
	cr_expect_eq(world_counts("log", "Reloading"), 0, "the first is no reload");
	kill(w, SIGSTOP);
	world_write("Corefile", CONF ".:5301 {\n " CONF_HEAD "}\n");
	UNTIL(world_counts("log", "[INFO] Reloading\n") == 1);
	world_write("Corefile", CONF ".:5302 {\n " CONF_HEAD "}\n");
	kill(pid, SIGUSR1);
	UNTIL_SAID("SIGUSR1: Reloading");
	cr_expect_eq(world_counts("log", "[INFO] Reloading\n"), 1, "one at a time");
	kill(w, SIGCONT);
	UNTIL(world_counts("log", "Reloading complete") == 2);
	cr_expect_eq(world_counts("log", "Running configuration SHA256 = "), 3);
	cr_expect_eq(ask_at(world_addr, 5301, "a.test", NULL), -1);
	cr_expect_eq(ask_at(world_addr, 5302, "a.test", NULL), 0);
	cr_expect_not(world_says("log", "has not changed"));
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* What is served, and since when. */
Test(supervisor, the_configuration_s_own_figures)
{
	const char *page;
	char first[200];

	world_write("Corefile", CONF);
	uint64_t begin_s = clock_real_ns() / NS_PER_S;
	pid_t pid = daemon_start(NULL);

	for (int i = 0; i < 2; i++) {
		double at = metric("nodens_config_last_reload_success_timestamp_seconds ");

		cr_expect(at >= (double)begin_s && at <= (double)clock_real_ns() / NS_PER_S, "%f", at);
		cr_assert_eq(http_get(PAGE_PORT, "/metrics", &page), 200);
		const char *hash = strstr(page, "\ncoredns_reload_version_info{hash=\"sha256\",value=\"");

		cr_assert_not_null(hash);
		snprintf(first, sizeof(first), "SHA256 = %.64s", strstr(hash, "value=\"") + 7);
		cr_expect_eq(strspn(first + 9, "0123456789abcdef"), 64);
		cr_expect(world_says("log", first), "%s", first);
		if (i == 0) {
			while (clock_real_ns() / NS_PER_S <= (uint64_t)at)
				nap();
			begin_s = clock_real_ns() / NS_PER_S;
			world_write("Corefile", CONF "x:5300 {\n " CONF_HEAD "}\n");
			UNTIL_SAID("Reloading complete");
		}
	}
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* Three at once, then one a second: the others are taken together. */
Test(supervisor, reloads_in_a_burst)
{
	char text[400];

	world_write("Corefile", CONF);
	pid_t pid = daemon_start(NULL);

	cr_expect_eq(metric("nodens_config_reloads_put_off_total "), 0);
	for (int i = 2; i < 12; i++) {
		snprintf(text, sizeof(text), ".:5300 {\n bind @\n template IN A {\n answer \"{{ .Name }} 60 IN A 10.0.0.%d\"\n }\n}\n", i);
		world_write("Corefile", text);
		for (uint64_t end = clock_mono_ns() + 150 * NS_PER_MS; clock_mono_ns() < end;)
			nap();
	}
	UNTIL(asked("a.test") == 11);
	cr_expect_gt(metric("nodens_config_reloads_put_off_total "), 0);
	const char *said = strstr(world_read("log"), "changes come faster than one a second");

	cr_assert(said);
	cr_expect_null(strstr(said + 1, "changes come faster than one a second"), "once a minute");
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* A template and a ConfigMap: what is no good of either is said, counted and shown, and stops nothing. */
Test(supervisor, parts_that_are_no_good)
{
	static const char *more[] = {"-basecorefile", NULL, "-kubednscm", NULL, NULL};

	more[1] = strdup(world_path("base"));
	more[3] = strdup(world_path("cm"));
	cr_assert_eq(mkdir(more[3], 0755), 0);
	world_write("cm/stubDomains", "no json");
	world_write("base", CONF);
	pid_t pid = daemon_start(more);

	cr_expect_eq(asked("a.test"), 1);
	cr_expect(world_says("log", "Invalid config: ") && world_says("log", "(served without it)"));
	cr_expect_eq(metric("nodens_config_refused{part=\"kube-dns\"}"), 1);
	cr_expect_eq(metric("nodens_config_refused{part=\"corefile\"}"), 0);
	cr_expect_eq(metric("coredns_nodecache_setup_errors_total{errortype=\"configmap\"}"), 1);
	cr_expect_eq(metric("nodens_config_last_reload_successful "), 1);
	cr_expect(strstr(world_read("Corefile"), "template IN A"), "what is served is written");
	world_write("cm/stubDomains", "{\"stub.test\": [\"10.0.0.9\"]}");
	UNTIL(metric("nodens_config_refused{part=\"kube-dns\"}") == 0);
	UNTIL_SAID("Reloading complete");
	world_write("cm/stubDomains", "no json");
	UNTIL_SAID("(the last good one stays)");
	UNTIL(metric("coredns_nodecache_setup_errors_total{errortype=\"configmap\"}") == 2);
	kill(pid, SIGUSR1);
	UNTIL(metric("coredns_nodecache_setup_errors_total{errortype=\"configmap\"}") == 3); /* told: said again */
	unlink(more[1]);
	UNTIL(metric("nodens_config_refused{part=\"corefile\"}") == 1);
	cr_expect_eq(metric("nodens_config_last_reload_successful "), 0);
	cr_expect_eq(metric("coredns_reload_failed_total "), 1);
	cr_expect_eq(metric("coredns_nodecache_setup_errors_total{errortype=\"configmap\"}"), 4, "it could not be read");
	cr_expect_eq(asked("a.test"), 1);
	world_write("base", ".:5300 {\n bind @\n template IN A {\n answer \"{{ .Name }} 60 IN A 10.0.0.2\"\n }\n}\n");
	UNTIL(asked("a.test") == 2);
	UNTIL(metric("nodens_config_last_reload_successful ") == 1);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
	unlink(world_path("cm/stubDomains"));
	rmdir(more[3]);
}

/* What is rendered cannot be written: it is served all the same, said and counted. */
Test(supervisor, a_rendered_file_that_cannot_be)
{
	static const char *more[] = {"-basecorefile", NULL, "-conf", "/nonexistent/Corefile", NULL};

	more[1] = strdup(world_path("base"));
	world_write("base", CONF);
	pid_t pid = daemon_start(more);

	cr_expect_eq(asked("a.test"), 1);
	cr_expect_eq(world_counts("log", "/nonexistent/Corefile"), 1);
	cr_expect_eq(metric("coredns_nodecache_setup_errors_total{errortype=\"configmap\"}"), 1);
	/* no news at each reload, but to who asks */
	for (int i = 0; i < 3; i++) {
		char text[2 * sizeof(CONF)];

		snprintf(text, sizeof(text), "%sx%d.test:5300 {\n " CONF_HEAD "}\n", CONF, i);
		world_write("base", text);
		UNTIL(world_counts("log", "Reloading complete") == (unsigned)i + 1);
	}
	cr_expect_eq(world_counts("log", "/nonexistent/Corefile"), 1);
	cr_expect_eq(metric("coredns_nodecache_setup_errors_total{errortype=\"configmap\"}"), 1);
	kill(pid, SIGUSR1);
	UNTIL_SAID("Reloading: the configuration has not changed");
	cr_expect_eq(world_counts("log", "/nonexistent/Corefile"), 2);
	cr_expect_eq(metric("nodens_config_last_reload_successful "), 1);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* CoreDNS tells the file's own time, of the newest; a change of it is a reload. */
Test(supervisor, hosts_files)
{
	char text[400];
	struct timespec old[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}}, newer[2] = {{.tv_sec = 1700000100}, {.tv_sec = 1700000100}};

	world_write("hosts", "10.0.0.3 a.test\n");
	world_write("other", "10.0.0.4 b.other\n");
	utimensat(AT_FDCWD, world_path("hosts"), newer, 0);
	utimensat(AT_FDCWD, world_path("other"), old, 0);
	snprintf(text, sizeof(text), "test:5300 {\n bind @\n hosts %s\n prometheus @:9253\n}\nother:5300 {\n bind @\n hosts %s\n}\n", world_path("hosts"), world_path("other"));
	world_write("Corefile", text);
	pid_t pid = daemon_start(NULL);

	cr_expect_eq(asked("a.test"), 3);
	cr_expect_eq(metric("coredns_hosts_reload_timestamp_seconds "), 1700000100);
	world_write("hosts", "10.0.0.5 a.test\n");
	UNTIL(asked("a.test") == 5);
	UNTIL(metric("coredns_hosts_reload_timestamp_seconds ") > 1700000100);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

Test(supervisor, descriptors_for_all)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = 256;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
	world_write("Corefile", CONF);
	pid_t pid = daemon_start(NULL);

	cr_expect_geq(metric("process_max_fds "), r.rlim_max < 65536 ? (double)r.rlim_max : 65536, "as many as may be");
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

static bool rules_stand_here(void)
{
	return system("nft list table inet nodelocaldns >/dev/null 2>&1") == 0;
}

/* With rules of the kernel, in a network namespace that dies with the test. */
Test(supervisor, rules_while_it_serves)
{
	static const char *const more[] = {"-setupiptables=true", "-rules", "nftables", "-dns.port", "5300", "-failopen", "3s", NULL};

	own_net("nft list tables >/dev/null");
	world_write("Corefile", CONF);
	pid_t pid = daemon_launch("log", more);

	UNTIL(rules_stand_here());
	UNTIL_SAID("Rules in place: nftables");
	UNTIL(metric("nodens_rules_active ") == 1);
	cr_expect_eq(asked("a.test"), 1);
	cr_expect_geq(metric("nodens_notrack_packets_total{"), 0);
	pid_t w = daemon_worker(pid);

	kill(w, SIGSTOP);
	UNTIL(metric("nodens_rules_active ") == 0);
	UNTIL_SAID("has not moved for ");
	UNTIL(metric("nodens_rules_active ") == 1);
	cr_expect_eq(metric("nodens_rules_repaired_total "), 0);
	cr_expect_lt(metric("nodens_rules_renewal_late_seconds "), PATIENCE_NS / NS_PER_S, "from when it was due");
	cr_expect_gt(metric("nodens_rules_renewal_late_seconds "), 0);
	cr_assert_eq(system("nft delete table inet nodelocaldns"), 0);
	UNTIL(metric("nodens_rules_repaired_total ") == 1);
	cr_expect(rules_stand_here());
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
	cr_expect_not(rules_stand_here());
}
