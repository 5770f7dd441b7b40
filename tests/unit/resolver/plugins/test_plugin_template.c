/* SPDX-License-Identifier: Apache-2.0 */
/* template: matching, the expressions, the records made, aliases. */
#include <stdio.h>

#include "tests/fixtures/corefile_util.h"

static enum plugin_verdict ask(const struct plugin_step *s, struct asked *a, const char *name,
			       uint16_t qtype)
{
	ask_init(a, name, qtype, "10.0.0.1");
	return s->ops->ask(s, &a->q, &a->o, &a->len);
}

Test(plugin_template, expressions)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(
		&p, "template IN ANY example.org {\n"
		    " match "
		    "\"(^|[.])ip-0a(?P<b>[a-f0-9]{2})(?P<c>[a-f0-9]{2})(?P<d>[a-f0-9]{2})[.]"
		    "example[.]org[.]$\"\n"
		    " answer \"{{ .Name }} 60 IN A 10.{{ parseInt .Group.b 16 8 }}.{{ parseInt "
		    "(index .Group \\\"c\\\") 16 8 }}.{{parseInt .Group.d 16 8}}\"\n"
		    " additional \"x. {{- .Zone }} {{/* c */}}{{ .Class }} TXT \\\"{{ .Type }} {{ "
		    ".Remote }} {{ index .Match 0 }}\\\"\"\n"
		    " authority \"{{ .Zone }} 1h IN SOA ns.{{ .Zone }} h.{{ .Zone }} (1 2m 3 4 "
		    "5)\"\n fallthrough\n}");
	struct asked a;

	cr_assert_eq(ask(s, &a, "ip-0a0b0c0d.example.org", DNS_A), PLUGIN_REPLY, "%zu", a.len);
	cr_assert_str_eq(section_of(a.out, a.len, 0),
			 "ip-0a0b0c0d.example.org. 60 IN A 10.11.12.13\n");
	cr_assert_str_eq(section_of(a.out, a.len, 1),
			 "example.org. 3600 IN SOA ns.example.org. h.example.org. 1 120 3 4 5\n");
	cr_assert_str_eq(section_of(a.out, a.len, 2),
			 "x.example.org. 3600 IN TXT \"A 10.0.0.1 ip-0a0b0c0d.example.org.\"\n");
	cr_assert(get_be16(a.out + 2) & DNS_AA);
	cr_assert_eq(ask(s, &a, "www.example.org", DNS_A), PLUGIN_NEXT);
	cr_assert_eq(ask(s, &a, "ip-0a0b0c0d.example.com", DNS_A), PLUGIN_NEXT);
	corefile_plan_free(p);
}

/* What a query decides is not tried beforehand, wherever it stands in the text. */
Test(plugin_template, what_is_not_known_before_is_no_fault)
{
	static const char *const good[] = {"{{ .Group.h }}.x. 60 A 192.0.2.1", "x. 60 A 192.0.2.{{ .Group.n }}",
					   "{{ .Name }} 60 A 192.0.2.{{ .Group.n }}", "{{ .Name }} 60 A 192.0.2.1",
					   "x. 60 TXT y"};
	struct corefile_plan *p;
	char directive[300];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(directive, sizeof(directive), "template ANY ANY {\n match ^(?P<h>[a-z]+)[.](?P<n>[0-9]+)\n answer \"%s\"\n}", good[i]);
		step_of(&p, directive);
		cr_expect_eq(p->n_warnings, 0, "%s: %s", good[i], p->n_warnings ? p->warning[0] : "");
		corefile_plan_free(p);
	}
	step_of(&p, "template ANY ANY {\n answer \"{{ .Name }} 60 A 192.0.2.256\"\n}");
	assert_warned(p, "never makes a record");
	corefile_plan_free(p);
}

