/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that are a few lines each: acl, any, minimal, whoami, dns64, loadbalance. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fixtures/corefile_util.h"

static enum plugin_verdict arrive(const struct plugin_step *s, struct asked *a)
{
	return s->ops->arrive(s, &a->q, &a->o, &a->len);
}

Test(plugin_acl, first_policy_that_fits_decides)
{
	struct corefile_plan *p;
	const struct plugin_step *s =
		step_of(&p, "acl a.example.org {\n block net 10.1.0.0/16\n}\n"
			    "acl {\n allow net 10.0.0.0/8 192.0.2.1 fd00::/8\n filter type A AAAA "
			    "net *\n drop type *\n}");
	static const struct {
		const char *name, *client;
		uint16_t qtype;
		enum plugin_verdict verdict;
		size_t rcode;
		uint16_t ede;
	} cases[] = {
		{"x.a.example.org", "10.1.2.3", DNS_A, PLUGIN_RCODE, DNS_REFUSED, 15},
		{"x.a.example.org", "10.2.2.3", DNS_A, PLUGIN_NEXT, 0, 0},
		{"b.example.org", "10.1.2.3", DNS_A, PLUGIN_NEXT, 0, 0},
		{"b.example.org", "fd00::1", DNS_A, PLUGIN_NEXT, 0, 0},
		{"b.example.org", "192.0.2.1", DNS_TXT, PLUGIN_NEXT, 0, 0},
		{"b.example.org", "192.0.2.2", DNS_AAAA, PLUGIN_RCODE, DNS_NOERROR, 17},
		{"b.example.org", "192.0.2.2", DNS_TXT, PLUGIN_DROP, 0, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asked a;

		ask_init(&a, cases[i].name, cases[i].qtype, cases[i].client);
		cr_assert_eq(arrive(s, &a), cases[i].verdict, "case %zu", i);
		if (cases[i].verdict == PLUGIN_RCODE) {
			cr_assert_eq(a.len, cases[i].rcode);
			cr_assert(a.q.has_ede && a.q.ede_code == cases[i].ede);
		}
	}
	corefile_plan_free(p);
	assert_refused("x {\n acl {\n block tpye A\n }\n}\n", "did you mean 'type'?");
	assert_refused("x {\n acl {\n block net 10.0.0.0/33\n }\n}\n",
		       "illegal CIDR notation '10.0.0.0/33'");
	assert_refused("x {\n acl {\n block net\n }\n}\n", "needs at least one value");
}

/* A star is all of its section, whatever stands beside it; the other section still decides. */
Test(plugin_acl, a_star_among_others)
{
	static const struct {
		const char *policy;
		bool mx_far, mx_near, a_far; /* blocked: MX from afar, MX from 10.0.0.1, A from afar */
	} cases[] = {
		{"block type A", false, false, true},
		{"block type *", true, true, true},
		{"block type A *", true, true, true},
		{"block type * A", true, true, true},
		{"block net 10.0.0.0/8", false, true, false},
		{"block net *", true, true, true},
		{"block net 10.0.0.0/8 *", true, true, true},
		{"block net * 10.0.0.0/8", true, true, true},
		{"block type A * net 10.0.0.0/8", false, true, false},
		{"block type A net * 10.0.0.0/8", false, false, true},
		{"block", true, true, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char directive[100];
		struct corefile_plan *p;
		struct asked a;

		snprintf(directive, sizeof(directive), "acl {\n %s\n}", cases[i].policy);
		const struct plugin_step *s = step_of(&p, directive);

		ask_init(&a, "x.example.org", DNS_MX, "192.0.2.1");
		cr_expect_eq(arrive(s, &a) == PLUGIN_RCODE, cases[i].mx_far, "%s", cases[i].policy);
		ask_init(&a, "x.example.org", DNS_MX, "10.0.0.1");
		cr_expect_eq(arrive(s, &a) == PLUGIN_RCODE, cases[i].mx_near, "%s", cases[i].policy);
		ask_init(&a, "x.example.org", DNS_A, "192.0.2.1");
		cr_expect_eq(arrive(s, &a) == PLUGIN_RCODE, cases[i].a_far, "%s", cases[i].policy);
		corefile_plan_free(p);
	}
}

Test(plugin_any, answers_hinfo)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "any");
	struct asked a;

	ask_init(&a, "x.example.org", DNS_ANY, "10.0.0.1");
	cr_assert_eq(arrive(s, &a), PLUGIN_REPLY);
	cr_assert_eq(get_be16(a.out), 4711);
	cr_assert_str_eq(section_of(a.out, a.len, 0),
			 "x.example.org. 8482 IN HINFO \"ANY obsoleted\" \"See RFC 8482\"\n");
	ask_init(&a, "x.example.org", DNS_A, "10.0.0.1");
	cr_assert_eq(arrive(s, &a), PLUGIN_NEXT);
	corefile_plan_free(p);
}

