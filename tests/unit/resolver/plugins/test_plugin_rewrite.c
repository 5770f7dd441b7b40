/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite: what is asked instead, and what the answer looks like then. */
#include <stdio.h>

#include "tests/fixtures/corefile_util.h"

static const char *asked_name(struct asked *a)
{
	static char text[NAME_MAX_TEXT];

	name_to_text(a->q.name.b, text, sizeof(text));
	return text;
}

static const char *rewritten(const char *directive, const char *name)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, directive);
	struct asked a;

	ask_init(&a, name, DNS_A, "10.0.0.1");
	cr_assert_eq(s->ops->ask(s, &a.q, &a.o, &a.len), PLUGIN_NEXT);
	corefile_plan_free(p);
	return asked_name(&a);
}

Test(plugin_rewrite, names)
{
	static const char *const cases[][3] = {
		{"rewrite name a.example.org b.example.net", "a.example.org", "b.example.net."},
		{"rewrite name a.example.org b.example.net", "x.a.example.org", "x.a.example.org."},
		{"rewrite name exact A.example.org b.example.net", "a.example.org",
		 "b.example.net."},
		{"rewrite name prefix db- mysql-", "db-1.example.org", "mysql-1.example.org."},
		{"rewrite name suffix .example.org .example.net", "a.b.example.org",
		 "a.b.example.net."},
		{"rewrite name suffix .example.org. .example.net.", "a.example.org.com",
		 "a.example.org.com."},
		{"rewrite name substring us-west eu-north", "x.us-west.us-west.org",
		 "x.eu-north.eu-north.org."},
		{"rewrite name regex (.*)-(us-west-1)\\.coredns\\.rocks {1}.service.{2}.consul",
		 "ftp-us-west-1.coredns.rocks", "ftp.service.us-west-1.consul."},
		{"rewrite continue name a.org b.org\nrewrite name b.org c.org\nrewrite name c.org "
		 "d.org",
		 "a.org", "c.org."},
		{"rewrite stop {\n name suffix .old .new answer auto\n}", "x.old", "x.new."},
		{"rewrite name regex (.*)[.]old {1}.NEW", "x.old", "x.new."},
		{"rewrite name regex (.*)[.]old {1}{}.{1x.{.new", "y.old", "y{}.{1x.{.new."},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_str_eq(rewritten(cases[i][0], cases[i][1]), cases[i][2], "case %zu", i);
}

Test(plugin_rewrite, type_and_class)
{
	struct corefile_plan *p;
	const struct plugin_step *s =
		step_of(&p, "rewrite continue type ANY HINFO\nrewrite class CH IN");
	struct asked a;

	ask_init(&a, "x.example.org", DNS_ANY, "10.0.0.1");
	a.q.qclass = DNS_CH;
	cr_assert_eq(s->ops->ask(s, &a.q, &a.o, &a.len), PLUGIN_NEXT);
	cr_assert_eq(a.q.qtype, DNS_HINFO);
	cr_assert_eq(a.q.qclass, DNS_IN);
	a.q.qclass = DNS_HS;
	cr_assert_eq(s->ops->ask(s, &a.q, &a.o, &a.len), PLUGIN_NEXT);
	cr_assert_eq(a.q.qclass, DNS_HS, "another class stays");
	corefile_plan_free(p);
}

/* What the client gets when the rewritten question is answered with these. */
static const char *answer_of(const char *directive, const char *name, uint16_t rcode,
			     const char *const *rr)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, directive);
	static uint8_t msg[2048];
	struct asked a;
	size_t len = reply_make(msg, sizeof(msg), name, DNS_A, rcode, rr);

	ask_init(&a, name, DNS_A, "10.0.0.1");
	a.q.client = NULL;
	len = s->ops->answered(s, &a.q, msg, len, sizeof(msg));
	corefile_plan_free(p);
	cr_assert_eq(msg_check(msg, len), 0);
	static char text[2100];

	snprintf(text, sizeof(text), "%u %s", DNS_RCODE(get_be16(msg + 2)),
		 section_of(msg, len, 0));
	return text;
}

Test(plugin_rewrite, a_cname_gets_another_target)
{
	static const struct {
		const char *rule, *target;
	} cases[] = {{"exact t.Example.net u.example.org", "u.example.org."},
		     {"t.example.net u.example.org", "u.example.org."},
		     {"prefix t. u.", "u.example.net."},
		     {"suffix .example.net .org", "t.org."},
		     {"substring exam tem", "t.temple.net."},
		     {"regex ^(.*)\\.example\\.net\\.$ {1}.b.org", "t.b.org."},
		     {"exact other.example.net u.example.org", "t.example.net."}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char rule[128], want[256];

		snprintf(rule, sizeof(rule), "rewrite cname %s", cases[i].rule);
		snprintf(want, sizeof(want),
			 "0 a.example.org. 60 IN CNAME %s\nt.example.net. 60 IN A 192.0.2.1\n",
			 cases[i].target);
		cr_assert_str_eq(answer_of(rule, "a.example.org", 0,
					   (const char *const[]){"a.example.org. 60 CNAME "
								 "t.example.net.",
								 "t.example.net. 60 A 192.0.2.1",
								 NULL}),
				 want, "%s", rule);
	}
}