/* Without an expression there is the name, which is match 0, and no group by any name. */
Test(plugin_template, groups_without_an_expression)
{
	struct corefile_plan *p;
	struct asked a;
	const struct plugin_step *s = step_of(&p, "template IN TXT . {\n answer \"{{ .Name }} 60 IN TXT "
						  "<{{ .Group.h }}{{ index .Match 1 }}{{ index .Match 0 }}>\"\n}");

	cr_assert_eq(ask(s, &a, "a.b", DNS_TXT), PLUGIN_REPLY);
	cr_expect(strstr(section_of(a.out, a.len, 0), "<a.b.>"), "%s", section_of(a.out, a.len, 0));
	corefile_plan_free(p);
}

/* What the template makes of a.b-7.example.org, asked for TXT. */
static const char *made(const char *template)
{
	static char text[2048];
	struct corefile_plan *p;
	char directive[1024];
	struct asked a;

	snprintf(directive, sizeof(directive),
		 "template ANY ANY . {\n match ^(?P<h>[a-z]+)[.](q)?[a-z]-(?P<n>[0-9]+)\n"
		 " answer \"%s\"\n}",
		 template);
	const struct plugin_step *s = step_of(&p, directive);

	snprintf(text, sizeof(text), "%s",
		 ask(s, &a, "a.b-7.example.org", DNS_TXT) == PLUGIN_REPLY ?
			 section_of(a.out, a.len, 0) : "SERVFAIL");
	corefile_plan_free(p);
	return text;
}

