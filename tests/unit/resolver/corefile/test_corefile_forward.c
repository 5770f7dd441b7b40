/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling forward: upstreams, where their addresses come from, its options.
 * It reads files and asks for names, which no other directive does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tests/fixtures/corefile_util.h"

Test(corefile_forward, upstreams_are_shared_and_told_apart)
{
	struct corefile_plan *p =
		plan_of("a {\n forward . 192.0.2.1 192.0.2.1 192.0.2.2\n}\nb {\n forward . "
			"192.0.2.2 {\n force_tcp\n }\n}\n"
			"c {\n forward . tls://192.0.2.2 {\n tls_servername x.example\n max_age "
			"60s\n }\n}\n"
			"d {\n forward . tls://192.0.2.2%y.example:8853 dns://192.0.2.1:54\n}\n");
	const struct core_conf *c = &p->conf;

	cr_assert_eq(c->n_upstreams, 5);
	cr_assert_eq(c->zone[0].forward[0].n_to, 2);
	cr_assert_eq(c->zone[1].forward[0].to[0], 1);
	cr_assert_eq(c->upstream[2].transport, CORE_TO_TLS);
	cr_assert_eq(c->upstream[2].port, 853);
	cr_assert_str_eq(c->upstream[2].tls_name, "x.example");
	cr_assert_eq(p->upstream[2].max_age_ns, 60 * NS_PER_S);
	cr_assert_str_eq(c->upstream[3].tls_name, "y.example");
	cr_assert_eq(c->upstream[3].port, 8853);
	corefile_plan_free(p);
}

/* One server twice: one upstream where all that its connections have is the same, and two
 * where one thing differs. */
Test(corefile_forward, what_sets_connections_apart)
{
	static const struct {
		const char *to[2], *said[2];
		size_t n;
	} cases[] = {
		{{"192.0.2.1", "192.0.2.1:53"}, {"", "max_fails 9\n budget 1s"}, 1},
		{{"192.0.2.1", "192.0.2.1:54"}, {"", ""}, 2},
		{{"192.0.2.1", "192.0.2.2"}, {"", ""}, 2},
		{{"192.0.2.1", "dns://192.0.2.1"}, {"", ""}, 1},
		{{"192.0.2.1:853", "tls://192.0.2.1"}, {"", ""}, 2},
		{{"fe80::1%7", "fe80::1%7"}, {"", ""}, 1},
		{{"fe80::1%7", "fe80::1%8"}, {"", ""}, 2},
		{{"192.0.2.1", "192.0.2.1"}, {"max_age 60s", "max_age 60s"}, 1},
		{{"192.0.2.1", "192.0.2.1"}, {"max_age 60s", "max_age 61s"}, 2},
		{{"192.0.2.1", "192.0.2.1"}, {"expire 20s", "expire 21s"}, 2},
		{{"192.0.2.1", "192.0.2.1"}, {"max_idle_conns 1", "max_idle_conns 2"}, 2},
		{{"192.0.2.1", "192.0.2.1"}, {"source_address 192.0.2.8", "source_address 192.0.2.8"}, 1},
		{{"192.0.2.1", "192.0.2.1"}, {"source_address 192.0.2.8", "source_address 192.0.2.9"}, 2},
		{{"192.0.2.1", "192.0.2.1"}, {"source_address ::", ""}, 2},
		{{"tls://192.0.2.1", "tls://192.0.2.1"}, {"tls_servername a.b", "tls_servername a.b"}, 1},
		{{"tls://192.0.2.1", "tls://192.0.2.1"}, {"tls_servername a.b", "tls_servername a.c"}, 2},
		{{"tls://192.0.2.1", "tls://192.0.2.1"}, {"tls_servername a.b", ""}, 2},
		{{"tls://192.0.2.1", "tls://192.0.2.1"}, {"tls /etc/passwd /etc/group", "tls /etc/passwd /etc/group"}, 1},
		{{"tls://192.0.2.1", "tls://192.0.2.1"}, {"tls /etc/passwd /etc/group", "tls /etc/group /etc/group"}, 2},
		{{"tls://192.0.2.1", "tls://192.0.2.1"}, {"tls /etc/passwd /etc/group", "tls /etc/passwd /etc/passwd"}, 2},
		{{"tls://192.0.2.1", "tls://192.0.2.1"}, {"tls /etc/passwd", "tls /etc/passwd"}, 1},
		{{"tls://192.0.2.1", "tls://192.0.2.1"}, {"tls /etc/passwd", "tls /etc/group"}, 2},
		{{"tls://192.0.2.1", "tls://192.0.2.1"}, {"tls /etc/passwd", ""}, 2},
		{{"https://192.0.2.1", "https://192.0.2.1/dns-query"}, {"", ""}, 1},
		{{"https://192.0.2.1/a", "https://192.0.2.1/b"}, {"", ""}, 2},
		{{"https://192.0.2.1", "https://192.0.2.1"}, {"doh_method GET", "doh_method GET"}, 1},
		{{"https://192.0.2.1", "https://192.0.2.1"}, {"doh_method GET", ""}, 2},
		{{"192.0.2.1", "192.0.2.1"}, {"doh_method GET", ""}, 1},
	};
	char text[400];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "a {\n forward . %s {\n %s\n }\n}\nb {\n forward . %s {\n %s\n }\n}\n", cases[i].to[0],
			 cases[i].said[0], cases[i].to[1], cases[i].said[1]);
		struct corefile_plan *p = plan_of(text);

		cr_expect_eq(p->conf.n_upstreams, cases[i].n, "%zu upstreams of:\n%s", p->conf.n_upstreams, text);
		cr_expect_eq(p->conf.zone[0].forward[0].to[0], 0);
		cr_expect_eq(p->conf.zone[1].forward[0].to[0], cases[i].n - 1);
		corefile_plan_free(p);
	}
}