/* What a new target has in the answer is looked for in its first 64 records; beyond them it is asked for. */
Test(plugin_rewrite, a_target_that_is_in_hand)
{
	for (unsigned n = 62; n <= 65; n++) {
		const char *rr[70] = {"a.org. 60 CNAME t.org."};
		static uint8_t msg[8192];
		struct corefile_plan *p;
		const struct plugin_step *s = step_of(&p, "rewrite cname exact t.org t.org");
		struct asked a;

		for (unsigned i = 1; i < n; i++)
			rr[i] = "x.org. 60 A 192.0.2.1";
		rr[n] = "t.org. 60 A 192.0.2.1";
		size_t len = reply_make(msg, sizeof(msg), "a.org", DNS_A, 0, rr);

		ask_init(&a, "a.org", DNS_A, "10.0.0.1");
		a.q.client = NULL;
		len = s->ops->answered(s, &a.q, msg, len, sizeof(msg));
		cr_expect_eq(msg_check(msg, len), 0);
		cr_expect_eq(a.q.follow_rr, n < 64 ? 0 : 1, "%u", n);
		corefile_plan_free(p);
	}
}

Test(plugin_rewrite, answers_are_mapped_back)
{
	cr_assert_str_eq(answer_of("rewrite name a.example.org b.example.net", "a.example.org", 0,
				   (const char *const[]){"B.example.net. 60 CNAME c.b.example.net.",
							 "c.b.example.net. 60 A 192.0.2.1", NULL}),
			 "0 a.example.org. 60 IN CNAME c.a.example.org.\nc.a.example.org. 60 IN A "
			 "192.0.2.1\n");
	cr_assert_str_eq(answer_of("rewrite name suffix .old.org .new.net answer auto", "x.old.org",
				   0, (const char *const[]){"x.new.net. 60 A 192.0.2.1", NULL}),
			 "0 x.old.org. 60 IN A 192.0.2.1\n");
	cr_assert_str_eq(answer_of("rewrite name suffix .old.org .new.net", "x.old.org", 0,
				   (const char *const[]){"x.new.net. 60 A 192.0.2.1", NULL}),
			 "0 x.new.net. 60 IN A 192.0.2.1\n");
	cr_assert_str_eq(answer_of("rewrite stop {\n name regex (.*)-(us-west-1)\\.coredns\\.rocks "
				   "{1}.service.{2}.consul\n"
				   " answer name (.*)\\.service\\.(us-west-1)\\.consul "
				   "{1}-{2}.coredns.rocks\n}",
				   "ftp-us-west-1.coredns.rocks", 0,
				   (const char *const[]){
					   "ftp.service.us-west-1.consul. 0 A 10.10.10.10", NULL}),
			 "0 ftp-us-west-1.coredns.rocks. 0 IN A 10.10.10.10\n");
	cr_assert_str_eq(
		answer_of("rewrite stop {\n name suffix .arpa .arpa\n answer name auto\n answer "
			  "value (.*)\\.service\\.consul\\. {1}.coredns.rocks.\n}",
			  "30.30.30.10.in-addr.arpa", 0,
			  (const char *const[]){
				  "30.30.30.10.in-addr.arpa. 60 PTR ftp-us-west-1.service.consul.",
				  NULL}),
		"0 30.30.30.10.in-addr.arpa. 60 IN PTR ftp-us-west-1.coredns.rocks.\n");
	cr_assert_str_eq(answer_of("rewrite continue name prefix a. b. answer auto\nrewrite name "
				   "suffix .org .net answer auto",
				   "a.x.org", 0,
				   (const char *const[]){"b.x.net. 60 MX 10 mail.b.x.net.",
							 "b.x.net. 60 SRV 1 2 3 s.net.", NULL}),
			 "0 a.x.org. 60 IN MX 10 mail.a.x.org.\na.x.org. 60 IN SRV 1 2 3 s.org.\n");
}

/* What one answer rule makes is a whole name to the next, however it is spelt. */
Test(plugin_rewrite, answer_rules_in_a_row)
{
	cr_assert_str_eq(answer_of("rewrite stop {\n name suffix .a.test .b.test\n answer name ^(.*)\\.c\\.test\\.$ {1}.d.test\n"
				   " answer name ^(.*)\\.b\\.test\\.$ {1}.C.test\n}",
				   "x.a.test", 0, (const char *const[]){"x.b.test. 60 A 192.0.2.1", NULL}),
			 "0 x.d.test. 60 IN A 192.0.2.1\n");
}