Test(plugin_template, go_templates)
{
	static const char *const cases[][2] = {
		{"x. TXT {{ if eq .Type `TXT` }}yes{{ else }}no{{ end }}", "yes"},
		{"x. TXT {{ if eq .Type `A` `MX` }}1{{ else if ne .Group.h `a` }}2{{ else }}3{{end}}",
		 "3"},
		{"x. TXT {{ if and (eq .Group.h `a`) (not (eq .Class `CH`)) -}} \n y {{- end }}", "y"},
		{"x. TXT {{ if index .Match 2 }}1{{ else }}0{{ end }}", "0"},
		{"x. TXT {{ or (index .Match 2) `none` }}", "none"},
		{"{{ $n := parseInt .Group.n 10 8 }}x. TXT {{ if gt $n 6 }}{{ printf `%03d` $n }}{{ "
		 "end }}",
		 "007"},
		{"{{ $a := .Group.h }}{{ if true }}{{ $a = print $a `-` 5 }}{{ end }}x. TXT {{ $a }}",
		 "a-5"},
		{"{{ $a := print .Group.h `-` 5 }}x. TXT {{ 7 }}{{ len $a }}{{ $a }}", "73a-5"},
		{"x. TXT {{ .Group.h | printf `%s-%02x-%s%%` `p` 255 }}", "p-ff-a%"},
		{"x. TXT {{ printf `%%%s%%` .Type }}", "%TXT%"},
		{"x. TXT {{ printf `ab%dcd%%ef%sgh` 7 `i` }}", "ab7cd%efigh"},
		{"x. TXT {{ printf `abc` }}", "abc"},
		{"x. TXT {{ and `a` }}{{ or `b` }}", "ab"},
		{"x. TXT {{ len \\\"a\\\\\"\\\" }}", "2"},
		{"x. TXT {{ eq `` `` }}.{{ lt `` `a` }}.{{ gt `a` `` }}.{{ eq `a` `` }}.{{ ge `` `` }}.{{ lt `` `` }}", "true.true.true.false.true.false"},
		{"x. TXT {{ len \\\"a\\\\b\\\" }}.{{ len `a\\\\b` }}", "3.4"},
		{"x. TXT {{ len .Name }}.{{ lt 1 2 }}.{{ le `b` `a` }}", "18.true.false"},
		{"x. TXT {{ .Group.n | len | eq 1 }}", "true"},
		{"{{ $a := `p` }}{{ $b := `q` }}x. TXT {{ $b }}{{ $a }}", "qp"},
		{"{{ $a := `p` }}{{ $b := `q` }}{{ $b = `r` }}x. TXT {{ $a }}{{ $b }}", "pr"},
		{"{{ $a := 1 }}{{ if true }}{{ $b := 2 }}{{ $a = $b }}{{ else }}{{ $a = 3 }}{{ end }}x. TXT {{ $a }}", "2"},
		{"{{ $a := 1 }}{{ if false }}{{ $b := 2 }}{{ $a = $b }}{{ else }}{{ $c := 3 }}{{ $a = $c }}{{ end }}{{ $d := 4 }}"
		 "x. TXT {{ $a }}{{ $d }}", "34"},
		{"x. TXT {{ printf `%064d` 5 }}",
		 "0000000000000000000000000000000000000000000000000000000000000005"},
		{"x. TXT {{ printf `%x%X%v%v%d` 171 171 `a` 1 2 }}", "abABa12"},
		{"x. TXT {{ parseInt `zz` 36 64 }}.{{ parseInt `11` 2 64 }}.{{ parseInt `255` 10 8 }}", "1295.3.255"},
		{"x. TXT {{ index .Match 15 }}{{ index .Match 3 }}", "7"},
		{"x. TXT {{ index .Group `3` }}{{ index .Group `9` }}{{ index .Group `none` }}", "7"},
		{"x. TXT {{ gt 1 1 }}{{ ge 1 1 }}{{ lt 1 1 }}{{ le 1 1 }}{{ ge 1 2 }}{{ gt 2 1 }}",
		 "falsetruefalsetruefalsetrue"},
		{"x. TXT {{ gt `a` `b` }}{{ ge `b` `b` }}{{ lt `a` `b` }}{{ eq true false }}{{ ne 1 2 }}",
		 "falsetruetruefalsetrue"},
		{"x. TXT {{ and `` `b` }}.{{ and `a` `b` }}.{{ or `` `` `c` }}.{{ or 0 7 }}.{{ and 3 0 }}",
		 ".b.c.7.0"},
		{"x. TXT {{ if 0 }}a{{ else }}b{{ end }}{{ if 1 }}a{{ end }}{{ if `` }}a{{ else }}b{{ end }}", "bab"},
	};
	char want[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(want, sizeof(want), "x. 3600 IN TXT \"%s\"\n", cases[i][1]);
		cr_assert_str_eq(made(cases[i][0]), want, "%s", cases[i][0]);
	}
	/* more than the bits allow, and more than a record holds */
	cr_assert_str_eq(made("x. TXT {{ parseInt .Group.n 10 2 }}"), "SERVFAIL");
	cr_assert_str_eq(made("x. TXT {{ parseInt `256` 10 8 }}"), "SERVFAIL");
	cr_assert_str_eq(made("x. TXT {{ parseInt `8` 8 64 }}"), "SERVFAIL");
	char many[900] = "{{ $n := print .Name .Name .Name .Name }}x. TXT", *end = many + strlen(many);

	for (unsigned i = 1; i <= 10; i++) { /* 216 octets each: nine fit into 2,048 */
		end += sprintf(end, " {{ $n }}{{ $n }}{{ $n }}");
		cr_expect_eq(strcmp(made(many), "SERVFAIL") == 0, i == 10, "%u: %s", i, made(many));
	}
	sprintf(strstr(many, " {{ $n }}{{ $n }}{{ $n }}") + 9 * strlen(" {{ $n }}{{ $n }}{{ $n }}"), " %0110d", 7);
	cr_expect_str_eq(made(many), "SERVFAIL", "text that stands there finds no room either");
	many[strlen(many) - 50] = 0;
	cr_expect_str_neq(made(many), "SERVFAIL");
	/* what is kept in variables, and the blanks of a number, have as much room, and no more */
	for (unsigned n = 0; n < 2; n++) {
		end = many + sprintf(many, "{{ $a := print .Name .Name .Name .Name .Name .Name .Name .Name }}{{ $b := print 1 }}");
		for (unsigned i = 0; i < 12 + n; i++) /* 144 octets each */
			end += sprintf(end, "{{ $b = print $a }}");
		sprintf(end, "x. TXT {{ printf `%%064d` 5 }}");
		cr_expect_eq(strcmp(made(many), "SERVFAIL") == 0, n == 1, "%u: %s", n, made(many));
	}
	/* and so does all that is made of it */
	static const char *const of[] = {"eq (parseInt `8` 8 8) 1", "eq 1 (parseInt `8` 8 8)", "eq 1 2 (parseInt `8` 8 8)",
					 "lt (parseInt `8` 8 8) 1", "and 1 (parseInt `8` 8 8)", "and (parseInt `8` 8 8) 1",
					 "or 0 (parseInt `8` 8 8)", "or (parseInt `8` 8 8) 1", "not (eq 1 (parseInt `8` 8 8))",
					 "print 1 (parseInt `8` 8 8)", "printf `%d` (parseInt `8` 8 8)", "len (print (parseInt `8` 8 8))",
					 "if eq 1 (parseInt `8` 8 8) }}1{{ end", "if true }}{{ parseInt `8` 8 8 }}{{ end",
					 "if false }}1{{ else }}{{ parseInt `8` 8 8 }}{{ end", "$a := parseInt `8` 8 8"};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		char text[100];

		snprintf(text, sizeof(text), "x. TXT a{{ %s }}", of[i]);
		cr_expect_str_eq(made(text), "SERVFAIL", "%s: %s", text, made(text));
	}
	/* digits and nothing else, of so many bits; 0: as many as there are */
	static const struct {
		const char *words, *made; /* NULL: nothing */
	} numbers[] = {
		{"`5` 10 0", "5"}, {"`+5` 10 8", NULL}, {"`-0` 10 8", NULL}, {"`-5` 10 8", NULL}, {"` 5` 10 8", NULL}, {"`5 ` 10 8", NULL}, {"`` 10 8", NULL}, {"`0x1f` 16 8", NULL}, {"`x` 16 8", NULL}, {"`fF` 16 8", "255"}, {"`Zz` 36 64", "1295"},
		{"`A` 10 8", NULL}, {"`g` 16 8", NULL}, {"`/` 10 8", NULL}, {"`:` 36 8", NULL}, {"`@` 36 8", NULL}, {"`{` 36 8", NULL}, {"`[` 36 8", NULL}, {"`0009` 10 8", "9"},
		{"`1` 10 1", "1"}, {"`2` 10 1", NULL}, {"`4611686018427387903` 10 62", "4611686018427387903"}, {"`4611686018427387904` 10 62", NULL},
		{"`4611686018427387904` 10 63", "4611686018427387904"}, {"`9223372036854775807` 10 64", "9223372036854775807"},
		{"`9223372036854775807` 10 0", "9223372036854775807"}, {"`9223372036854775808` 10 64", NULL}, {"`255` 10 8", "255"},
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char text[100];

		snprintf(text, sizeof(text), "x. TXT {{ parseInt %s }}", numbers[i].words);
		snprintf(want, sizeof(want), "x. 3600 IN TXT \"%s\"\n", numbers[i].made ? numbers[i].made : "");
		cr_expect_str_eq(made(text), numbers[i].made ? want : "SERVFAIL", "%s: %s", text, made(text));
	}
	/* 2,048 octets of strings, and not one more */
	for (int i_n = 0; i_n < 6; i_n++) {
		int n = 171 + i_n / 2; /* and the three of its length */

		end = many + sprintf(many, "{{ $a := print .Name .Name .Name .Name .Name .Name .Name .Name }}{{ $b := print 1 }}");
		for (unsigned i = 0; i < 12; i++)
			end += sprintf(end, "{{ $b = print $a }}");
		sprintf(end, "{{ $b = print%s `%0*d` }}x. TXT {{ len $b }}", i_n & 1 ? "f" : "", n, 0);
		snprintf(want, sizeof(want), "x. 3600 IN TXT \"%d\"\n", n);
		cr_expect_str_eq(made(many), n < 173 ? want : "SERVFAIL", "%d: %s", n, made(many));
	}
	cr_assert_str_eq(made("x. TXT {{ parseInt `` 10 64 }}"), "SERVFAIL");
	cr_assert_str_eq(made("x. TXT {{ parseInt `18446744073709551616` 10 64 }}"), "SERVFAIL");
	cr_assert_str_eq(made("{{ $a := .Name }}{{ $a = print $a $a $a $a $a $a $a $a }}"
			      "{{ $a = print $a $a $a $a $a $a $a $a }}"
			      "{{ $a = print $a $a $a $a $a $a $a $a }}x. TXT {{ $a }}"),
			 "SERVFAIL");
	/* also where nobody looks at it */
	cr_assert_str_eq(made("{{ $a := .Name }}{{ $a = print $a $a $a $a $a $a $a $a }}"
			      "{{ $a = print $a $a $a $a $a $a $a $a }}{{ $b := print $a $a $a $a $a $a $a $a }}"
			      "x. TXT a"),
			 "SERVFAIL");
}