Test(corefile_forward, our_own_address_is_no_upstream)
{
	struct corefile_plan *p = plan_of(". {\n bind 169.254.20.10\n forward . 169.254.20.10 "
					  "192.0.2.1 169.254.20.10:54\n}\n");

	cr_assert_eq(p->conf.zone[0].forward[0].n_to, 2);
	assert_warned(p, "f:3:12: upstream 169.254.20.10:53 is an address we listen on");
	corefile_plan_free(p);
	p = plan_of(". {\n forward . 127.0.0.53\n}\n");
	cr_assert_eq(p->conf.zone[0].forward[0].n_to, 0);
	assert_warned(p, "no upstream is left");
	corefile_plan_free(p);
}

/* Which questions would come back, by what is bound and what is asked; a TLS port is never ours. */
Test(corefile_forward, which_addresses_are_our_own)
{
	static const struct {
		const char *bind, *to;
		bool own;
	} cases[] = {
		{"bind 192.0.2.9", "192.0.2.9", true},	     {"bind 192.0.2.8 192.0.2.9", "192.0.2.9", true},
		{"bind 192.0.2.9", "192.0.2.9:54", false},   {"bind 192.0.2.9", "tls://192.0.2.9:53", false},
		{"bind 192.0.2.9", "192.0.2.8", false},	     {"bind 192.0.2.9", "0.0.0.0", true},
		{"bind 192.0.2.9", "[::]:53", true},	     {"bind 192.0.2.9", "0.0.0.0:54", false},
		{"bind 192.0.2.9", "tls://0.0.0.0:53", false}, {"bind 192.0.2.9", "127.0.0.1", false},
		{"bind 192.0.2.9", "::1", false},	     {"", "127.0.0.1", true},
		{"", "127.200.1.2", true},		     {"", "::1", true},
		{"", "::", true},			     {"", "192.0.2.1", false},
		{"", "fd00::1", false},			     {"", "127.0.0.1:54", false},
		{"", "126.0.0.1", false},		     {"bind ::1", "::1", true},
		{"bind 0.0.0.0", "127.0.0.1", true},	     {"bind 0.0.0.0", "192.0.2.1", false},
		{"", "fd7f::7f00:1", false},
	};
	char text[200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t beside = 0; beside < 2; beside++) {
			snprintf(text, sizeof(text), ". {\n %s\n forward . %s%s\n}\n", cases[i].bind, beside ? "198.51.100.1 " : "", cases[i].to);
			struct corefile_plan *p = plan_of(text);

			cr_expect_eq(p->conf.zone[0].forward[0].n_to, (size_t)!cases[i].own + beside, "%s", text);
			cr_expect_eq(p->n_warnings, cases[i].own ? 2 - beside : (size_t)0, "%s: %s", text, p->n_warnings ? p->warning[0] : "");
			corefile_plan_free(p);
		}
	}
}

