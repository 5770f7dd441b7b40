/* SPDX-License-Identifier: Apache-2.0 */
/* A row for each client that is connected, however many there are. */
#include "tests/fixtures/no_memory.h"

#include <criterion/criterion.h>
#include <string.h>

#include "resolver/net/listen_tcp_clients.h"

enum { MANY = 2000 };

static struct tcp_clients t;
static struct tcp_client *row[MANY];

static struct in6_addr addr_of(unsigned i)
{
	return (struct in6_addr){.s6_addr = {0xfd, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}};
}

Test(tcp_clients, each_has_its_row_until_its_last_connection)
{
	cr_assert_eq(tcp_clients_init(&t), 0);
	for (unsigned i = 0; i < MANY; i++) {
		struct in6_addr a = addr_of(i);

		cr_assert_null(tcp_clients_find(&t, &a));
		row[i] = tcp_clients_add(&t, &a);
		for (unsigned k = 0; k < i % 3; k++)
			cr_assert_eq(tcp_clients_add(&t, &a), row[i]);
	}
	for (unsigned i = 0; i < MANY; i++) {
		struct in6_addr a = addr_of(i);

		cr_assert_eq(tcp_clients_find(&t, &a), row[i]);
		cr_assert_eq(row[i]->n, 1 + i % 3);
	}
	for (unsigned i = 0; i < MANY; i += 2) {
		struct in6_addr a = addr_of(i);

		for (unsigned k = 0; k < i % 3; k++) {
			tcp_clients_remove(&t, &a);
			cr_assert_eq(tcp_clients_find(&t, &a), row[i]);
		}
		tcp_clients_remove(&t, &a);
		cr_assert_null(tcp_clients_find(&t, &a));
		tcp_clients_remove(&t, &a); /* of nobody */
	}
	for (unsigned i = 0; i < MANY; i++) {
		struct in6_addr a = addr_of(i);

		cr_assert_eq(tcp_clients_find(&t, &a), i % 2 ? row[i] : NULL);
	}
	tcp_clients_release(&t);
}

Test(tcp_clients, memory_is_short)
{
	struct in6_addr a = addr_of(1);

	if (!NO_MEMORY_HERE)
		cr_skip_test("the sanitizer has its own heap");
	long kept = memory_kept;

	cr_assert_eq(tcp_clients_init(&t), 0);
	memory_fail(0, true);
	struct tcp_client *c = tcp_clients_add(&t, &a);

	memory_back();
	cr_expect_null(c);
	cr_expect_null(tcp_clients_find(&t, &a));
	for (unsigned i = 0; i < MANY; i++) {
		a = addr_of(i);
		cr_assert(tcp_clients_add(&t, &a));
	}
	tcp_clients_release(&t);
	cr_expect_eq(memory_kept, kept);
}

/* Addresses are chosen by whoever connects: which meet in a row is known to nobody. */
Test(tcp_clients, keys_are_drawn)
{
	static struct tcp_clients other;

	cr_assert_eq(tcp_clients_init(&t), 0);
	cr_assert_eq(tcp_clients_init(&other), 0);
	cr_expect_neq(memcmp(&t.key, &other.key, sizeof(t.key)), 0);
}
