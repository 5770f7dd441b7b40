/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages taken apart and put together by the steps that change them: names in the data
 * of each type, names that grow, what is no message, options made of a question.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fixtures/corefile_util.h"

/* The answer section after `directive` has had it, or "-" when the message is as it was. */
static const char *mapped(const char *directive, const char *const *rr)
{
	static char text[4096];
	static uint8_t msg[4096], was[4096];
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, directive);
	struct asked a;
	size_t len = reply_make(msg, sizeof(msg), "a.example.org", DNS_A, 0, rr), now;

	memcpy(was, msg, len);
	ask_init(&a, "a.example.org", DNS_A, "10.0.0.1");
	now = s->ops->answered(s, &a.q, msg, len, sizeof(msg));
	corefile_plan_free(p);
	cr_assert_eq(msg_check(msg, now), 0);
	snprintf(text, sizeof(text), "%s", now == len && !memcmp(msg, was, len) ? "-" : section_of(msg, now, 0));
	return text;
}

/* Each name of RDATA is found, whatever stands before it; other data passes untouched. */
Test(plugin_messages, names_in_data)
{
	static const struct {
		const char *rr, *want;
	} cases[] = {
		{"NS x.old.", "NS x.new."},
		{"CNAME x.old.", "CNAME x.new."},
		{"PTR x.old.", "PTR x.new."},
		{"DNAME x.old.", "DNAME x.new."},
		{"MB x.old.", "MB x.new."},
		{"MG x.old.", "MG x.new."},
		{"MR x.old.", "MR x.new."},
		{"SOA x.old. y.old. 1 2 3 4 5", "SOA x.new. y.new. 1 2 3 4 5"},
		{"MX 258 x.old.", "MX 258 x.new."},
		{"AFSDB 1 x.old.", "AFSDB 1 x.new."},
		{"RT 513 x.old.", "RT 513 x.new."},
		{"KX 2 x.old.", "KX 2 x.new."},
		{"SRV 1 2 772 x.old.", "SRV 1 2 772 x.new."},
		{"MINFO x.old. y.old.", "MINFO x.new. y.new."},
		{"RP x.old. y.old.", "RP x.new. y.new."},
		{"PX 10 x.old. y.old.", "PX 10 x.new. y.new."},
		{"NAPTR 1 2 \"s\" \"SIP+D2U\" \"!^a$!b!\" x.old.", "NAPTR 1 2 \"s\" \"SIP+D2U\" \"!^a$!b!\" x.new."},
		{"NAPTR 1 2 \"\" \"\" \"\" x.old.", "NAPTR 1 2 \"\" \"\" \"\" x.new."},
		{"TXT \"x.old.\"", "TXT \"x.old.\""},
		{"HINFO \"x.old\" \"b\"", "HINFO \"x.old\" \"b\""},
	};
	char rr[200], want[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(rr, sizeof(rr), "b.example.org. 60 %s", cases[i].rr);
		snprintf(want, sizeof(want), "b.example.org. 60 IN %s\n", cases[i].want);
		const char *got = mapped("rewrite name suffix .org .net answer value (.*)[.]old {1}.new",
					 (const char *const[]){rr, NULL});

		if (cases[i].rr[0] == 'T' || cases[i].rr[0] == 'H')
			cr_expect(!strcmp(got, "-") || !strcmp(got, want), "%s: %s", rr, got);
		else
			cr_expect_str_eq(got, want, "%s", rr);
	}
}

/* A record of type, its data as octets; the message after a rewrite of TTLs, or its length unchanged. */
static size_t crude(uint16_t type, const uint8_t *data, size_t len, uint8_t *msg, size_t cap, size_t *ret_was)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "rewrite ttl regex .* 7");
	struct wire_out o;
	struct asked a;

	*ret_was = reply_make(msg, cap, "a.example.org", DNS_A, 0, NULL);
	ask_init(&a, "a.example.org", DNS_A, "10.0.0.1");
	wire_out_init(&o, msg, cap);
	o.len = *ret_was;
	size_t mark = wire_rr_begin(&o, a.q.name.b, type, DNS_IN, 300);

	wire_put_bytes(&o, data, len);
	wire_rr_end(&o, mark);
	set_be16(msg + 6, 1);
	*ret_was = o.len;
	size_t now = s->ops->answered(s, &a.q, msg, o.len, cap);

	corefile_plan_free(p);
	return now;
}