Test(corefile_forward, resolv_conf_is_read_and_watched)
{
	char path[] = "/tmp/corefile-resolv-XXXXXX", text[300];
	int fd = mkstemp(path);
	static const char lines[] =
		"# nameserver 9.9.9.9\nsearch a b\nnameserver 192.0.2.1\n\tnameserver\t2001:db8::1 "
		"\r\n"
		"nameserver nonsense\nnameserver "
		"1111111111111111111111111111111111111111111111111111111111111111"
		"1111111111111111111111111111111111111111111111111111111111111111\nnameservers 192.0.2.9\noptions ndots:5\nnameserver 192.0.2.3";

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, lines, sizeof(lines) - 1), (ssize_t)sizeof(lines) - 1);
	snprintf(text, sizeof(text), ". {\n forward . %s\n}\n", path);
	struct corefile_plan *p = plan_of(text);

	cr_assert_eq(p->conf.n_upstreams, 3);
	cr_assert_str_eq(p->conf.upstream[1].label, "[2001:db8::1]:53");
	assert_warned(p, "nameserver 'nonsense' is not an IP address");
	cr_assert_eq(p->n_warnings, 1, "what is longer than an address can be is no word of that file");
	cr_assert_eq(p->n_files, 2);
	cr_assert_str_eq(p->file[1].path, path);
	cr_assert_eq(p->file[1].kind, COREFILE_FILE_RESOLV);
	struct corefile_plan *q = plan_of(text);

	cr_assert_str_eq(p->digest, q->digest);
	corefile_plan_free(q);
	cr_assert_eq(write(fd, "\n", 1), 1);
	q = plan_of(text);
	cr_assert_str_neq(p->digest, q->digest, "a changed resolv.conf is a changed plan");
	corefile_plan_free(q);
	corefile_plan_free(p);
	cr_assert_eq(ftruncate(fd, 0), 0);
	p = plan_of(text);
	cr_assert_eq(p->conf.zone[0].forward[0].n_to, 0);
	assert_warned(p, "no nameserver in");
	corefile_plan_free(p);
	close(fd);
	unlink(path);
	assert_refused(text, "No such file");
	struct corefile_env e = test_env();
	struct corefile *c;
	struct diag d;

	e.lint = true;
	cr_assert_eq(corefile_parse_text(&c, "f", text, strlen(text), &e, &d), 0);
	cr_assert_eq(corefile_compile(&p, c, &e, &d), 0, "%s", d.text);
	for (size_t i = 0; i < p->n_warnings; i++)
		cr_expect_null(strstr(p->warning[i], "nameserver"), "nothing is said of what was not read: %s", p->warning[i]);
	assert_warned(p, "No such file");
	corefile_plan_free(p);
	corefile_free(c);
}

