/* SPDX-License-Identifier: Apache-2.0 */
/* Records from text: what is taken, octet by octet, and what is not. */
#include "resolver/plugins/rrtext.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* "type class ttl rdata" in numbers and hexadecimal, or "none". The owner is a. */
static const char *made(const char *text)
{
	static char told[2048];
	uint8_t buf[4096];
	struct wire_out o;
	size_t n;

	wire_out_init(&o, buf, sizeof(buf));
	if (!rrtext_put(&o, text))
		return "none";
	cr_assert_eq(o.err, 0, "%s", text);
	if (o.len < 13 || memcmp(buf, "\1a", 3) != 0)
		return "another owner";
	n = (size_t)snprintf(told, sizeof(told), "%u %u %u ", get_be16(buf + 3), get_be16(buf + 5), get_be32(buf + 7));
	cr_assert_eq(get_be16(buf + 11), o.len - 13, "%s", text);
	for (size_t i = 13; i < o.len && n < sizeof(told) - 3; i++)
		n += (size_t)snprintf(told + n, sizeof(told) - n, "%02x", buf[i]);
	return told;
}

Test(rrtext, what_is_taken)
{
	static const char *const cases[][2] = {
		{"a A 192.0.2.1", "1 1 3600 c0000201"},
		{"a. 60 A 192.0.2.1", "1 1 60 c0000201"},
		{"a IN 60 A 192.0.2.1", "1 1 60 c0000201"},
		{"a 60 CH A 192.0.2.1", "1 3 60 c0000201"},
		{"a hs 0 a 192.0.2.1", "1 4 0 c0000201"},
		{"a ANY A 192.0.2.1", "1 255 3600 c0000201"},
		{"a 1s A 192.0.2.1", "1 1 1 c0000201"},
		{"a 1m1s A 192.0.2.1", "1 1 61 c0000201"},
		{"a 1H2M3 A 192.0.2.1", "1 1 3723 c0000201"},
		{"a 1d A 192.0.2.1", "1 1 86400 c0000201"},
		{"a 2w A 192.0.2.1", "1 1 1209600 c0000201"},
		{"a 2147483647 A 192.0.2.1", "1 1 2147483647 c0000201"},
		{"  a \t 60 ( A \r\n 192.0.2.1 ) ", "1 1 60 c0000201"},
		{"a AAAA 2001:db8::1", "28 1 3600 20010db8000000000000000000000001"},
		{"a NS b.", "2 1 3600 016200"},
		{"a PTR b.", "12 1 3600 016200"},
		{"a CNAME a.", "5 1 3600 c000"},
		{"a DNAME a.", "39 1 3600 016100"},
		{"a MX 65535 b.", "15 1 3600 ffff016200"},
		{"a SRV 1 2 65535 a.", "33 1 3600 00010002ffff016100"},
		{"a TXT x", "16 1 3600 0178"},
		{"a TXT x \"y z\" \"\"", "16 1 3600 01780379207a00"},
		{"a TXT \"\\\"\\\\\"", "16 1 3600 02225c"},
		{"a TXT \"a(b)\" c", "16 1 3600 04612862290163"},
		{"a HINFO c \"o s\"", "13 1 3600 0163036f2073"},
		{"a SOA b. c. 4294967295 1m 2h 3 4d",
		 "6 1 3600 016200016300ffffffff0000003c00001c200000000300054600"},
		{"a NAPTR 1 65535 s \"x\" \"\" a.", "35 1 3600 0001ffff0173017800016100"},
		{"a CAA 255 issue \"b c\"", "257 1 3600 ff056973737565622063"},
		{"a caa 0 issue b", "257 1 3600 0005697373756562"},
		{"a TXT a\\065b", "16 1 3600 03614162"},
		{"a TXT \"a\\065b\" \\000\\255", "16 1 3600 036141620200ff"},
		{"a TXT \"\\034\\ \\;\" \\ \\(x\\)\\\"", "16 1 3600 0322203b0520287829" "22"},
		{"a CAA 0 issue \"b\\059\"", "257 1 3600 00056973737565623b"},
		{"a NS \\(\\040.", "2 1 3600 02282800"},
		{"a TYPE65280 \\# 3 010a Ff", "65280 1 3600 010aff"},
		{"a TYPE65280 \\# 0", "65280 1 3600 "},
		{"a A \\# 4 c0000201", "1 1 3600 c0000201"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_str_eq(made(cases[i][0]), cases[i][1], "%s: %s", cases[i][0], made(cases[i][0]));
}

Test(rrtext, what_is_not)
{
	static const char *const cases[] = {
		"", " ", "a", "a 60", "a A", "a 60 IN", "a.. A 192.0.2.1", "a 2147483648 A 192.0.2.1", "a 1y A 192.0.2.1",
		"a 1h- A 192.0.2.1", "a 1hh A 192.0.2.1", "a 1h-5m A 192.0.2.1", "a 1h+5m A 192.0.2.1",
		"a 18446744073709551615w1w A 192.0.2.1", "a 3551w A 192.0.2.1", "a 60 60 A 192.0.2.1", "a IN IN A 192.0.2.1", "a XX A 192.0.2.1", "a A 192.0.2.256",
		"a A 192.0.2.1 x", "a A ::1", "a AAAA 192.0.2.1", "a NS b..c", "a MX b.", "a MX 65536 b.", "a MX -1 b.",
		"a MX x b.", "a MX 1x b.", "a MX 1 b. c.", "a SRV 1 2 b.", "a TXT", "a TXT \"x", "a TXT x y\\256",  "a TXT x y z\\1", "a HINFO c", "a HINFO c o s",
		"a SOA b. c. 4294967296 1 2 3 4", "a SOA b. c. 1 2 3 4", "a SOA b. c. 1 x 2 3 4", "a CAA 256 issue x",
		"a TYPE65280 x", "a TYPE65280 \\# 2 01", "a TYPE65280 \\# 1 0102", "a TYPE65280 \\# 1 1", "a TYPE65280 \\# 1 0g",
		"a TYPE65280 \\#", "a TYPE65280 \\# x", "a TYPE65280 \\# 1x 01", "a FOO x", "a TXT a\\256", "a TXT a\\1", "a TXT a\\12x", "a TXT \"a\\999\"", "a CAA 0 issue \\256",
		"a TXT 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31",
	};
	char text[2100];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_str_eq(made(cases[i]), "none", "%s", cases[i]);
	/* a string's most, and the text's */
	snprintf(text, sizeof(text), "a TXT %0255d", 7);
	cr_expect_str_neq(made(text), "none");
	snprintf(text, sizeof(text), "a TXT %0256d", 7);
	cr_expect_str_eq(made(text), "none");
	snprintf(text, sizeof(text), "a A%*s192.0.2.1", 2047 - 12, "");
	cr_expect_str_eq(made(text), "1 1 3600 c0000201");
	snprintf(text, sizeof(text), "a A%*s192.0.2.1", 2048 - 12, "");
	cr_expect_str_eq(made(text), "none");
	cr_expect_str_neq(made("a TXT 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30"), "none");
}

Test(rrtext, the_type_alone)
{
	cr_expect_eq(rrtext_type("a 60 IN AAAA x"), DNS_AAAA);
	cr_expect_eq(rrtext_type("a CAA"), 257);
	cr_expect_eq(rrtext_type("a TYPE65280 \\# 0"), 65280);
	cr_expect_eq(rrtext_type("a TYPE65280 x"), 0);
	cr_expect_eq(rrtext_type("a TYPE65280"), 0);
	cr_expect_eq(rrtext_type("a FOO x"), 0);
	cr_expect_eq(rrtext_type("\"a"), 0);
}