/* Names that end outside their record leave the message alone; octets behind the last name are kept. */
Test(plugin_messages, data_that_is_none)
{
	static const struct {
		uint16_t type;
		const char *data;
		size_t len;
		bool is_good;
	} cases[] = {
		{DNS_MX, "\0\1\1x\0", 5, true},	     {DNS_MX, "\0\1\1x\0zz", 7, true},	{DNS_MX, "\0\1\1x", 4, false},
		{DNS_MX, "\0", 1, false},	     {DNS_MX, "", 0, false},		{DNS_CNAME, "", 0, false},
		{DNS_CNAME, "\3ab", 3, false},	     {DNS_SOA, "\0", 1, false},		{DNS_SOA, "\0\0", 2, true},
		{DNS_SRV, "\0\1\0\2\0\3\0", 7, true}, {DNS_SRV, "\0\1\0\2\0", 5, false}, {DNS_NAPTR, "\0\1\0\2\1a\0\0\0", 9, true},
		{DNS_NAPTR, "\0\1\0\2\5a\0\0\0", 9, false}, {DNS_NAPTR, "\0\1\0\2\1a\0", 7, false}, {26, "\0\1\0\0", 4, true},
		{26, "\0\1\0", 3, false},	     {17, "\0\0", 2, true},		{17, "\0", 1, false},
		{14, "\1a\0\1b\0", 6, true},	     {999, "anything", 8, true},	{DNS_CNAME, "\xc0\x0c", 2, true},
		{DNS_CNAME, "\xc0\xff", 2, false},
	};
	uint8_t msg[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t was, now = crude(cases[i].type, (const uint8_t *)cases[i].data, cases[i].len, msg, sizeof(msg), &was);
		struct dns_rr rr;
		struct dns_msg m;
		struct wire w;

		cr_assert_eq(dns_msg_parse(&m, msg, now), 0);
		wire_init(&w, msg, now);
		w.off = m.answer_off;
		wire_rr(&w, &rr);
		cr_expect_eq(rr.ttl, cases[i].is_good ? 7 : 300, "case %zu", i);
		if (!cases[i].is_good)
			cr_expect_eq(now, was, "case %zu", i);
		else if (cases[i].type != DNS_CNAME)
			cr_expect(rr.rdlen == cases[i].len && !memcmp(msg + rr.rdata_off, cases[i].data, cases[i].len), "case %zu", i);
	}
}

/* What is no message with one question, or has no room, stays what it is. */
Test(plugin_messages, what_is_no_message)
{
	static const char *const rr[] = {"a.example.org. 60 A 192.0.2.1", NULL};
	struct corefile_plan *p, *q;
	const struct plugin_step *s = step_of(&p, "rewrite ttl regex .* 7"), *t = step_of(&q, "minimal");
	uint8_t whole[512], msg[512];
	struct asked a;
	size_t len = reply_make(whole, sizeof(whole), "a.example.org", DNS_A, 0, rr);

	ask_init(&a, "a.example.org", DNS_A, "10.0.0.1");
	set_be16(whole + 8, 1); /* an authority that is not there */
	for (size_t n = 0; n <= len; n++) {
		memcpy(msg, whole, len);
		cr_expect_eq(s->ops->answered(s, &a.q, msg, n, sizeof(msg)), n);
		cr_expect_arr_eq(msg, whole, len);
		cr_expect_eq(t->ops->answered(t, &a.q, msg, n, sizeof(msg)), n);
		cr_expect_arr_eq(msg, whole, len);
	}
	set_be16(whole + 8, 0);
	for (uint16_t n = 0; n < 3; n++) {
		memcpy(msg, whole, len);
		set_be16(msg + 4, n);
		cr_expect_eq(s->ops->answered(s, &a.q, msg, len, sizeof(msg)), len);
		cr_expect_eq(get_be32(msg + len - 10), n == 1 ? 7 : 60);
	}
	memcpy(msg, whole, len);
	cr_expect_eq(s->ops->answered(s, &a.q, msg, len, len - 1), len, "no room");
	cr_expect_arr_eq(msg, whole, len);
	cr_expect_eq(s->ops->answered(s, &a.q, msg, len, len), len);
	cr_expect_eq(get_be32(msg + len - 10), 7);
	corefile_plan_free(p);
	corefile_plan_free(q);
}