Test(corefile_forward, host_names_are_looked_up_once)
{
	struct corefile_plan *p = plan_of(
		". {\n forward . dns.example.net tls://dns.example.net\n}\n"
		"a {\n forward . dns.example.net:54 {\n resolver 192.0.2.1 [::1]:55\n }\n}\n");

	cr_assert_eq(p->conf.n_upstreams, 3);
	cr_assert_str_eq(p->conf.upstream[0].label, "198.51.100.1:53");
	cr_assert_str_eq(p->conf.upstream[1].tls_name, "dns.example.net");
	cr_assert_str_eq(p->conf.upstream[2].label, "198.51.100.2:54");
	corefile_plan_free(p);
	p = plan_of(". {\n forward . dns.example.net:1 dns.example.net:65535\n}\n");
	cr_assert_str_eq(p->conf.upstream[0].label, "198.51.100.1:1");
	cr_assert_str_eq(p->conf.upstream[1].label, "198.51.100.1:65535");
	corefile_plan_free(p);
	assert_refused(". {\n forward . dns.example.net:0\n}\n", "0");
	assert_refused(". {\n forward . dns.example.net:65536\n}\n", "65536");
	assert_refused(". {\n forward . other.example.net\n}\n",
		       "no address is known for the name");
	assert_refused(". {\n forward . 300.1.1.1\n}\n", "not an IP address or file");
}

Test(corefile_forward, forward_options)
{
	struct corefile_plan *p =
		plan_of(". {\n forward example.org 192.0.2.1 {\n except a.example.org "
			"b.example.org\n except c.example.org\n prefer_udp\n"
			" expire 20s\n max_age 1m\n max_idle_conns 4\n max_fails 3\n "
			"max_connect_attempts 5\n max_concurrent 1000\n"
			" read_timeout 1500ms\n policy sequential\n health_check 2s no_rec domain "
			"example.org\n next NXDOMAIN SERVFAIL\n"
			" next_on_nodata\n failover SERVFAIL REFUSED\n "
			"failfast_all_unhealthy_upstreams\n source_address 192.0.2.99\n"
			" budget 3s\n hedge 10%\n }\n}\n");
	const struct core_forward *f = &p->conf.zone[0].forward[0];

	cr_assert_eq(f->n_except, 3);
	cr_assert(f->prefer_udp && !f->force_tcp && f->health_no_rec && f->next_on_nodata &&
		  f->failfast_all_unhealthy);
	cr_assert_eq(f->max_fails, 3);
	cr_assert_eq(f->max_connect_attempts, 5);
	cr_assert_eq(f->max_concurrent, 1000);
	cr_assert_eq(f->read_timeout_ns, 1500 * NS_PER_MS);
	cr_assert_eq(f->policy, CORE_SEQUENTIAL);
	cr_assert_eq(f->health_ns, 2 * NS_PER_S);
	cr_assert_eq(f->health_domain.len, 13);
	cr_assert_eq(f->next_rcodes, 1u << 3 | 1u << 2);
	cr_assert_eq(f->failover_rcodes, 1u << 2 | 1u << 5);
	cr_assert_eq(f->budget_ns, 3 * NS_PER_S);
	cr_assert_eq(f->hedge_percent, 10);
	cr_assert_eq(p->upstream[0].max_idle_conns, 4);
	cr_assert(p->upstream[0].has_source);
	corefile_plan_free(p);
}

Test(corefile_forward, forward_over_https)
{
	static const struct {
		const char *host, *path, *name;
		uint16_t port;
	} want[] = {{"::ffff:192.0.2.1", "/dns-query", NULL, 443},
		    {"::ffff:192.0.2.1", "/a/b", NULL, 443},
		    {"::ffff:192.0.2.1", "/dns-query", "x.example", 8443},
		    {"2001:db8::1", "/c", NULL, 444},
		    {"2001:db8::2", "/", NULL, 443}};
	struct corefile_plan *p = plan_of(
		". {\n forward . https://192.0.2.1 https://192.0.2.1/a/b https://192.0.2.1%x.example:8443 "
		"https://[2001:db8::1]:444/c https://2001:db8::2/ tls://192.0.2.1:443 {\n doh_method GET\n }\n}\n");

	cr_assert_eq(p->conf.n_upstreams, 6);
	for (size_t i = 0; i < 5; i++) {
		const struct core_upstream *u = &p->conf.upstream[i];
		struct in6_addr a;

		inet_pton(AF_INET6, want[i].host, &a);
		cr_assert_eq(memcmp(&a, &u->addr, sizeof(a)), 0, "%zu", i);
		cr_assert_eq(u->transport, CORE_TO_HTTPS);
		cr_assert_eq(u->port, want[i].port);
		cr_assert_str_eq(p->upstream[i].doh_path, want[i].path);
		cr_assert(p->upstream[i].doh_get);
		cr_assert(want[i].name ? strcmp(u->tls_name, want[i].name) == 0 : !u->tls_name);
	}
	cr_assert_null(p->upstream[5].doh_path);
	cr_assert_not(p->upstream[5].doh_get);
	corefile_plan_free(p);
	p = plan_of(". {\n forward . https://192.0.2.1 {\n doh_method POST\n }\n}\n");
	cr_assert_not(p->upstream[0].doh_get);
	corefile_plan_free(p);
}

