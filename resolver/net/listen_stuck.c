/* SPDX-License-Identifier: Apache-2.0 */
/* A table of addresses with one place for each, see the header. */
#include "resolver/net/listen_stuck.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

uint32_t stuck_hash(const struct stuck *s, const struct in6_addr *a)
{
	return (uint32_t)hash_sip13(&s->key, a, sizeof(*a));
}

bool stuck_is(const struct stuck *s, const struct in6_addr *a, uint32_t hash, uint64_t now_ns)
{
	uint32_t i = hash % STUCK_SLOTS;

	return s->slot[i].until_ns > now_ns && IN6_ARE_ADDR_EQUAL(&s->slot[i].addr, a);
}

void stuck_mark(struct stuck *s, const struct in6_addr *a, uint32_t hash, uint64_t now_ns)
{
	uint32_t i = hash % STUCK_SLOTS;

	s->slot[i].addr = *a;
	s->slot[i].until_ns = now_ns + STUCK_HOLD_NS;
}

uint32_t stuck_held(int fd)
{
	int n = 0; /* and so it stays where it cannot be told */

	ioctl(fd, SIOCOUTQ, &n);
	return (uint32_t)n;
}