/* A step's own reply for which there is no room is SERVFAIL, at each octet of room. */
Test(plugin_messages, replies_without_room)
{
	static const char *const directives[] = {"whoami", "any", "template IN A {\n answer \"{{ .Name }} 60 IN A 192.0.2.1\"\n}",
						 "hosts {\n 192.0.2.1 a.example.org\n}"};

	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
		struct corefile_plan *p;
		const struct plugin_step *s = step_of(&p, directives[i]);
		size_t full = 0;

		for (size_t cap = 512; cap > 0; cap = full && cap == 512 ? full : cap - 1) {
			enum plugin_verdict v;
			struct asked a;

			ask_init(&a, "a.example.org", i == 1 ? DNS_ANY : DNS_A, "10.0.0.1");
			wire_out_init(&a.o, a.out, cap);
			v = (s->ops->arrive ? s->ops->arrive : s->ops->ask)(s, &a.q, &a.o, &a.len);
			if (full && cap < full) {
				cr_expect(v == PLUGIN_RCODE && a.len == DNS_SERVFAIL, "%s: %zu octets of %zu", directives[i], cap, full);
				continue;
			}
			cr_assert_eq(v, PLUGIN_REPLY, "%s", directives[i]);
			full = a.len;
		}
		corefile_plan_free(p);
	}
}

/* Of the question a reply has the id, RD and CD; what else stands in its header is the step's. */
Test(plugin_messages, headers_of_replies)
{
	static const struct {
		const char *directive;
		uint16_t qtype, flags, n[3];
	} cases[] = {
		{"whoami", DNS_A, DNS_AA, {0, 0, 2}},
		{"any", DNS_ANY, 0, {1, 0, 0}},
		{"hosts {\n 192.0.2.1 a.example.org\n 192.0.2.2 a.example.org\n}", DNS_A, DNS_AA, {2, 0, 0}},
		{"template IN A {\n answer \"{{ .Name }} 60 IN A 192.0.2.1\"\n authority \"a. 60 IN NS b.\"\n rcode NXDOMAIN\n}", DNS_A,
		 DNS_AA | DNS_NXDOMAIN, {1, 1, 0}},
	};
	static const uint16_t asked[] = {0, DNS_RD, DNS_CD, DNS_RD | DNS_CD, DNS_RD | DNS_AD, (uint16_t)~DNS_CD};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * sizeof(asked) / sizeof(asked[0]); i++) {
		size_t k = i / (sizeof(asked) / sizeof(asked[0])), f = i % (sizeof(asked) / sizeof(asked[0]));
		struct corefile_plan *p;
		const struct plugin_step *s = step_of(&p, cases[k].directive);
		struct dns_header h;
		struct asked a;
		struct wire w;

		ask_init(&a, "a.example.org", cases[k].qtype, "10.0.0.1");
		a.q.flags = asked[f];
		cr_assert_eq((s->ops->arrive ? s->ops->arrive : s->ops->ask)(s, &a.q, &a.o, &a.len), PLUGIN_REPLY);
		wire_init(&w, a.out, a.len);
		wire_header(&w, &h);
		cr_expect_eq(h.id, 4711);
		cr_expect_eq(h.flags, DNS_QR | (asked[f] & (DNS_RD | DNS_CD)) | cases[k].flags, "%s, %x: %x", cases[k].directive, asked[f], h.flags);
		cr_expect_eq(h.n_qd, 1);
		cr_expect(h.n_an == cases[k].n[0] && h.n_ns == cases[k].n[1] && h.n_ar == cases[k].n[2], "%s: %u %u %u",
			  cases[k].directive, h.n_an, h.n_ns, h.n_ar);
		corefile_plan_free(p);
	}
}