Test(plugin_whoami, tells_address_and_port)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "whoami");
	struct asked a;

	ask_init(&a, "x.example.org", DNS_A, "10.0.0.1");
	cr_assert_eq(s->ops->ask(s, &a.q, &a.o, &a.len), PLUGIN_REPLY);
	cr_assert_str_eq(
		section_of(a.out, a.len, 2),
		"_udp.x.example.org. 0 IN SRV 0 0 40000 .\nx.example.org. 0 IN A 10.0.0.1\n");
	cr_assert(get_be16(a.out + 2) & DNS_AA);
	ask_init(&a, ".", DNS_A, "2001:db8::1");
	a.client.proto = CORE_TCP;
	cr_assert_eq(s->ops->ask(s, &a.q, &a.o, &a.len), PLUGIN_REPLY);
	cr_assert_str_eq(section_of(a.out, a.len, 2),
			 ". 0 IN AAAA 2001:db8::1\n_tcp. 0 IN SRV 0 0 40000 .\n");
	a.q.client = NULL;
	cr_assert_eq(s->ops->ask(s, &a.q, &a.o, &a.len), PLUGIN_NEXT, "a question of our own is nobody's");
	/* below a name of 251 octets nothing more fits */
	for (unsigned more = 0; more < 2; more++) {
		char name[300];

		snprintf(name, sizeof(name), "%063d.%063d.%063d.%0*d.", 1, 2, 3, 56 + (int)more, 4);
		ask_init(&a, name, DNS_A, "10.0.0.1");
		cr_assert_eq(s->ops->ask(s, &a.q, &a.o, &a.len), PLUGIN_REPLY);
		cr_expect_eq(get_be16(a.out + 10), more ? 1 : 2);
		cr_expect_eq(get_be32(a.out + 6), 0);
		cr_expect(get_be16(a.out + 2) & DNS_AA);
		cr_expect_eq(strstr(section_of(a.out, a.len, 2), "SRV") == NULL, more);
		cr_expect(strstr(section_of(a.out, a.len, 2), "A 10.0.0.1"));
	}
	corefile_plan_free(p);
}

Test(plugin_minimal, keeps_answers_and_opt)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "minimal");
	struct asked a;
	uint8_t msg[1024];
	struct wire_out o;
	size_t mark, len = reply_make(msg, sizeof(msg), "x.example.org", DNS_A, 0,
				      (const char *const[]){"x.example.org. 60 A 192.0.2.1", NULL});
	struct name ns;

	cr_assert_eq(name_from_text(&ns, "ns.example.org"), 0);
	wire_out_init(&o, msg, sizeof(msg));
	o.len = len;
	mark = wire_rr_begin(&o, ns.b, DNS_NS, DNS_IN, 60);
	wire_put_name(&o, ns.b);
	wire_rr_end(&o, mark);
	mark = wire_opt_begin(&o, 1232, 0, 0, false);
	wire_opt_end(&o, mark);
	set_be16(msg + 8, 1);
	set_be16(msg + 10, 1);
	ask_init(&a, "x.example.org", DNS_A, "10.0.0.1");
	size_t now = s->ops->answered(s, &a.q, msg, o.len, sizeof(msg));
	struct dns_msg m;

	cr_assert_eq(dns_msg_parse(&m, msg, now), 0);
	cr_assert(m.h.n_an == 1 && m.h.n_ns == 0 && m.h.n_ar == 1 && m.edns.present &&
		  m.edns.udp_size == 1232);
	cr_assert_eq(now, len + 11);
	/* the first of two, with records on both sides; without any, none is made */
	for (int with = 0; with < 2; with++) {
		len = reply_make(msg, sizeof(msg), "x.example.org", DNS_A, 0, (const char *const[]){"x.example.org. 60 A 192.0.2.1", NULL});
		wire_out_init(&o, msg, sizeof(msg));
		o.len = len;
		for (unsigned i = 0; i < 4; i++) { /* NS, OPT, OPT, NS */
			if (with && (i == 1 || i == 2)) {
				mark = wire_opt_begin(&o, (uint16_t)(600 + i), 0, 0, false);
				wire_put_bytes(&o, "\0\3\0\1x", i == 1 ? 5 : 0);
				wire_opt_end(&o, mark);
				continue;
			}
			mark = wire_rr_begin(&o, ns.b, DNS_NS, DNS_IN, 60);
			wire_put_name(&o, ns.b);
			wire_rr_end(&o, mark);
		}
		set_be16(msg + 8, 1);
		set_be16(msg + 10, 3);
		uint8_t *exact = memcpy(malloc(o.len), msg, o.len); /* nothing is read behind its end */

		now = s->ops->answered(s, &a.q, exact, o.len, o.len);
		memcpy(msg, exact, now);
		free(exact);
		cr_assert_eq(dns_msg_parse(&m, msg, now), 0);
		cr_expect(m.h.n_an == 1 && m.h.n_ns == 0 && m.h.n_ar == with && m.edns.present == with);
		cr_expect_eq(now, len + (with ? 16u : 0));
		cr_expect(!with || (m.edns.udp_size == 601 && m.edns.opts_len == 5));
	}
	/* a denial keeps its SOA */
	len = reply_make(msg, sizeof(msg), "x.example.org", DNS_A, DNS_NXDOMAIN, NULL);
	cr_assert_eq(s->ops->answered(s, &a.q, msg, len, sizeof(msg)), len);
	/* nonsense stays nonsense */
	cr_assert_eq(s->ops->answered(s, &a.q, msg, 5, sizeof(msg)), 5);
	corefile_plan_free(p);
}

