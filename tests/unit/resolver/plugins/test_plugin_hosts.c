/* SPDX-License-Identifier: Apache-2.0 */
/* hosts: tables, wildcards, reverse names, falling through. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "resolver/plugins/hosts.h"
#include "tests/fixtures/corefile_util.h"

struct hosts_case {
	char path[40];
	struct corefile_plan *p;
	const struct plugin_step *s;
};

static void hosts_open(struct hosts_case *h, const char *options)
{
	static const char file[] = "# comment\n192.0.2.1 a.example.org A2.example.org # "
				   "not.example.org\n2001:db8::1 a.example.org\n"
				   "192.0.2.9 a.example.org\n192.0.2.7 *.w.example.org\nnonsense "
				   "x.example.org\n10.1.2.3 other.test\n"
				   "10.1.2.3 n.example.net\n";
	char directive[500];
	int fd;

	strcpy(h->path, "/tmp/corefile-hosts-XXXXXX");
	fd = mkstemp(h->path);
	cr_assert_eq(write(fd, file, sizeof(file) - 1), (ssize_t)sizeof(file) - 1);
	close(fd);
	snprintf(directive, sizeof(directive), "hosts %s %s", h->path, options);
	h->s = step_of(&h->p, directive);
}

static void hosts_close(struct hosts_case *h)
{
	corefile_plan_free(h->p);
	unlink(h->path);
}

static enum plugin_verdict ask(const struct hosts_case *h, struct asked *a, const char *name,
			       uint16_t qtype)
{
	ask_init(a, name, qtype, "10.0.0.1");
	return h->s->ops->ask(h->s, &a->q, &a->o, &a->len);
}

Test(plugin_hosts, addresses)
{
	struct hosts_case h;
	struct asked a;

	hosts_open(&h, "");
	cr_assert_eq(ask(&h, &a, "a.example.org", DNS_A), PLUGIN_REPLY);
	cr_assert_str_eq(
		section_of(a.out, a.len, 0),
		"a.example.org. 3600 IN A 192.0.2.1\na.example.org. 3600 IN A 192.0.2.9\n");
	cr_assert_eq(memcmp(a.out + a.len - 4, (const uint8_t[]){192, 0, 2, 9}, 4), 0, "as in the file");
	cr_assert_eq(ask(&h, &a, "a.example.org", DNS_AAAA), PLUGIN_REPLY);
	cr_assert_str_eq(section_of(a.out, a.len, 0), "a.example.org. 3600 IN AAAA 2001:db8::1\n");
	cr_assert_eq(ask(&h, &a, "a2.example.org", DNS_A), PLUGIN_REPLY);
	cr_assert_eq(ask(&h, &a, "a2.example.org", DNS_AAAA), PLUGIN_REPLY);
	cr_assert_str_eq(section_of(a.out, a.len, 0), "");
	cr_assert_eq(ask(&h, &a, "a.example.org", DNS_TXT), PLUGIN_REPLY);
	cr_assert_eq(ask(&h, &a, "q.w.example.org", DNS_A), PLUGIN_REPLY);
	cr_assert_eq(ask(&h, &a, "w.example.org", DNS_A), PLUGIN_RCODE);
	cr_assert_eq(ask(&h, &a, "not.example.org", DNS_A), PLUGIN_RCODE, "that is a comment");
	cr_assert_eq(ask(&h, &a, "r.q.w.example.org", DNS_A), PLUGIN_RCODE);
	cr_assert_eq(a.len, DNS_SERVFAIL);
	cr_assert_eq(ask(&h, &a, "other.test", DNS_A), PLUGIN_NEXT, "outside the block's zones");
	hosts_close(&h);
}

Test(plugin_hosts, reverse)
{
	struct hosts_case h;
	struct asked a;

	hosts_open(&h, "{\n ttl 60\n}");
	cr_assert_eq(ask(&h, &a, "1.2.0.192.in-addr.arpa", DNS_PTR), PLUGIN_REPLY);
	cr_assert_str_eq(section_of(a.out, a.len, 0),
			 "1.2.0.192.in-addr.arpa. 60 IN PTR a.example.org.\n"
			 "1.2.0.192.in-addr.arpa. 60 IN PTR a2.example.org.\n");
	cr_assert_eq(ask(&h, &a,
			 "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
			 DNS_PTR),
		     PLUGIN_REPLY);
	cr_assert_eq(ask(&h, &a, "3.2.1.10.in-addr.arpa", DNS_PTR), PLUGIN_REPLY);
	cr_assert_str_eq(section_of(a.out, a.len, 0), "3.2.1.10.in-addr.arpa. 60 IN PTR n.example.net.\n",
			 "not the name outside the block's zones");
	cr_assert_eq(ask(&h, &a, "8.2.0.192.in-addr.arpa", DNS_PTR), PLUGIN_NEXT);
	cr_assert_eq(ask(&h, &a, "256.2.0.192.in-addr.arpa", DNS_PTR), PLUGIN_NEXT);
	cr_assert_eq(ask(&h, &a, "7.2.0.192.in-addr.arpa", DNS_PTR), PLUGIN_NEXT,
		     "a wildcard is nobody's name");
	hosts_close(&h);
	hosts_open(&h, "{\n no_reverse\n}");
	cr_assert_eq(ask(&h, &a, "1.2.0.192.in-addr.arpa", DNS_PTR), PLUGIN_NEXT);
	hosts_close(&h);
}

/* A star stands for one label: for none of the root's, for any octets, and for no name of an address. */
Test(plugin_hosts, stars)
{
	struct hosts_case h;
	struct asked a;

	hosts_open(&h, "{\n 192.0.2.60 *.w.example.org real.example.org\n}");
	cr_assert_eq(ask(&h, &a, "60.2.0.192.in-addr.arpa", DNS_PTR), PLUGIN_REPLY);
	cr_expect_str_eq(section_of(a.out, a.len, 0), "60.2.0.192.in-addr.arpa. 3600 IN PTR real.example.org.\n");
	cr_expect_eq(ask(&h, &a, "\\000.w.example.org", DNS_A), PLUGIN_REPLY);
	hosts_close(&h);
	h.p = plan_of(". {\n hosts /nowhere/hosts {\n 192.0.2.5 *\n }\n}\n");
	h.s = h.p->conf.zone[0].step[0];
	cr_expect_eq(ask(&h, &a, "x", DNS_A), PLUGIN_REPLY);
	cr_expect_eq(ask(&h, &a, ".", DNS_A), PLUGIN_RCODE);
	cr_expect_eq(ask(&h, &a, "x.y", DNS_A), PLUGIN_RCODE);
	corefile_plan_free(h.p);
}