/* At 253 octets of text a name ends: one more is SERVFAIL, by whichever rule it grew. */
Test(plugin_messages, names_that_grow)
{
	/* %s: what grows */
	static const char *const rules[] = {"exact a.org %s.org", "prefix a %s", "suffix .org .%s.org", "substring a %s",
					    "regex ^(a)[.](.*)[.]$ %s.{2}"};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		unsigned n_good = 0, n_bad = 0;
		char d_words[600] = "";

		for (size_t n = 200; n < 300; n++) {
			char grown[400], directive[600];
			struct corefile_plan *p;
			const char *hole = strstr(rules[i], "%s");
			struct asked a;
			struct diag d;

			for (size_t k = 0; k < n; k++)
				grown[k] = k % 50 == 49 && k + 1 < n ? '.' : 'x';
			grown[n] = 0;
			snprintf(directive, sizeof(directive), "x.y {\nrewrite name %.*s%s%s\nforward . 192.0.2.1\n}\n", (int)(hole - rules[i]),
				 rules[i], grown, hole + 2);
			p = plan_try(directive, &d);
			if (!p) {
				snprintf(d_words, sizeof(d_words), "%s", d.text);
				continue;
			}
			const struct plugin_step *s = p->conf.zone[0].step[0];
			enum plugin_verdict v;
			char text[NAME_MAX_TEXT];

			ask_init(&a, "a.org", DNS_A, "10.0.0.1");
			v = s->ops->ask(s, &a.q, &a.o, &a.len);
			name_to_text(a.q.name.b, text, sizeof(text));
			if (v == PLUGIN_NEXT) {
				cr_expect(strstr(text, grown), "%s", text);
				cr_expect_eq(n_bad, 0);
				n_good++;
			} else {
				cr_expect(v == PLUGIN_RCODE && a.len == DNS_SERVFAIL);
				cr_expect(strcmp(text, "a.org.") == 0);
				n_bad++;
			}
			corefile_plan_free(p);
		}
		cr_expect_gt(n_good, 40, "case %zu: %u %u %s", i, n_good, n_bad, d_words);
		cr_expect(n_good < 60 && (n_bad > 0 || i == 0), "case %zu: %u, %u", i, n_good, n_bad);
	}
}

/* What is too long even as text is no name either: never a shorter one. */
Test(plugin_messages, texts_that_grow)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "rewrite name regex ^(.*)[.]$ {1}.{1}");
	char name[600];
	struct asked a;
	size_t n = 0;

	for (unsigned k = 0; k < 130; k++) /* octets that are four characters each */
		n += (size_t)snprintf(name + n, sizeof(name) - n, "%s\\001", k && k % 63 == 0 ? "." : "");
	ask_init(&a, name, DNS_A, "10.0.0.1");
	cr_expect_eq(s->ops->ask(s, &a.q, &a.o, &a.len), PLUGIN_RCODE);
	cr_expect_eq(a.len, DNS_SERVFAIL);
	corefile_plan_free(p);
}

/* The options that a question gets, as "CODE:HEX". */
static const char *options_of(const char *directive, const char *name, const char *client, int proto)
{
	static char text[1200];
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, directive);
	struct asked a;
	size_t at = 0, len;

	ask_init(&a, name, DNS_AAAA, client ? client : "10.0.0.1");
	a.client.local = addr_of("192.0.2.10");
	a.client.proto = (uint8_t)proto;
	a.q.server_port = 5353;
	if (!client)
		a.q.client = NULL;
	s->ops->options(s, &a.q, &a.o);
	text[0] = 0;
	for (size_t i = 0; i < a.o.len; i += 4 + len) {
		len = get_be16(a.out + i + 2);
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u:", i ? " " : "", get_be16(a.out + i));
		for (size_t k = 0; k < len; k++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%02x", a.out[i + 4 + k]);
	}
	corefile_plan_free(p);
	return text;
}