/* Only an answer to one question loses what stands beside it; all else stays as it is, whatever its header says. */
Test(plugin_minimal, what_is_no_answer_stays_whole)
{
	static const uint16_t rcodes[] = {DNS_NOERROR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_REFUSED};
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "minimal");
	uint8_t whole[512], msg[512];
	struct asked a;
	size_t len = reply_make(whole, sizeof(whole), "x.example.org", DNS_CNAME, 0,
				(const char *const[]){"x.example.org. 60 CNAME y.example.org.", "y.example.org. 60 CNAME z.example.org.",
						      "example.org. 60 NS a.example.org.", NULL});

	ask_init(&a, "x.example.org", DNS_CNAME, "10.0.0.1");
	for (uint16_t n_qd = 0; n_qd < 3; n_qd++)
		for (size_t r = 0; r < sizeof(rcodes) / sizeof(rcodes[0]); r++)
			for (uint16_t n_an = 0; n_an < 4; n_an++) {
				bool shrinks = n_qd == 1 && rcodes[r] == DNS_NOERROR && (n_an == 1 || n_an == 2);

				set_be16(whole + 2, (uint16_t)(DNS_QR | rcodes[r]));
				set_be16(whole + 4, n_qd);
				set_be16(whole + 6, n_an);
				set_be16(whole + 8, n_an < 2);
				set_be16(whole + 10, (uint16_t)(n_an < 2 ? 2 - n_an : 3 - n_an));
				memcpy(msg, whole, len);
				size_t now = s->ops->answered(s, &a.q, msg, len, sizeof(msg));

				cr_expect_eq(now < len, shrinks, "%u questions, %u answers, rcode %u", n_qd, n_an, rcodes[r]);
				cr_expect(shrinks ? get_be32(msg + 8) == 0 : !memcmp(msg, whole, len));
			}
	corefile_plan_free(p);
}

