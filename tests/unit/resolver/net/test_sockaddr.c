/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of both families through one form and back. */
#include <criterion/criterion.h>

#include "lib/base/err.h"
#include "resolver/net/sockaddr.h"

Test(sockaddr, every_spelling_of_an_address)
{
	static const struct {
		const char *text, *want;
	} good[] = {
		{ "10.0.0.1", "10.0.0.1:53" },	{ "10.0.0.1:5353", "10.0.0.1:5353" },
		{ "::1", "[::1]:53" },		{ "[::1]", "[::1]:53" },
		{ "[fd00::a]:99", "[fd00::a]:99" }, { ":9253", "[::]:9253" },
		{ "0.0.0.0:9353", "0.0.0.0:9353" }, { "::ffff:1.2.3.4", "1.2.3.4:53" },
	};
	static const char *const bad[] = { "10.0.0", "10.0.0.1:", "10.0.0.1:65536", "[::1", "[::1]x",
					   "[::1]:x", "host", "1.2.3.4:5x", "fe80::zz" };
	struct in6_addr a;
	uint16_t port;
	char text[SOCKADDR_TEXT];
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_assert_eq(sockaddr_parse(good[i].text, 53, &a, &port), 0, "%s", good[i].text);
		cr_assert_str_eq(sockaddr_text(text, &a, port), good[i].want);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(sockaddr_parse(bad[i], 53, &a, &port), ERR_SYNTAX, "%s", bad[i]);
}

Test(sockaddr, there_and_back)
{
	struct in6_addr a, b;
	union sockaddr_any sa;
	uint16_t port;
	uint32_t scope;
	static const char *const text[] = { "192.0.2.7:53", "[2001:db8::5]:853" };
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(sockaddr_parse(text[i], 0, &a, &port), 0);
		sockaddr_from(&sa, &a, port, 0);
		sockaddr_split(&sa, &b, &port, &scope);
		cr_assert_arr_eq(&a, &b, sizeof(a));
	}
}

Test(sockaddr, the_whole_of_it_both_ways)
{
	struct in6_addr a, b;
	union sockaddr_any sa;
	uint16_t port = 0;
	uint32_t scope = 1;

	cr_assert_eq(sockaddr_parse("[fe80::1]:65535", 0, &a, &port), 0);
	cr_expect_eq(sockaddr_from(&sa, &a, port, 7), sizeof(sa.v6));
	cr_expect_eq(sa.v6.sin6_family, AF_INET6);
	port = 0;
	sockaddr_split(&sa, &b, &port, &scope);
	cr_expect_arr_eq(&a, &b, sizeof(a));
	cr_expect_eq(port, 65535);
	cr_expect_eq(scope, 7);
	cr_assert_eq(sockaddr_parse("192.0.2.7:1", 0, &a, &port), 0);
	cr_expect_eq(sockaddr_from(&sa, &a, port, 7), sizeof(sa.v4));
	cr_expect_eq(sa.v4.sin_family, AF_INET);
	port = 0;
	sockaddr_split(&sa, &b, &port, &scope);
	cr_expect_arr_eq(&a, &b, sizeof(a));
	cr_expect_eq(port, 1);
	cr_expect_eq(scope, 0, "IPv4 has none");
}

Test(sockaddr, what_kind_of_address)
{
	static const struct {
		const char *text;
		bool any, loopback;
	} cases[] = {
		{ "0.0.0.0", true, false },   { "::", true, false },		{ "127.0.0.1", false, true },
		{ "127.9.9.9", false, true }, { "128.0.0.1", false, false },	{ "::1", false, true },
		{ "::2", false, false },      { "0.0.0.1", false, false },	{ "1.0.0.0", false, false },
		{ "fd00::", false, false },   { "::7f00:1", false, false },	{ "fd00::7f00:1", false, false },
		{ "10.0.0.127", false, false },
	};
	struct in6_addr a;
	uint16_t port;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(sockaddr_parse(cases[i].text, 53, &a, &port), 0, "%s", cases[i].text);
		cr_expect_eq(addr_is_any(&a), cases[i].any, "%s", cases[i].text);
		cr_expect_eq(addr_is_loopback(&a), cases[i].loopback, "%s", cases[i].text);
	}
	char text[SOCKADDR_TEXT];

	cr_assert_eq(sockaddr_parse("1111:2222:3333:4444:5555:6666:7777:8888", 65535, &a, &port), 0);
	cr_expect_str_eq(sockaddr_text(text, &a, port), "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
	cr_expect_eq(sockaddr_parse("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", 53, &a, &port), ERR_SYNTAX);
	cr_expect_eq(sockaddr_parse("10.0.0.1:65535", 53, &a, &port), 0);
	cr_expect_eq(port, 65535);
	cr_expect_eq(sockaddr_parse("10.0.0.1:0", 53, &a, &port), 0);
	cr_expect_eq(port, 0);
	cr_expect_eq(sockaddr_parse("10.0.0.1:-1", 53, &a, &port), ERR_SYNTAX);
}