/* Another step's reply stands under the question as rewritten. */
Test(plugin_rewrite, the_question_is_put_back)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(
		&p, "rewrite continue type A AAAA\nrewrite name a.example.org b.example.net");
	uint8_t msg[512];
	struct dns_msg m;
	struct asked a;
	size_t len = reply_make(msg, sizeof(msg), "b.example.net", DNS_AAAA, 0,
				(const char *const[]){"b.example.net. 60 AAAA 2001:db8::1", NULL});

	ask_init(&a, "a.example.org", DNS_A, "10.0.0.1");
	len = s->ops->answered(s, &a.q, msg, len, sizeof(msg));
	cr_assert_eq(dns_msg_parse(&m, msg, len), 0);
	cr_assert_eq(m.q.qtype, DNS_A);
	cr_assert(name_eq(m.q.name, a.q.name.b));
	cr_assert_str_eq(section_of(msg, len, 0), "a.example.org. 60 IN AAAA 2001:db8::1\n");
	corefile_plan_free(p);
}

Test(plugin_rewrite, ttl_and_rcode)
{
	static const char *const rr[] = {"x.example.org. 5 A 192.0.2.1",
					 "x.example.org. 500 A 192.0.2.2", NULL};

	cr_assert_str_eq(
		answer_of("rewrite ttl suffix .example.org 30-300", "x.example.org", 0, rr),
		"0 x.example.org. 30 IN A 192.0.2.1\nx.example.org. 300 IN A 192.0.2.2\n");
	cr_assert_str_eq(answer_of("rewrite ttl x.example.org 15", "x.example.org", 0, rr),
			 "0 x.example.org. 15 IN A 192.0.2.1\nx.example.org. 15 IN A 192.0.2.2\n");
	cr_assert_str_eq(answer_of("rewrite ttl regex .* -30", "x.example.org", 0, rr),
			 "0 x.example.org. 30 IN A 192.0.2.2\nx.example.org. 5 IN A 192.0.2.1\n");
	cr_assert_str_eq(answer_of("rewrite ttl substring other 15", "x.example.org", 0, rr),
			 "0 x.example.org. 5 IN A 192.0.2.1\nx.example.org. 500 IN A 192.0.2.2\n");
	cr_assert_str_eq(answer_of("rewrite rcode regex (.*)\\.example\\.org SERVFAIL NOERROR",
				   "x.example.org", DNS_SERVFAIL, NULL),
			 "0 ");
	cr_assert_str_eq(
		answer_of("rewrite rcode x.example.org 2 0", "x.example.org", DNS_NXDOMAIN, NULL),
		"3 ");
}

Test(plugin_rewrite, a_name_that_is_none_fails)
{
	struct corefile_plan *p;
	const struct plugin_step *s =
		step_of(&p, "rewrite name regex (.*) {1}.{1}{1}{1}{1}{1}{1}{1}{1}{1}{1}{1}{1}{1}.");
	struct asked a;

	ask_init(&a, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.org", DNS_A, "10.0.0.1");
	cr_assert_eq(s->ops->ask(s, &a.q, &a.o, &a.len), PLUGIN_RCODE);
	cr_assert_eq(a.len, DNS_SERVFAIL);
	corefile_plan_free(p);
}

/* A rule that cannot do anything here is left out; those around it work. */
Test(plugin_rewrite, rules_of_metadata_are_left_out)
{
	static const char directive[] = "rewrite continue name a.org b.org\nrewrite edns0 local set 0xffee {a/b}\n"
					"rewrite name b.org c.org";
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, directive);
	struct asked a;

	ask_init(&a, "x.org", DNS_A, "10.0.0.1");
	s->ops->options(s, &a.q, &a.o);
	cr_assert_eq(a.o.len, 0);
	corefile_plan_free(p);
	cr_assert_str_eq(rewritten(directive, "a.org"), "c.org.");
}