Test(plugin_dns64, asks_for_a_only_where_it_helps)
{
	struct corefile_plan *p, *all;
	const struct plugin_step *s = step_of(&p, "dns64"),
				 *t = step_of(&all, "dns64 {\n translate_all\n allow_ipv4\n}");
	struct asked a;
	uint8_t empty[512], aaaa[512], nx[512];
	size_t n_empty = reply_make(empty, sizeof(empty), "x.example.org", DNS_AAAA, 0, NULL),
	       n_aaaa = reply_make(
		       aaaa, sizeof(aaaa), "x.example.org", DNS_AAAA, 0,
		       (const char *const[]){"x.example.org. 60 AAAA 2001:db8::1", NULL}),
	       n_nx = reply_make(nx, sizeof(nx), "x.example.org", DNS_AAAA, DNS_NXDOMAIN, NULL);

	ask_init(&a, "x.example.org", DNS_AAAA, "2001:db8::9");
	cr_assert_eq(s->ops->reask(s, &a.q, empty, n_empty), DNS_A);
	cr_assert_eq(s->ops->reask(s, &a.q, aaaa, n_aaaa), 0);
	cr_assert_eq(t->ops->reask(t, &a.q, aaaa, n_aaaa), DNS_A);
	/* Denied is AAAA: there may be an A all the same. */
	cr_assert_eq(s->ops->reask(s, &a.q, nx, n_nx), DNS_A);
	cr_assert_eq(t->ops->reask(t, &a.q, nx, n_nx), DNS_A);
	ask_init(&a, "x.example.org", DNS_A, "2001:db8::9");
	cr_assert_eq(s->ops->reask(s, &a.q, empty, n_empty), 0);
	ask_init(&a, "x.example.org", DNS_AAAA, "10.0.0.1");
	cr_assert_eq(s->ops->reask(s, &a.q, empty, n_empty), 0);
	cr_assert_eq(t->ops->reask(t, &a.q, empty, n_empty), DNS_A);
	/* to the last octet of a header */
	cr_assert_eq(t->ops->reask(t, &a.q, empty, DNS_HEADER_LEN), DNS_A);
	cr_assert_eq(t->ops->reask(t, &a.q, empty, DNS_HEADER_LEN - 1), 0);
	a.q.qclass = DNS_CH;
	cr_assert_eq(t->ops->reask(t, &a.q, empty, n_empty), 0);
	ask_init(&a, "x.example.org", DNS_AAAA, "2001:db8::9");
	a.q.client = NULL; /* a question of our own */
	cr_assert_eq(s->ops->reask(s, &a.q, empty, n_empty), 0);
	cr_assert_eq(t->ops->reask(t, &a.q, empty, n_empty), 0);
	corefile_plan_free(p);
	corefile_plan_free(all);
}

/* RFC 6052 section 2.4: 192.0.2.33 under each length of prefix. */
Test(plugin_dns64, addresses_of_rfc_6052)
{
	static const char *const cases[][2] = {
		{"64:ff9b::/96", "64:ff9b::c000:221"},
		{"2001:db8::/32", "2001:db8:c000:221::"},
		{"2001:db8:100::/40", "2001:db8:1c0:2:21::"},
		{"2001:db8:122::/48", "2001:db8:122:c000:2:2100::"},
		{"2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"},
		{"2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100:0"},
		{"2001:db8:122:344::/96", "2001:db8:122:344::c000:221"},
	};
	uint8_t first[512], second[512], out[512];
	size_t n_first = reply_make(first, sizeof(first), "x.example.org", DNS_AAAA, 0, NULL),
	       n_second =
		       reply_make(second, sizeof(second), "x.example.org", DNS_A, 0,
				  (const char *const[]){"x.example.org. 900 CNAME y.example.org.",
							"y.example.org. 900 A 192.0.2.33", NULL});

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char directive[100], want[200];
		struct corefile_plan *p;
		struct asked a;

		snprintf(directive, sizeof(directive), "dns64 %s", cases[i][0]);
		const struct plugin_step *s = step_of(&p, directive);

		ask_init(&a, "x.example.org", DNS_AAAA, "2001:db8::9");
		size_t len =
			s->ops->merge(s, &a.q, first, n_first, second, n_second, out, sizeof(out));

		snprintf(want, sizeof(want),
			 "x.example.org. 900 IN CNAME y.example.org.\ny.example.org. 600 IN AAAA "
			 "%s\n",
			 cases[i][1]);
		cr_assert_str_eq(section_of(out, len, 0), want);
		corefile_plan_free(p);
	}
	assert_refused("x {\n dns64 64:ff9b::/97\n}\n", "prefix length 97");
	assert_refused("x {\n dns64 64:ff9b::/60\n}\n", "prefix length 60");
	assert_refused("x {\n dns64 10.0.0.0/8\n}\n", "is not an IPv6 prefix");
}

/* RFC 6147 section 5.1.7: no longer than the SOA of the denial, wherever it stands. */
Test(plugin_dns64, no_longer_than_the_soa_says)
{
	static const char *const aliased[] = {"x.example.org. 70 CNAME y.example.org.", "y.example.org. 70 CNAME z.example.org.",
					      "example.org. 50 SOA a. b. 1 2 3 4 5", NULL};
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "dns64");
	uint8_t first[512], second[512], out[512];
	size_t n_second = reply_make(second, sizeof(second), "x.example.org", DNS_A, 0,
				     (const char *const[]){"x.example.org. 900 A 192.0.2.33", "x.example.org. 40 A 192.0.2.34", NULL});

	for (unsigned n_alias = 0; n_alias < 3; n_alias++) {
		size_t n_first = reply_make(first, sizeof(first), "x.example.org", DNS_AAAA, 0, aliased + 2 - n_alias);
		struct asked a;

		set_be16(first + 6, (uint16_t)n_alias); /* the last one is the authority's */
		set_be16(first + 8, 1);
		ask_init(&a, "x.example.org", DNS_AAAA, "2001:db8::9");
		size_t len = s->ops->merge(s, &a.q, first, n_first, second, n_second, out, sizeof(out));

		cr_expect_str_eq(section_of(out, len, 0), "x.example.org. 40 IN AAAA 64:ff9b::c000:222\n"
							  "x.example.org. 50 IN AAAA 64:ff9b::c000:221\n", "%s", section_of(out, len, 0));
	}
	corefile_plan_free(p);
}