Test(plugin_messages, options_made_of_a_question)
{
	static const struct {
		const char *rule, *client, *want;
		int proto;
	} cases[] = {
		{"local set 1 {qname}", "10.0.0.1", "1:612e6f72672e", CORE_UDP},
		{"local set 1 {qtype}", "10.0.0.1", "1:001c", CORE_UDP},
		{"local set 1 {client_ip}", "10.0.0.1", "1:0a000001", CORE_UDP},
		{"local set 1 {client_ip}", "fd00::7", "1:fd000000000000000000000000000007", CORE_UDP},
		{"local set 1 {server_ip}", "10.0.0.1", "1:c000020a", CORE_UDP},
		{"local set 1 {client_port}", "10.0.0.1", "1:9c40", CORE_UDP},
		{"local set 1 {server_port}", "10.0.0.1", "1:14e9", CORE_UDP},
		{"local set 1 {protocol}", "10.0.0.1", "1:756470", CORE_UDP},
		{"local set 1 {protocol}", "10.0.0.1", "1:746370", CORE_TCP},
		{"local set 1 {qname}", NULL, "1:612e6f72672e", CORE_UDP},
		{"local set 1 {qtype}", NULL, "1:001c", CORE_UDP},
		{"local set 1 ab", NULL, "1:6162", CORE_UDP},
		{"local set 1 {client_ip}", NULL, "", CORE_UDP},
		{"local set 1 {protocol}", NULL, "", CORE_UDP},
		{"local set 65535 0x00ff", "10.0.0.1", "65535:00ff", CORE_UDP},
		{"local set 0x0010 0xAbCd", "10.0.0.1", "16:abcd", CORE_UDP},
		{"local set 1 {}", "10.0.0.1", "1:7b7d", CORE_UDP},
		{"local set 1 0", "10.0.0.1", "1:30", CORE_UDP},
		{"nsid set", "10.0.0.1", "3:", CORE_UDP},
		{"nsid replace", "10.0.0.1", "", CORE_UDP},
		{"local append 1 a", "10.0.0.1", "1:61", CORE_UDP},
		{"local unset 1", "10.0.0.1", "", CORE_UDP},
		{"subnet set 24 56", "10.1.2.3", "8:0001180" "00a0102", CORE_UDP},
		{"subnet set 23 56", "10.1.3.3", "8:000117000a0102", CORE_UDP},
		{"subnet set 32 56", "10.1.3.3", "8:000120000a010303", CORE_UDP},
		{"subnet set 1 56", "255.1.3.3", "8:0001010080", CORE_UDP},
		{"subnet set 0 56", "10.1.3.3", "8:00010000", CORE_UDP},
		{"subnet set 24 57", "fd00::ffff:ff00:0:0", "8:00023900fd0000000000ff80", CORE_UDP},
		{"subnet set 24 128", "fd00::7", "8:00028000fd000000000000000000000000000007", CORE_UDP},
	};
	char directive[100];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(directive, sizeof(directive), "rewrite edns0 %s", cases[i].rule);
		const char *got = options_of(directive, "a.org", cases[i].client, cases[i].proto);

		if (strcmp(cases[i].rule, "subnet set 24 57") != 0)
			cr_expect_str_eq(got, cases[i].want, "%s", directive);
		else
			cr_expect_eq(strlen(got), strlen(cases[i].want), "%s", got);
	}
	cr_expect_str_eq(options_of("rewrite continue edns0 local set 1 a\nrewrite continue edns0 local append 1 b\nrewrite edns0 local set 2 c", "a.org",
				    "10.0.0.1", 0), "1:61 1:62 2:63");
	cr_expect_str_eq(options_of("rewrite continue edns0 local set 1 a\nrewrite continue edns0 local set 1 b", "a.org", "10.0.0.1", 0), "1:62");
	cr_expect_str_eq(options_of("rewrite continue edns0 local set 1 a\nrewrite continue edns0 local replace 1 b", "a.org", "10.0.0.1", 0), "1:62");
	cr_expect_str_eq(options_of("rewrite continue edns0 local set 1 a\nrewrite continue edns0 local set 2 b\nrewrite edns0 local unset 1", "a.org",
				    "10.0.0.1", 0), "2:62");
	cr_expect_str_eq(options_of("rewrite continue edns0 nsid set\nrewrite continue edns0 nsid append", "a.org", "10.0.0.1", 0), "3:");
	cr_expect_str_eq(options_of("rewrite edns0 local set 1 a\nrewrite edns0 local set 2 b", "a.org", "10.0.0.1", 0), "1:61", "the first that applies ends it");
	/* eight, and no ninth */
	char many[600] = "";

	for (int i = 1; i <= 9; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "%srewrite continue edns0 local set %d a", i > 1 ? "\n" : "", i);
	cr_expect_str_eq(options_of(many, "a.org", "10.0.0.1", 0), "1:61 2:61 3:61 4:61 5:61 6:61 7:61 8:61");
}

/* A record's data may have 255 octets, a name's text in it, too. */
Test(plugin_messages, options_have_a_limit)
{
	char directive[700], data[300];

	memset(data, 'a', sizeof(data));
	for (int n = 254; n <= 256; n++) {
		struct corefile_plan *p;
		struct diag d;

		snprintf(directive, sizeof(directive), "x {\nrewrite edns0 local set 1 %.*s\n}\n", n, data);
		p = plan_try(directive, &d);
		cr_expect_eq(p != NULL, n <= 255, "%d: %s", n, d.text);
		if (!p)
			cr_expect(strstr(d.text, "more than 255 octets of option data"), "%s", d.text);
		corefile_plan_free(p);
	}
}