Test(plugin_rewrite, rules_that_are_taken_and_not)
{
	static const char *const good[] = {
		"ttl a 0", "ttl a 2147483647", "ttl a 5-5", "ttl a 5-", "ttl a -5", "ttl exact a 5", "ttl suffix a 1-2",
		"rcode a 0 15", "rcode a NXDOMAIN NOERROR", "rcode regex a.* 2 0", "type A TYPE65535", "type AAAA A", "class IN ANY",
		"class CH HS", "continue name a b", "STOP name a b", "name exact a b answer auto", "name exact a b answer name auto",
		"name exact a b answer name x y answer value x y answer name x y answer value x y", "cname a b", "cname regex (a) {1}",
		"name regex (a)(b) {2}{1}{0}", "name suffix a b answer value x y answer auto", "name substring a a"};
	static const char *const bad[] = {
		"ttl a", "ttl a 2147483648", "ttl a 6-5", "ttl a 5-2147483648", "ttl a x", "ttl a 5x", "ttl a 1-2-3", "ttl x a 5",
		"ttl exact a 5 6", "rcode a 0", "rcode a 0 16", "rcode a 16 0", "rcode a BADVERS 0", "rcode exact a 0 1 2", "rcode x a 0 1",
		"type A", "type A B", "type A AAAA MX", "class IN", "class IN XX", "class IN CH HS", "continue", "stop",
		"name exact a b answer", "name exact a b answer x", "name exact a b answer name x", "name exact a b answer value", "cname a", "cname x a b",
		"name exact a b answer name x y answer name x y answer name x y answer name x y answer name x y",
		"name prefix a b answer name x y answer auto", "name regex (a)(b) {3}", "name exact a b answer name ( x",
		"name exact a b answer name (a) {2}", "name a b c"};
	char text[300];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "x {\nrewrite %s\n}\n", good[i]);
		corefile_plan_free(plan_of(text));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "x {\nrewrite %s\n}\n", bad[i]);
		assert_refused(text, "f:2:");
	}
}

Test(plugin_rewrite, rules_of_edns0_that_are_taken)
{
	static const char *const good[] = {"nsid set", "nsid unset revert", "nsid set revert", "local unset 0xffee",
					   "local unset 65001 revert", "local set 0xffee 0xabcd revert", "local append 65001 x",
					   "local replace 65001 {qname}", "subnet unset", "subnet unset revert",
					   "local set 65001 0x", "subnet replace 24 56", "subnet set 0 0 REVERT"};
	static const char *const bad[] = {"nsid", "nsid set x revert", "local unset", "local unset 0xffee x", "local set 65001",
					  "local set 65001 a b", "subnet set", "subnet set 24", "subnet set 24 56 1",
					  "subnet unset 24", "local revert"};
	char text[200];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "x {\nrewrite edns0 %s\n}\n", good[i]);
		corefile_plan_free(plan_of(text));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "x {\nrewrite edns0 %s\n}\n", bad[i]);
		assert_refused(text, "f:2:");
	}
}

Test(plugin_rewrite, faults)
{
	static const char *const bad[][2] = {
		{"rewrite", "no rule type"},
		{"rewrite nmae a b", "unknown rule type 'nmae' (did you mean 'name'?)"},
		{"rewrite name a", "too few arguments for a name rule"},
		{"rewrite name sufix a b", "unknown match type 'sufix' (did you mean 'suffix'?)"},
		{"rewrite name regex (a) {1}{2}", "uses more subexpressions"},
		{"rewrite name regex ( b", "invalid regular expression"},
		{"rewrite name suffix a b answer", "needs auto, name or value"},
		{"rewrite name suffix a b answer auto name x y", "cannot be combined"},
		{"rewrite answer name a b", "must begin with a name rule"},
		{"rewrite ttl a 30-20", "minimum is above"},
		{"rewrite ttl a -", "invalid TTL"},
		{"rewrite rcode a SERVFIAL NOERROR", "not a response code"},
		{"rewrite type A", "exactly two arguments"},
		{"rewrite cname a", "a cname rule is"},
		{"rewrite cname exact a b c", "a cname rule is"},
		{"rewrite cname regex (a) {2}", "more subexpressions"},
		{"rewrite edns0 local", "an edns0 rule is"},
		{"rewrite edns0 locl set 1 a", "did you mean 'local'"},
		{"rewrite edns0 local put 1 a", "action"},
		{"rewrite edns0 local set 65536 a", "not an option code"},
		{"rewrite edns0 local set 0xffee 0xabc", "half an octet"},
		{"rewrite edns0 local set 0xffee 0xzz", "not hexadecimal"},
		{"rewrite edns0 local set 0xffee {qnam}", "did you mean '{qname}'"},
		{"rewrite edns0 local set 10 a", "cookies"},
		{"rewrite edns0 nsid set x", "takes no data"},
		{"rewrite edns0 subnet set 33 56", "33"},
	};
	char text[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "x {\n%s\n}\n", bad[i][0]);
		assert_refused(text, bad[i][1]);
	}
	struct corefile_plan *p = plan_of("x {\nrewrite edns0 subnet set 24 56 revert\n}\n");

	assert_warned(p, "kept for all clients alike");
	corefile_plan_free(p);
	p = plan_of("x {\nrewrite edns0 local set 0xffee {a/b}\n}\n");
	assert_warned(p, "there is no metadata here");
	corefile_plan_free(p);
}