static size_t addresses(uint8_t *msg, size_t cap)
{
	return reply_make(msg, cap, "x.example.org", DNS_A, 0,
			  (const char *const[]){"x.example.org. 60 CNAME y.example.org.",
						"y.example.org. 60 A 192.0.2.1",
						"y.example.org. 60 A 192.0.2.2",
						"y.example.org. 60 A 10.0.0.3", NULL});
}

/* The first address in the answer, its last octet. */
static unsigned first_octet(const uint8_t *msg, size_t len)
{
	struct dns_msg m;
	struct dns_rr rr;
	struct wire w;

	cr_assert_eq(dns_msg_parse(&m, msg, len), 0);
	wire_init(&w, msg, len);
	w.off = m.answer_off;
	wire_rr(&w, &rr);
	cr_assert_eq(rr.type, DNS_CNAME);
	wire_rr(&w, &rr);
	cr_assert_eq(rr.type, DNS_A);
	return msg[rr.rdata_off + 3];
}

Test(plugin_loadbalance, shuffles_addresses_only)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "loadbalance");
	uint8_t msg[512];
	unsigned seen[4] = {0};

	for (unsigned i = 0; i < 3000; i++) {
		size_t len = addresses(msg, sizeof(msg));
		struct asked a;

		ask_init(&a, "x.example.org", DNS_A, "10.0.0.1");
		a.q.now_ns = i * 1000;
		cr_assert_eq(s->ops->respond(s, &a.q, msg, len, sizeof(msg)), len);
		seen[first_octet(msg, len)]++;
	}
	cr_assert(seen[1] > 850 && seen[2] > 850 && seen[3] > 850, "%u %u %u", seen[1], seen[2],
		  seen[3]);
	corefile_plan_free(p);
}

Test(plugin_loadbalance, prefer_puts_nets_first)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "loadbalance {\n prefer 10.0.0.0/8\n}");
	uint8_t msg[512];

	for (unsigned i = 0; i < 50; i++) {
		size_t len = addresses(msg, sizeof(msg));
		struct asked a;

		ask_init(&a, "x.example.org", DNS_A, "10.0.0.1");
		a.q.now_ns = i;
		s->ops->respond(s, &a.q, msg, len, sizeof(msg));
		cr_assert_eq(first_octet(msg, len), 3);
	}
	corefile_plan_free(p);
}

Test(plugin_loadbalance, weights)
{
	char path[] = "/tmp/corefile-weights-XXXXXX", directive[200];
	int fd = mkstemp(path);
	static const char weights[] =
		"# c\nx.example.org\n192.0.2.1 1\n192.0.2.2 98\n\nother.example.org\n192.0.2.1 5\n";
	struct corefile_plan *p;
	uint8_t msg[512];
	unsigned seen[4] = {0};

	cr_assert_eq(write(fd, weights, sizeof(weights) - 1), (ssize_t)sizeof(weights) - 1);
	snprintf(directive, sizeof(directive), "loadbalance weighted %s {\n reload 5s\n}", path);
	const struct plugin_step *s = step_of(&p, directive);

	cr_assert_eq(p->file[1].kind, COREFILE_FILE_WEIGHTS);
	for (unsigned i = 0; i < 2000; i++) {
		size_t len = addresses(msg, sizeof(msg));
		struct asked a;

		ask_init(&a, "x.example.org", DNS_A, "10.0.0.1");
		a.q.now_ns = i * 7;
		s->ops->respond(s, &a.q, msg, len, sizeof(msg));
		seen[first_octet(msg, len)]++;
	}
	cr_assert(seen[2] > 1900 && seen[1] > 0 && seen[3] > 0, "%u %u %u", seen[1], seen[2],
		  seen[3]);
	corefile_plan_free(p);
	cr_assert_eq(ftruncate(fd, 0), 0);
	cr_assert_eq(pwrite(fd, "192.0.2.1 5\n", 12, 0), 12);
	char text[300];

	snprintf(text, sizeof(text), "x {\n%s\n}\n", directive);
	assert_refused(text, ":1: '192.0.2.1 5': expected a domain name");
	close(fd);
	unlink(path);
}
