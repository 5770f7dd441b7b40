/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "lib/err.h"
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
