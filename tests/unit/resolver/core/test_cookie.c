/* SPDX-License-Identifier: Apache-2.0 */
/* DNS cookies, both ways, and what an upstream cannot do. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/core/cookie.h"
#include "resolver/core/quirk.h"

static const struct hash_key key = {1, 2};

/* RFC 9018 section 4: version, reserved, time; the hash covers all of it and the client. */
Test(cookie, a_server_cookie_is_of_client_address_and_time)
{
	uint8_t mine[COOKIE_CLIENT_LEN] = {1, 2, 3, 4, 5, 6, 7, 8}, a[COOKIE_SERVER_LEN], b[COOKIE_SERVER_LEN];
	struct in6_addr addr = {.s6_addr = {0xfd, 1}};

	cookie_server_make(&key, &addr, mine, 0x01020304, a);
	cr_assert_arr_eq(a, ((uint8_t[]){1, 0, 0, 0, 1, 2, 3, 4}), 8);
	cookie_server_make(&key, &addr, mine, 0x01020304, b);
	cr_assert_arr_eq(a, b, sizeof(a));
	cookie_server_make(&key, &addr, mine, 0x01020305, b);
	cr_assert_arr_neq(a + 8, b + 8, 8);
	mine[7]++;
	cookie_server_make(&key, &addr, mine, 0x01020304, b);
	cr_assert_arr_neq(a + 8, b + 8, 8);
	mine[7]--;
	addr.s6_addr[15]++;
	cookie_server_make(&key, &addr, mine, 0x01020304, b);
	cr_assert_arr_neq(a + 8, b + 8, 8);
}

Test(cookie, ours_differ_by_upstream)
{
	struct in6_addr addr = {.s6_addr = {0xfd, 1}};
	struct cookie_jar a, b;

	a.server_len = 9;
	cookie_jar_init(&a, &key, &addr, 53);
	cr_assert_eq(a.server_len, 0);
	cookie_jar_init(&b, &key, &addr, 54);
	cr_assert_arr_neq(a.client, b.client, COOKIE_CLIENT_LEN);
	addr.s6_addr[15]++;
	cookie_jar_init(&b, &key, &addr, 53);
	cr_assert_arr_neq(a.client, b.client, COOKIE_CLIENT_LEN);
}

/* RFC 7873 section 5.3. */
Test(cookie, a_jar_takes_what_echoes_it)
{
	static const size_t lens[] = {COOKIE_CLIENT_LEN + 8, COOKIE_CLIENT_LEN + COOKIE_SERVER_LEN_MAX};
	uint8_t opt[64] = {0};
	struct cookie_jar j;

	cookie_jar_init(&j, &key, &(struct in6_addr){.s6_addr = {1}}, 53);
	cr_assert(cookie_jar_take(&j, NULL, 0), "it never knew cookies");
	cr_assert_not(cookie_jar_take(&j, opt, COOKIE_CLIENT_LEN + 8), "another's");
	memcpy(opt, j.client, COOKIE_CLIENT_LEN);
	cr_assert_not(cookie_jar_take(&j, opt, COOKIE_CLIENT_LEN - 1));
	cr_assert(cookie_jar_take(&j, opt, COOKIE_CLIENT_LEN), "an echo alone");
	cr_assert_not(cookie_jar_take(&j, opt, COOKIE_CLIENT_LEN + 7));
	cr_assert_not(cookie_jar_take(&j, opt, COOKIE_CLIENT_LEN + COOKIE_SERVER_LEN_MAX + 1));
	cr_assert_eq(j.server_len, 0);
	for (unsigned i = 0; i < 2; i++) {
		memset(opt + COOKIE_CLIENT_LEN, 7 + (int)i, sizeof(opt) - COOKIE_CLIENT_LEN);
		cr_assert(cookie_jar_take(&j, opt, lens[i]));
		cr_assert_eq(j.server_len, lens[i] - COOKIE_CLIENT_LEN);
		cr_assert_arr_eq(j.server, opt + COOKIE_CLIENT_LEN, j.server_len);
	}
	cr_assert_not(cookie_jar_take(&j, NULL, 0), "it knew them before");
}

/* Some names in a row, and it is the upstream; one name alone is that name. */
Test(quirk, names_in_a_row_switch_off_and_a_success_on)
{
	struct quirk k = {0};
	uint64_t now = NS_PER_S;
	unsigned n = 1;

	cr_assert_not(quirk_lacked(&k, 1, now));
	cr_assert_not(quirk_try(&k, 1, now), "this name not");
	cr_assert(quirk_try(&k, 2, now), "another one");
	for (unsigned i = 0; i < 9; i++)
		cr_assert_not(quirk_lacked(&k, 1, now), "the same again says nothing");
	while (!k.is_off && n < 100) {
		bool told = quirk_lacked(&k, ++n, now);

		cr_assert_eq(told, k.is_off, "said once, when it happens");
	}
	cr_assert(k.is_off && n > 2 && n < 20, "%u names", n);
	cr_assert_not(quirk_try(&k, 1000, now));
	cr_assert_not(quirk_lacked(&k, 1001, now));
	now += 3600 * NS_PER_S;
	cr_assert(quirk_try(&k, 1000, now), "looked at again");
	cr_assert_not(quirk_try(&k, 1000, now), "once");
	quirk_held(&k);
	cr_assert(quirk_try(&k, 1000, now) && quirk_try(&k, 1002, now));
	cr_assert_eq(k.n_row, 0);
}

Test(quirk, a_name_is_forgiven_after_a_while)
{
	struct quirk k = {0};

	quirk_lacked(&k, 1, NS_PER_S);
	cr_assert_not(quirk_try(&k, 1, 2 * NS_PER_S));
	cr_assert(quirk_try(&k, 1, NS_PER_S + 24 * 3600 * NS_PER_S));
}