Test(plugin_hosts, fallthrough_and_inline)
{
	struct hosts_case h;
	struct asked a;

	hosts_open(&h, "{\n 192.0.2.50 in.example.org in2.example.org no..name in3.example.org\n fallthrough example.net\n "
		       "reload 10s\n}");
	cr_assert_eq(ask(&h, &a, "in2.example.org", DNS_A), PLUGIN_REPLY);
	cr_assert_eq(ask(&h, &a, "in3.example.org", DNS_A), PLUGIN_REPLY, "behind what is no name");
	cr_assert_eq(ask(&h, &a, "no.example.net", DNS_A), PLUGIN_NEXT);
	cr_assert_eq(ask(&h, &a, "no.example.org", DNS_A), PLUGIN_RCODE);
	cr_assert_eq(ask(&h, &a, "n.example.net", DNS_TXT), PLUGIN_REPLY);
	hosts_close(&h);
	hosts_open(&h, "{\n fallthrough\n fallthrough_unsupported\n}");
	cr_assert_eq(ask(&h, &a, "n.example.net", DNS_TXT), PLUGIN_NEXT);
	cr_assert_eq(ask(&h, &a, "n.example.net", DNS_AAAA), PLUGIN_REPLY);
	hosts_close(&h);
}

Test(plugin_hosts, zones_and_missing_file)
{
	struct hosts_case h;
	struct asked a;
	struct corefile_plan *p;

	hosts_open(&h, "example.net");
	cr_assert_eq(ask(&h, &a, "a.example.org", DNS_A), PLUGIN_NEXT);
	cr_assert_eq(ask(&h, &a, "n.example.net", DNS_A), PLUGIN_REPLY);
	hosts_close(&h);
	p = plan_of(". {\n hosts /nowhere/hosts {\n 192.0.2.1 a.b\n }\n}\n");
	assert_warned(p, "it is used once it can be read");
	corefile_plan_free(p);
	assert_refused(". {\n hosts /etc/hosts {\n fallthru\n }\n}\n",
		       "unknown property 'fallthru' of 'hosts' (did you mean 'fallthrough'?)");
}

