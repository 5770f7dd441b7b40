/* SPDX-License-Identifier: Apache-2.0 */
/* The table of addresses whose replies do not leave; the kernel's part is tests/suites/live-neighbours. */
#include "resolver/net/listen_stuck.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct in6_addr addr(uint32_t i)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = (uint8_t)(i >> 16), [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}};

	return a;
}

Test(listen_stuck, an_address_is_marked_for_its_time)
{
	struct stuck *s = calloc(1, sizeof(*s));
	struct in6_addr a = addr(1), b = addr(2);
	uint32_t h = stuck_hash(s, &a);

	cr_expect_not(stuck_is(s, &a, h, 1));
	stuck_mark(s, &a, h, 1000);
	cr_expect(stuck_is(s, &a, h, 1000));
	cr_expect(stuck_is(s, &a, h, 999 + STUCK_HOLD_NS));
	cr_expect_not(stuck_is(s, &a, h, 1000 + STUCK_HOLD_NS));
	cr_expect_not(stuck_is(s, &b, h, 1000), "another address at the same place is another");
	free(s);
}

/* Many addresses: nearly all are known again, whichever key, and they spread over sockets. */
Test(listen_stuck, a_thousand_have_room)
{
	struct stuck *s = calloc(1, sizeof(*s));
	unsigned known = 0, by_socket[7] = {0};

	s->key = (struct hash_key){1, 2};
	for (uint32_t i = 0; i < 1024; i++) {
		struct in6_addr a = addr(i);
		uint32_t h = stuck_hash(s, &a);

		stuck_mark(s, &a, h, 0);
		by_socket[(h >> 16) % 7]++;
	}
	for (uint32_t i = 0; i < 1024; i++) {
		struct in6_addr a = addr(i);

		known += stuck_is(s, &a, stuck_hash(s, &a), 1);
	}
	cr_expect_gt(known, 850);
	for (int i = 0; i < 7; i++)
		cr_expect(by_socket[i] > 90 && by_socket[i] < 210, "socket %d has %u", i, by_socket[i]);
	free(s);
}

Test(listen_stuck, what_a_socket_holds)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	cr_expect_eq(stuck_held(fd), 0);
	cr_assert_eq(sendto(fd, &sa, 10, MSG_MORE, (struct sockaddr *)&sa, sizeof(sa)), 10);
	cr_expect_gt(stuck_held(fd), 10, "what has not left yet");
	close(fd);
	cr_expect_eq(stuck_held(-1), 0, "what cannot be told is nothing");
}
