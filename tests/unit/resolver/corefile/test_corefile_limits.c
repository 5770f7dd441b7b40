/* SPDX-License-Identifier: Apache-2.0 */
/* The border of each value an option takes: the last that is taken, the first that is not. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fixtures/corefile_util.h"

/* `with` holds one %s for the value. */
static void border_check(const char *with, const char *taken, const char *refused)
{
	char text[600], directive[500];
	struct diag d;

	for (int bad = 0; bad < 2; bad++) {
		const char *value = bad ? refused : taken;

		if (!value)
			continue;
		const char *mark = strstr(with, "%s");

		snprintf(directive, sizeof(directive), "%.*s%s%s", (int)(mark - with), with, value, mark + 2);
		snprintf(text, sizeof(text), "x {\n%s\n}\n", directive);
		struct corefile_plan *p = plan_try(text, &d);

		cr_assert_eq(p == NULL, bad, "%s: %s", directive, bad ? "was taken" : d.text);
		if (p)
			corefile_plan_free(p);
	}
}

Test(corefile_limits, borders)
{
	static const char *const cases[][3] = {
		{"bufsize %s", "512", "511"},
		{"bufsize %s", "4096", "4097"},
		{"bufsize 512 %s", NULL, "x"},
		{"cache %s", "1", "0"},
		{"cache %s", "604800", "604801"},
		{"cache {\n success %s\n}", "0", "-1"},
		{"cache {\n success %s\n}", "100000000", "100000001"},
		{"template ANY ANY {\n ederror %s\n}", "0", "-1"},
		{"template ANY ANY {\n ederror %s\n}", "65535", "65536"},
		{"cache {\n success 1 %s\n}", "1 0", "0"},
		{"cache {\n success 1 %s\n}", "604800", "604801"},
		{"cache {\n success 1 5 %s\n}", "5", "6"},
		{"cache {\n denial %s\n}", "100000000", "100000001"},
		{"cache {\n denial 1 %s\n}", "604800 604800", "604801"},
		{"cache {\n denial 1 2 3 %s\n}", NULL, "4"},
		{"cache {\n prefetch %s\n}", "4294967295", "4294967296"},
		{"cache {\n prefetch 0 %s\n}", "24h", "24h1s"},
		{"cache {\n prefetch 0 1m %s\n}", "10%", "9%"},
		{"cache {\n prefetch 0 1m %s\n}", "90%", "91%"},
		{"cache {\n prefetch 0 1m %s\n}", NULL, "%"},
		{"cache {\n serve_stale %s\n}", "168h", "168h1s"},
		{"cache {\n serve_stale %s\n}", "0", "-1s"},
		{"cache {\n serve_stale 1h immediate %s\n}", "24h", "24h1s"},
		{"cache {\n serve_stale 1h immediate 1s %s\n}", "300s", "301s"},
		{"cache {\n serve_stale 1h immediate 1s 1s %s\n}", NULL, "1s"},
		{"cache {\n serve_stale 1h verify %s\n}", "1h", "1h1s"},
		{"cache {\n serve_stale 1h verify 1s %s\n}", "0", "1500ms"},
		{"cache {\n servfail %s\n}", "300s", "301s"},
		{"cache {\n servfail %s\n}", "0", "1"},
		{"cache {\n keepttl %s\n}", NULL, "x"},
		{"dnstap /x full %s", "4096", "0"},
		{"dnstap /x full 1 %s", "1", "4097"},
		{"dnstap tcp://192.0.2.1:%s", "65535", "65536"},
		{"dnstap tcp://192.0.2.1:%s", "1", "0"},
		{"errors {\n consolidate %s x\n}", "1ms", "999us"},
		{"errors {\n consolidate %s x\n}", "24h", "24h1s"},
		{"forward . 192.0.2.1:%s", "65535", "65536"},
		{"forward . 192.0.2.1:%s", "1", "0"},
		{"forward . 192.0.2.1 {\n max_age 25h\n expire %s\n}", NULL, "1s"},
		{"forward . 192.0.2.1 {\n expire %s\n}", "24h", "24h1s"},
		{"forward . 192.0.2.1 {\n expire %s\n}", "0", "1"},
		{"forward . 192.0.2.1 {\n max_age %s\n}", "24h", "24h1s"},
		{"forward . 192.0.2.1 {\n max_age %s\n}", "10s", "9s"},
		{"forward . 192.0.2.1 {\n max_age %s\n}", "0", "9999ms"},
		{"forward . 192.0.2.1 {\n read_timeout %s\n}", "1ms", "0"},
		{"forward . 192.0.2.1 {\n read_timeout %s\n}", "60s", "61s"},
		{"forward . 192.0.2.1 {\n budget %s\n}", "10ms", "9ms"},
		{"forward . 192.0.2.1 {\n budget %s\n}", "60s", "61s"},
		{"forward . 192.0.2.1 {\n max_fails %s\n}", "4294967295", "4294967296"},
		{"forward . 192.0.2.1 {\n max_connect_attempts %s\n}", "4294967295", "4294967296"},
		{"forward . 192.0.2.1 {\n max_idle_conns %s\n}", "0", "-1"},
		{"forward . 192.0.2.1 {\n max_concurrent %s\n}", "9223372036854775807", "9223372036854775808"},
		{"forward . 192.0.2.1 {\n hedge %s\n}", "100%", "101%"},
		{"forward . 192.0.2.1 {\n hedge %s\n}", "0%", "5"},
		{"forward . 192.0.2.1 {\n hedge %s\n}", "off", "%"},
		{"forward . 192.0.2.1 {\n health_check %s\n}", "1h", "1h1s"},
		{"forward . 192.0.2.1 {\n health_check 1s no_rec domain %s\n}", "a.b", "a..b"},
		{"forward . 192.0.2.1 {\n health_check 1s %s\n}", "no_rec", "norec"},
		{"forward . 192.0.2.1 {\n tls %s\n}", NULL, "a b c d"},
		{"forward . 192.0.2.1 {\n source_address %s\n}", "fd00::1", "fd00::1::"},
		{"forward . 192.0.2.1 {\n resolver %s\n}", "1.1.1.1 1.1.1.2:54 [::1]:55 ::2", "1.1.1.1 x"},
		{"forward . 192.0.2.1 {\n resolver %s\n}", NULL, "x"},
		{"forward . 192.0.2.1 {\n resolver 1.1.1.1 1.1.1.2\n resolver %s\n}", "1.1.1.3 1.1.1.4", "1.1.1.3 1.1.1.4 1.1.1.5"},
		{"health {\n lameduck %s\n}", "1h", "1h1s"},
		{"health {\n lameduck %s\n}", "0", "1"},
		{"health :%s", "65535", "65536"},
		{"health 127.0.0.1:%s", "1", "0"},
		{"hosts /etc/hosts {\n ttl %s\n}", "1", "0"},
		{"hosts /etc/hosts {\n ttl %s\n}", "65535", "65536"},
		{"hosts /etc/hosts {\n reload %s\n}", "24h", "24h1s"},
		{"hosts /etc/hosts {\n reload %s\n}", "0", "-1"},
		{"hosts /etc/hosts {\n %s a\n}", "10.0.0.1", "10.0.0"},
		{"hosts /etc/hosts {\n %s a\n}", "fd00::1", "fd00:::1"},
		{"loadbalance {\n reload %s\n}", "24h", "24h1s"},
		{"loadbalance {\n prefer %s\n}", "10.0.0.0/32 fd00::/128", "10.0.0.0/33"},
		{"loadbalance {\n prefer %s\n}", "10.0.0.1 fd00::1", "fd00::/129"},
		{"loadbalance %s", "round_robin", "round_robin x"},
		{"loadbalance %s", NULL, "weighted"},
		{"loadbalance round_robin %s", NULL, "/x y"},
		{"loadbalance weighted %s", NULL, "/x y"},
		{"log {\n sample %s\n}", "100%", "101%"},
		{"reload %s", "2s", "1s"},
		{"reload %s", "0", NULL},
		{"reload %s", "24h", "24h1s"},
		{"reload 24h %s", "0", "24h1s"},
		{"reload 24h 1s %s", NULL, "1s"},
		{"rewrite edns0 subnet set %s 128", "32", "33"},
		{"rewrite edns0 subnet set 0 %s", "128", "129"},
		{"rewrite edns0 local set %s a", "65535", "65536"},
		{"template IN A {\n ederror %s\n rcode REFUSED\n}", "65535", "65536"},
		{"timeouts {\n read %s\n}", "1s", "999ms"},
		{"timeouts {\n read %s\n}", "86400", "86401"},
		{"timeouts {\n maxtcpqueries %s\n}", "1", "0"},
		{"dns64 %s", "64:ff9b::/32", "64:ff9b::/31"},
		{"dns64 %s", "64:ff9b::/64", "64:ff9b::/72x"},
		{"dns64 %s", "64:ff9b::/96", "64:ff9b::/104"},
		{"dns64 %s", NULL, "64:ff9b::/60"},
		{"dns64 %s", NULL, "64:ff9b::"},
		{"acl {\n block type %s\n}", "A AAAA TYPE65", "A AAAAA"},
		{"acl {\n block type A net %s\n}", "10.0.0.0/8 fd00::/8", "10.0.0.0/8 fd00::/8x"},
		{"acl %s {\n block\n}", "a.b 10.0.0.0/8", "a..b"},
		/* a number without a unit is no time, where nobody has said which it would be */
		{"cache {\n prefetch 1 %s\n}", "5s", "5"},
		{"cache {\n serve_stale %s\n}", "5s", "5"},
		{"cache {\n serve_stale verify %s\n}", "5s", "5"},
		{"cache {\n serve_stale immediate %s\n}", "5", "5x"},
		{"cache {\n serve_stale immediate 5 %s\n}", "5", "5x"},
		{"errors {\n consolidate %s x\n}", "5s", "5"},
		{"forward . 192.0.2.1 {\n max_age %s\n}", "50s", "50"},
		{"forward . 192.0.2.1 {\n read_timeout %s\n}", "5s", "5"},
		{"forward . 192.0.2.1 {\n budget %s\n}", "5s", "5"},
		{"forward . 192.0.2.1 {\n health_check %s\n}", "5s", "5"},
		{"health {\n lameduck %s\n}", "5s", "5"},
		{"hosts /etc/hosts {\n reload %s\n}", "5", "5x"},
		{"loadbalance {\n reload %s\n}", "5s", "5"},
		{"reload %s", "5s", "5"},
		{"reload 5s %s", "5s", "5"},
		{"any %s", NULL, "x"},
		{"cookies %s", NULL, "x"},
		{"whoami %s", NULL, "x"},
		{"minimal %s", NULL, "x"},
		{"debug %s", NULL, "x"},
		{"loop %s", NULL, "x"},
		{"dns64 64:ff9b::/96 %s", NULL, "x"},
		{"prometheus :1 %s", NULL, "x"},
		{"ready :1 %s", NULL, "x"},
		{"errors %s", "stdout", "stderr"},
		{"errors stdout %s", NULL, "x"},
		{"nsid %s", "x", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		border_check(cases[i][0], cases[i][1], cases[i][2]);
}

/* The words of a lint of `text`; the caller frees them. */
static char *faults_of(const char *text, int want)
{
	char path[] = "/tmp/corefile-faults-XXXXXX", *out = NULL;
	struct corefile_env e = test_env();
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	cr_assert_eq(corefile_check(path, &e, f), want);
	fclose(f);
	unlink(path);
	return out;
}

/* Each fault is told once, where it is, and what stands behind it is read. */
Test(corefile_limits, each_fault_is_told_and_the_rest_read)
{
	static const struct {
		const char *text, *told[10];
		unsigned n;
	} cases[] = {
		{"x {\n cache {\n success 1 0\n denial 1 0\n servfail 1h\n prefetch 1 x\n }\n bufsize 1\n whoami x\n"
		 " hosts /etc/hosts {\n ttl 0\n reload x\n }\n cahce\n}\n",
		 {":3:12: ", ":4:11: ", ":5:11: ", ":6:13: ", ":8:10: ", ":9:9: ", ":11:6: ", ":12:9: ", ":14:2: "},
		 9},
		{"x\nerrors\n}\nlog x {\n y\n}\nimport nowhere\n} z\n", {":3:1: ", ":7:8: ", ":8:1: "}, 3},
		{"x\n}\nerrors\n}\n", {":2:1: ", ":4:1: "}, 2},
		{"x {\n}\ny z\n errors\n", {":3:1: "}, 1},
		{"(a) {\n import a\n import a\n}\n. {\n import a\n}\n", {":2:2: more than 10000 imports", ":5:3: "}, 2},
		{". {\n import a b c d\n cahce\n import \"\"\n whoami\n}\n", {":2:11: ", ":4:9: "}, 2},
		{"x {\n rewrite name a\n rewrite ttl a -\n acl {\n block type X\n drop net y\n }\n}\n",
		 {":2:10: ", ":3:16: ", ":5:13: ", ":6:11: "},
		 4},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *out = faults_of(cases[i].text, 1), count[32];

		cr_expect_eq(strncmp(out, "error: /tmp/", 12), 0, "%s", out);
		cr_expect_null(strstr(out, "warning: "), "%s", out);
		for (size_t k = 0; cases[i].told[k]; k++)
			cr_expect(strstr(out, cases[i].told[k]), "nothing at %s in\n%s", cases[i].told[k], out);
		snprintf(count, sizeof(count), ": %u error%s, ", cases[i].n, cases[i].n == 1 ? "" : "s");
		cr_expect(strstr(out, count), "not%s in\n%s", count, out);
		free(out);
	}
}

static unsigned n_looked_up;

static size_t count_lookups(void *ctx, const char *host, const struct in6_addr *server, const uint16_t *port, size_t n,
			    struct in6_addr *ret, size_t max)
{
	(void)ctx;
	(void)host;
	(void)server;
	(void)port;
	(void)n;
	n_looked_up++;
	*ret = addr_of("192.0.2.1");
	return max > 0;
}

/* Another machine's Corefile: nobody is asked for names, and interfaces that are not here are
 * some address of their own each. */
Test(corefile_limits, a_lint_asks_nobody)
{
	struct corefile_env e = test_env();
	struct corefile_plan *p = NULL;
	struct corefile *c;
	struct diag d = {""};
	static const char two[] = "a {\n bind eth7\n}\na {\n bind eth8\n}\n. {\n bind e\n forward . dns.test\n dnstap tcp://dns.test:6000\n}\n",
			  same[] = "a {\n bind eth7\n}\na {\n bind eth7\n}\n";

	e.lint = true;
	e.host_addrs = count_lookups;
	cr_assert_eq(corefile_parse_text(&c, "f", two, strlen(two), &e, &d), 0);
	cr_assert_eq(corefile_compile(&p, c, &e, &d), 0, "%s", d.text);
	cr_expect_eq(n_looked_up, 0);
	cr_assert_eq(p->conf.n_listeners, 3);
	for (size_t i = 0; i < 3; i++)
		cr_expect_eq(p->listener_scope[i], 0);
	struct in6_addr want = addr_of("192.0.2.132"); /* 1 * 31 + 'e' */

	cr_expect_eq(memcmp(&p->conf.listener[2].addr, &want, sizeof(want)), 0);
	corefile_plan_free(p);
	corefile_free(c);
	cr_assert_eq(corefile_parse_text(&c, "f", same, strlen(same), &e, &d), 0);
	cr_expect_neq(corefile_compile(&p, c, &e, &d), 0);
	cr_expect(strstr(d.text, "it is already defined"), "%s", d.text);
	corefile_free(c);
}

/* A brace that is missing is looked for where the next one stands too far left. */
Test(corefile_limits, the_brace_that_is_missing)
{
	char *out = faults_of(". {\n errors\n", 1);

	cr_expect(strstr(out, ":1:3: the '{' here is never closed: unexpected end of file\n"), "%s", out);
	free(out);
	out = faults_of(". {\n cache {\n  success 1\n}\n", 1);
	cr_expect(strstr(out, "the '}' of line 4 closes 'cache' of line 2 and"), "%s", out);
	free(out);
	out = faults_of(". {\n cache {\n success 1\n }\n", 1);
	cr_expect(strstr(out, "unexpected end of file\n"), "%s", out);
	free(out);
}

/* Away from a node each token of the template is told once, with what stands in for it. */
Test(corefile_limits, templates_can_be_checked)
{
	static const char text[] = "__PILLAR__DNS__DOMAIN__ {\n bind __PILLAR__LOCAL__DNS__\n"
				   " forward . __PILLAR__CLUSTER__DNS__\n prometheus __PROMETHEUS__ENDPOINT__\n}\n"
				   "a.__PILLAR__DNS__DOMAIN__ {\n bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__\n"
				   " forward . __PILLAR__UPSTREAM__SERVERS__\n}\n";
	char *out = faults_of(text, 0);

	cr_expect_eq(strncmp(out, "warning: /tmp/", 14), 0, "%s", out);
	cr_expect_null(strstr(out, "error: "), "%s", out);
	cr_expect(strstr(out, "2 upstreams; 6 warnings\n"), "%s", out);
	cr_expect(strstr(out, ":1:1: template token __PILLAR__DNS__DOMAIN__ is not filled; checked with cluster.local"), "%s", out);
	free(out);
	assert_refused(text, "template token __PILLAR__DNS__DOMAIN__ was never filled");
}