Test(plugin_template, match_without_fallthrough_is_servfail)
{
	struct corefile_plan *p;
	const struct plugin_step *s =
		step_of(&p, "template ANY A {\n match ^a\n rcode NXDOMAIN\n fallthrough "
			    "example.net\n ederror 17 \"no such luck\"\n}");
	struct asked a;

	cr_assert_eq(ask(s, &a, "a.example.org", DNS_A), PLUGIN_REPLY);
	cr_assert_eq(DNS_RCODE(get_be16(a.out + 2)), DNS_NXDOMAIN);
	cr_assert(a.q.has_ede && a.q.ede_code == 17);
	cr_assert_str_eq(a.q.ede_text, "no such luck");
	cr_assert_eq(ask(s, &a, "b.example.org", DNS_A), PLUGIN_RCODE);
	cr_assert_eq(a.len, DNS_SERVFAIL);
	cr_assert_eq(ask(s, &a, "b.example.net", DNS_A), PLUGIN_NEXT);
	cr_assert_eq(ask(s, &a, "b.example.org", DNS_AAAA), PLUGIN_NEXT);
	corefile_plan_free(p);
}

Test(plugin_template, records)
{
	static const char *const cases[] = {
		"a. 60 IN AAAA 2001:db8::1",
		"a. 60 IN MX 10 mail.a.",
		"a. 60 IN SRV 1 2 53 s.a.",
		"a. 60 IN TXT \"x y\" \"z\"",
		"a. 60 IN PTR b.a.",
		"a. 60 IN NS b.a.",
		"a. 60 IN CAA 0 issue \"letsencrypt.org\"",
		"a. 60 IN HINFO \"c\" \"o\"",
		"a. 60 IN NAPTR 1 2 \"s\" \"x\" \"\" b.a.",
		"a. 60 IN TYPE65280 \\# 3 010203",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char directive[500], quoted[300], want[300], *o = quoted;
		struct corefile_plan *p;
		struct asked a;

		for (const char *c = cases[i]; *c; *o++ = *c++)
			if (*c == '"')
				*o++ = '\\';
		*o = 0;
		snprintf(directive, sizeof(directive), "template ANY ANY . {\n answer \"%s\"\n}",
			 quoted);
		const struct plugin_step *s = step_of(&p, directive);

		cr_assert_eq(ask(s, &a, "q.example.org", DNS_TXT), PLUGIN_REPLY, "%s", cases[i]);
		snprintf(want, sizeof(want), "%s\n", cases[i]);
		cr_assert_str_eq(section_of(a.out, a.len, 0), want);
		corefile_plan_free(p);
	}
}