Test(corefile_forward, forward_faults)
{
	static const char *const bad[][2] = {
		{"forward .", "expected 'forward FROM TO...'"},
		{"forward . quic://1.1.1.1",
		 "is not supported as a destination protocol in forward: expected dns://, tls:// or https://"},
		{"forward . https://u:p@1.1.1.1", ":2:19: a user's name in 'https://u:p@1.1.1.1'"},
		{"forward . https://1.1.1.1:0/x", ":2:27: 0 is out of range"},
		{"forward . https://1.1.1.1:8o", ":2:27: '8o' is not a number"},
		{"forward . https://[::1]:65536", ":2:25: 65536 is out of range"},
		{"forward . https://1.1.1.1/x?dns=", ":2:28: a query string in"},
		{"forward . https://1.1.1.1?x", ":2:26: a query string in"},
		{"forward . https://1.1.1.1/a|b", ":2:28: '|' cannot stand in the path"},
		{"forward . https:///dns-query", "invalid address"},
		{"forward . https://[::1", "not an IP address or a host's name"},
		{"forward . 1.1.1.1 {\n doh_method PUT\n}", "unknown method 'PUT': expected POST or GET"},
		{"forward . https://1.1.1.1%a.b {\n tls_servername c.d\n}", "both tls_servername"},
		{"forward . 1.1.1.1 {\n policy rnadom\n}",
		 "unknown policy 'rnadom' (did you mean 'random'?): expected random, round_robin "
		 "or sequential"},
		{"forward . 1.1.1.1 {\n failover NOERROR\n}", "NOERROR cannot be used in failover"},
		{"forward . 1.1.1.1 {\n next RCODE31\n failover RCODE32\n}", "'RCODE32' cannot be used here"},
		{"forward . 1.1.1.1 {\n next NXDOMIAN\n}", "'NXDOMIAN' is not a response code"},
		{"forward . 1.1.1.1 {\n max_age 5s\n}",
		 "max_age (5s) must not be less than expire (10s)"},
		{"forward . 1.1.1.1 {\n expire 10\n}", "'10' is not a duration"},
		{"forward . 1.1.1.1 {\n health_check 1s domain\n}", "'domain' needs a name"},
		{"forward . 1.1.1.1 {\n force_tpc\n}",
		 "unknown property 'force_tpc' of 'forward' (did you mean 'force_tcp'?)"},
		{"forward . tls://1.1.1.1%a.b {\n tls_servername c.d\n}", "both tls_servername"},
		{"forward . 1.1.1.1 2.2.2.1 2.2.2.2 2.2.2.3 2.2.2.4 2.2.2.5 2.2.2.6 2.2.2.7 "
		 "2.2.2.8 2.2.2.9 2.2.2.10 2.2.2.11 2.2.2.12 2.2.2.13 2.2.2.14 2.2.2.15",
		 "more than 15 TOs"},
	};
	char text[500];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "x {\n%s\n}\n", bad[i][0]);
		assert_refused(text, bad[i][1]);
	}
}
