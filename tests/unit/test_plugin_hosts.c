/* SPDX-License-Identifier: Apache-2.0 */
/* hosts: tables, wildcards, reverse names, falling through. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/corefile_util.h"

struct hosts_case {
	char path[40];
	struct corefile_plan *p;
	const struct plugin_step *s;
};

static void hosts_open(struct hosts_case *h, const char *options)
{
	static const char file[] = "# comment\n192.0.2.1 a.example.org A2.example.org # "
				   "alias\n2001:db8::1 a.example.org\n"
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
	cr_assert_eq(ask(&h, &a, "a.example.org", DNS_AAAA), PLUGIN_REPLY);
	cr_assert_str_eq(section_of(a.out, a.len, 0), "a.example.org. 3600 IN AAAA 2001:db8::1\n");
	cr_assert_eq(ask(&h, &a, "a2.example.org", DNS_A), PLUGIN_REPLY);
	cr_assert_eq(ask(&h, &a, "a2.example.org", DNS_AAAA), PLUGIN_REPLY);
	cr_assert_str_eq(section_of(a.out, a.len, 0), "");
	cr_assert_eq(ask(&h, &a, "a.example.org", DNS_TXT), PLUGIN_REPLY);
	cr_assert_eq(ask(&h, &a, "q.w.example.org", DNS_A), PLUGIN_REPLY);
	cr_assert_eq(ask(&h, &a, "w.example.org", DNS_A), PLUGIN_RCODE);
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
	cr_assert_eq(ask(&h, &a, "8.2.0.192.in-addr.arpa", DNS_PTR), PLUGIN_NEXT);
	cr_assert_eq(ask(&h, &a, "256.2.0.192.in-addr.arpa", DNS_PTR), PLUGIN_NEXT);
	cr_assert_eq(ask(&h, &a, "7.2.0.192.in-addr.arpa", DNS_PTR), PLUGIN_NEXT,
		     "a wildcard is nobody's name");
	hosts_close(&h);
	hosts_open(&h, "{\n no_reverse\n}");
	cr_assert_eq(ask(&h, &a, "1.2.0.192.in-addr.arpa", DNS_PTR), PLUGIN_NEXT);
	hosts_close(&h);
}

Test(plugin_hosts, fallthrough_and_inline)
{
	struct hosts_case h;
	struct asked a;

	hosts_open(&h, "{\n 192.0.2.50 in.example.org in2.example.org\n fallthrough example.net\n "
		       "reload 10s\n}");
	cr_assert_eq(ask(&h, &a, "in2.example.org", DNS_A), PLUGIN_REPLY);
	cr_assert_eq(ask(&h, &a, "no.example.net", DNS_A), PLUGIN_NEXT);
	cr_assert_eq(ask(&h, &a, "no.example.org", DNS_A), PLUGIN_RCODE);
	cr_assert_eq(ask(&h, &a, "n.example.net", DNS_TXT), PLUGIN_REPLY);
	cr_assert_eq(h.p->file[1].poll_ns, 10000000000ull);
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