Test(plugin_template, an_alias_sends_the_question_on)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(
		&p, "template IN A example.org {\n match ^(.*)\\.example\\.org\\.$\n"
		    " answer \"{{ .Name }} 30 IN CNAME {{ index .Match 1 }}.Example.net.\"\n}");
	struct asked a;

	cr_assert(s->follows);
	cr_assert_eq(ask(s, &a, "x.example.org", DNS_A), PLUGIN_REPLY);
	cr_assert_eq(a.q.follow_rr, 1);
	cr_assert_str_eq(section_of(a.out, a.len, 0),
			 "x.example.org. 30 IN CNAME x.example.net.\n");
	/* somebody else's question is left alone */
	cr_assert_eq(ask(s, &a, "x.example.com", DNS_A), PLUGIN_NEXT);
	cr_assert_eq(a.q.follow_rr, 0);
	corefile_plan_free(p);
}

Test(plugin_template, what_cannot_be_made_is_servfail)
{
	struct corefile_plan *p;
	const struct plugin_step *s =
		step_of(&p, "template IN A {\n match ^([a-z0-9]+)\n answer \"{{ .Name }} A "
			    "10.0.0.{{ parseInt (index .Match 1) 10 8 }}\"\n}");
	struct asked a;

	cr_assert_eq(ask(s, &a, "7.example.org", DNS_A), PLUGIN_REPLY);
	cr_assert_eq(ask(s, &a, "300.example.org", DNS_A), PLUGIN_RCODE);
	cr_assert_eq(ask(s, &a, "x.example.org", DNS_A), PLUGIN_RCODE);
	corefile_plan_free(p);
}