/* Which names of in-addr.arpa and ip6.arpa are an address, and which address. */
Test(plugin_hosts, reverse_names)
{
#define IP6 ".0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
	static const char *const cases[][2] = {
		{"4.3.2.1.in-addr.arpa", "1.2.3.4"},
		{"255.10.0.99.IN-ADDR.arpa", "99.0.10.255"},
		{"001.2.3.4.in-addr.arpa", "4.3.2.1"},
		{"256.2.3.4.in-addr.arpa", NULL},
		{"0001.2.3.4.in-addr.arpa", NULL},
		{"a.2.3.4.in-addr.arpa", NULL},
		{"1/.2.3.4.in-addr.arpa", NULL},
		{"1:.2.3.4.in-addr.arpa", NULL},
		{"3.2.1.in-addr.arpa", NULL},
		{"5.4.3.2.1.in-addr.arpa", NULL},
		{"4.3.2.1.in-addr.test", NULL},
		{"1" IP6, "2001:db8::1"},
		{"a" IP6, "2001:db8::a"},
		{"F" IP6, "2001:db8::f"},
		{"9" IP6, "2001:db8::9"},
		{"g" IP6, NULL},
		{"`" IP6, NULL},
		{"G" IP6, NULL},
		{"@" IP6, NULL},
		{"11" IP6, NULL},
		{"0.1" IP6, NULL},
		{"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", NULL},
		{"a.b.c.d.0.1.2.3.4.5.6.7.8.9.a.b.c.d.e.f.0.1.2.3.4.5.6.7.8.9.a.b.ip6.arpa",
		 "ba98:7654:3210:fedc:ba98:7654:3210:dcba"},
		{"arpa", NULL},
		{".", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct in6_addr addr, want;
		struct name n;

		cr_assert_eq(name_from_text(&n, cases[i][0]), 0, "%s", cases[i][0]);
		cr_expect_eq(hosts_reverse(n.b, &addr), cases[i][1] != NULL, "%s", cases[i][0]);
		if (!cases[i][1] || !hosts_reverse(n.b, &addr))
			continue;
		want = addr_of(cases[i][1]);
		cr_expect_eq(memcmp(&addr, &want, sizeof(addr)), 0, "%s", cases[i][0]);
	}
}

/* Tables of many lines: each name and address is found, and nothing between them. */
Test(plugin_hosts, every_line_is_found)
{
	char path[] = "/tmp/corefile-many-XXXXXX", directive[200], name[64], want[256];
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	struct hosts_case h;
	struct asked a;

	for (unsigned i = 0; i < 100; i++) {
		unsigned k = i * 37 % 100; /* in no order */

		fprintf(f, "10.1.%u.1 h%u.example.org b%u.example.org\n10.1.%u.2\t\tH%u.example.org\n", k, k, k, k, k);
	}
	fclose(f);
	snprintf(directive, sizeof(directive), "hosts %s {\n fallthrough\n}", path);
	h.s = step_of(&h.p, directive);
	unlink(path);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "h%u.example.org", i);
		cr_assert_eq(ask(&h, &a, name, DNS_A), PLUGIN_REPLY, "%s", name);
		snprintf(want, sizeof(want), "%s. 3600 IN A 10.1.%u.1\n%s. 3600 IN A 10.1.%u.2\n", name, i, name, i);
		cr_assert_str_eq(section_of(a.out, a.len, 0), want);
		snprintf(name, sizeof(name), "1.%u.1.10.in-addr.arpa", i);
		cr_assert_eq(ask(&h, &a, name, DNS_PTR), PLUGIN_REPLY, "%s", name);
		snprintf(want, sizeof(want), "%s. 3600 IN PTR b%u.example.org.\n%s. 3600 IN PTR h%u.example.org.\n", name, i,
			 name, i);
		cr_assert_str_eq(section_of(a.out, a.len, 0), want);
		snprintf(name, sizeof(name), "h%ux.example.org", i);
		cr_assert_eq(ask(&h, &a, name, DNS_A), PLUGIN_NEXT, "%s", name);
		snprintf(name, sizeof(name), "3.%u.1.10.in-addr.arpa", i);
		cr_assert_eq(ask(&h, &a, name, DNS_PTR), PLUGIN_NEXT, "%s", name);
	}
	ask_init(&a, "h1.example.org", DNS_A, "10.0.0.1");
	a.q.qclass = DNS_CH;
	cr_assert_eq(h.s->ops->ask(h.s, &a.q, &a.o, &a.len), PLUGIN_NEXT, "another class");
	cr_assert_eq(h.p->n_hosts_entries, 2 * 300);
	corefile_plan_free(h.p);
}
