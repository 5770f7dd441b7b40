/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tuples as entries keep them: in 16 octets, so that an entry is one cache line. Addresses that are no IPv4 do not fit
 * and are kept aside, a pair a direction.
 */
#include <stdlib.h>

#include "conntrack-model/ctable_int.h"

_Static_assert(offsetof(struct ct_wide, dst) == offsetof(struct ct_tuple, dst), "a tuple begins with its addresses");

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const struct in6_addr *a)
{
	return memcmp(a, v4_mapped, sizeof(v4_mapped)) == 0;
}

static uint32_t v4_of(const struct in6_addr *a)
{
	uint32_t v;

	memcpy(&v, &a->s6_addr[12], sizeof(v));
	return v;
}

static struct in6_addr addr_of(uint32_t v4)
{
	struct in6_addr a;

	memcpy(&a, v4_mapped, sizeof(v4_mapped));
	memcpy(&a.s6_addr[12], &v4, sizeof(v4));
	return a;
}

bool ct_wides_room(struct ct_wides *w)
{
	uint32_t cap = w->cap ? w->cap * 2 : 1024;

	if (w->n + 2 <= w->cap)
		return true;
	if (cap > UINT32_MAX / 4)
		return false;
	struct ct_wide *p = realloc(w->pair, cap * sizeof(*p));
	if (!p)
		return false;
	if (!w->n)
		w->n = 1; /* 0 is none */
	w->pair = p;
	w->cap = cap;
	return true;
}

static uint32_t wide_take(struct ct_wides *w, const struct ct_tuple *tuple)
{
	uint32_t at = w->free;

	if (at)
		memcpy(&w->free, &w->pair[at].src, sizeof(w->free));
	else
		at = w->n++;
	w->pair[at] = (struct ct_wide){tuple->src, tuple->dst};
	return at;
}

struct ct_key ct_key_take(struct ct_wides *w, const struct ct_tuple *tuple)
{
	struct ct_key k = {.sport = tuple->sport, .dport = tuple->dport, .zone = tuple->zone, .netns = tuple->netns, .proto = tuple->proto & 127};

	if (is_v4(&tuple->src) && is_v4(&tuple->dst)) {
		k.src = v4_of(&tuple->src);
		k.dst = v4_of(&tuple->dst);
	} else {
		k.wide = 1;
		k.src = wide_take(w, tuple);
	}
	return k;
}

void ct_key_give(struct ct_wides *w, const struct ct_key *k)
{
	if (!k->wide)
		return;
	memcpy(&w->pair[k->src].src, &w->free, sizeof(w->free));
	w->free = k->src;
}

struct ct_tuple ct_key_tuple(const struct ct_wides *w, const struct ct_key *k)
{
	struct ct_tuple t = {.sport = k->sport, .dport = k->dport, .proto = k->proto, .netns = k->netns, .zone = k->zone};

	t.src = k->wide ? w->pair[k->src].src : addr_of(k->src);
	t.dst = k->wide ? w->pair[k->src].dst : addr_of(k->dst);
	return t;
}

bool ct_key_is(const struct ct_wides *w, const struct ct_key *k, const struct ct_tuple *tuple)
{
	if (k->sport != tuple->sport || k->dport != tuple->dport || k->zone != tuple->zone || k->netns != tuple->netns ||
	    k->proto != tuple->proto)
		return false;
	if (k->wide)
		return memcmp(&w->pair[k->src], tuple, sizeof(w->pair[0])) == 0;
	return k->src == v4_of(&tuple->src) && k->dst == v4_of(&tuple->dst) && is_v4(&tuple->src) && is_v4(&tuple->dst);
}