/* A pattern that backtracks without end must come back, unmatched. */
Test(plugin_template, runaway_patterns_are_held)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(
		&p, "template IN A {\n match \"^(a|a|aa)+$\"\n rcode NXDOMAIN\n fallthrough\n}");
	struct asked a;

	cr_assert_eq(
		ask(s, &a,
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.org",
		    DNS_A),
		PLUGIN_NEXT);
	corefile_plan_free(p);
}

Test(plugin_template, faults)
{
	static const char *const bad[][2] = {
		{"template IN", "expected 'template CLASS TYPE [ZONE...]'"},
		{"template XX A", "unknown class 'XX'"},
		{"template IN AAAAA", "is not a record type"},
		{"template IN A {\n answer \"{{ range .X }}\"\n}",
		 "template expression '{{ range .X }}' is not supported"},
		{"template IN A {\n answer \"{{ .Name\"\n}", "'{{' without '}}'"},
		{"template IN A {\n answer \"{{ if .Name }}x. A 10.0.0.1\"\n}", "without '{{ end }}'"},
		{"template IN A {\n answer \"x. A 10.0.0.1{{ end }}\"\n}", "there is no {{ if }}"},
		{"template IN A {\n answer \"{{ eq .Name 1 }}\"\n}", "values of different types"},
		{"template IN A {\n answer \"{{ printf `%d` .Name }}\"\n}", "format's type"},
		{"template IN A {\n answer \"{{ printf `%s` }}\"\n}", "fewer values"},
		{"template IN A {\n answer \"{{`}}\"\n}", "a string that does not end"},
		{"template IN A {\n answer \"{{ $x := nothing }}\"\n}", "is not supported"},
		{"template IN A {\n answer \"{{ if true }}a{{ end x }}\"\n}", "is not supported"},
		{"template IN A {\n answer \"{{ if true }}{{ $x := 1 }}{{ else }}{{ $x }}{{ end }}\"\n}", "a variable that is not set before"},
		{"template IN A {\n answer \"{{ 12x }}\"\n}", "template expression '{{ 12x }}' is not supported"},
		{"template IN A {\n answer \"{{ 9223372036854775807 }}\"\n}", "'{{ 9223372036854775807 }}' is not supported"},
		{"template IN A {\n answer \"{{ print 18446744073709551616 }}\"\n}", "is not supported"},
		{"template IN A {\n answer \"{{ $x }}\"\n}", "a variable that is not set before"},
		{"template IN A {\n answer \"{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}\"\n}",
		 "a variable that is not set before"},
		{"template IN A {\n answer \"{{ (.Name }}\"\n}", "'(' without ')'"},
		{"template IN A {\n answer \"{{ len .Match }}\"\n}", "only index takes"},
		{"template IN A {\n answer \"{{ printf `%s` .Group }}\"\n}", "only index takes"},
		{"template IN A {\n answer \"{{ and true 1 }}\"\n}", "values of different types"},
		{"template IN A {\n answer \"{{ or `a` 1 }}\"\n}", "values of different types"},
		{"template IN A {\n answer \"{{ lt 1 `a` }}\"\n}", "values of different types"},
		{"template IN A {\n answer \"{{ print (print `a`) }}\"\n}", "inside one another"},
		{"template IN A {\n answer \"{{ printf `%s` (printf `a`) }}\"\n}", "inside one another"},
		{"template IN A {\n answer \"{{ parseInt .Name 1 8 }}\"\n}", "BASE from 2 to 36"},
		{"template IN A {\n answer \"{{ parseInt .Name 37 8 }}\"\n}", "BASE from 2 to 36"},
		{"template IN A {\n answer \"{{ parseInt .Name 36 65 }}\"\n}", "BITS up to 64"},
		{"template IN A {\n answer \"{{ parseInt 7 10 8 }}\"\n}", "expected parseInt TEXT"},
		{"template IN A {\n answer \"{{ parseInt .Name (len .Name) 8 }}\"\n}", "expected parseInt TEXT"},
		{"template IN A {\n answer \"{{ parseInt .Name 10 (len .Name) }}\"\n}", "expected parseInt TEXT"},
		{"template IN A {\n answer \"{{ len 5 }}\"\n}", "len takes a string"},
		{"template IN A {\n answer \"{{ printf .Name }}\"\n}", "its format as a string"},
		{"template IN A {\n answer \"{{ printf 5 }}\"\n}", "its format as a string"},
		{"template IN A {\n answer \"{{ printf `%65d` 5 }}\"\n}", "a width above 64"},
		{"template IN A {\n answer \"{{ printf `%q` .Name }}\"\n}", "printf knows"},
		{"template IN A {\n answer \"{{ printf `%` .Name }}\"\n}", "printf knows"},
		{"template IN A {\n answer \"{{ printf `%s` 5 }}\"\n}", "format's type"},
		{"template IN A {\n answer \"{{ printf `%s` .Name 5 }}\"\n}", "more values"},
		{"template IN A {\n answer \"{{ index .Name 0 }}\"\n}", "expected index"},
		{"template IN A {\n answer \"{{ index .Match `a` }}\"\n}", "expected index"},
		{"template IN A {\n answer \"{{ index .Group 1 }}\"\n}", "expected index"},
		{"template IN A {\n answer \"{{ index .Match (len .Name) }}\"\n}", "expected index"},
		{"template IN A {\n answer \"{{ index .Match 16 }}\"\n}", "at most 15 groups"},
		{"template IN A {\n answer \"{{ .Name | 5 }}\"\n}", "expected a function after '|'"},
		{"template IN A {\n answer \"{{ not true false }}\"\n}", "too many arguments"},
		{"template IN A {\n answer \"{{ true | not false }}\"\n}", "too many arguments"},
		{"template IN A {\n answer \"{{ .Name .Name }}\"\n}", "is not supported"},
		{"template IN A {\n answer \"{{ .Match }}\"\n}", "only index takes"},
		{"template IN A {\n answer \"{{ not }}\"\n}", "too few arguments"},
		{"template IN A {\n answer \"{{ .Name }} 60 IN FOO bar\"\n}",
		 "is not a record we can make"},
		{"template IN A {\n rcode NX\n}", "not a response code"},
		{"template IN A {\n match (\n}", "invalid regular expression"},
		{"template IN A {\n expr 1 == 1\n}", "'expr' of template is not supported"},
	};
	char text[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "x {\n%s\n}\n", bad[i][0]);
		assert_refused(text, bad[i][1]);
	}
}

/* So deep, and no deeper: brackets, and one `if` inside the other. */
Test(plugin_template, how_deep)
{
	for (int ifs = 0; ifs < 2; ifs++)
		for (int n = 15; n < 18; n++) {
			struct corefile_plan *p;
			char text[1000], *end = text + sprintf(text, "x {\ntemplate IN A {\nanswer \"x. TXT a%s", ifs ? "" : "{{ ");
			struct diag d;

			for (int i = 0; i < n; i++)
				end += sprintf(end, "%s", ifs ? "{{ if true }}" : "(");
			end += sprintf(end, "%s", ifs ? "b" : "1");
			for (int i = 0; i < n; i++)
				end += sprintf(end, "%s", ifs ? "{{ end }}" : ")");
			sprintf(end, "%s\"\n}\n}\n", ifs ? "" : " }}");
			p = plan_try(text, &d);
			cr_expect_eq(p != NULL, n <= 16, "%d of %s: %s", n, ifs ? "if" : "(", d.text);
			corefile_plan_free(p);
		}
}
