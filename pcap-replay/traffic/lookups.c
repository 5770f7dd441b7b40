/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open lookups live in a ring per hashed client address: the newest RING_MAX of
 * them can be joined, which is more than a pod has under way at once. Fitting:
 *   same name, same socket, another type            the A and AAAA pair
 *   same name, TCP or a new socket, another type    Go, use-vc: within a moment
 *   fewer labels, same first label, last denied     the search list's next step
 */
#include "pcap-replay/traffic/lookups.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/dns/name.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"

#define CLIENTS  4096
#define RING_MAX 64
#define SOCKET_NS (15000 * 1000000ull) /* A to AAAA on one socket: a retry may lie between */
#define PAIR_NS  (20 * 1000000ull)   /* A to AAAA on different sockets */
#define STEP_NS  (1000 * 1000000ull) /* denial to the next name */

struct lookup_open {
	uint32_t number; /* 0: free */
	uint64_t first_ns, denied_ns, name_ns;
	uint16_t port;
	bool has_a, has_aaaa, denied, found;
	const uint8_t *name;
	struct in6_addr client;
};

struct lookups {
	struct hash_key key;
	uint64_t n;
	struct ring {
		struct lookup_open *open; /* RING_MAX, made when first used */
		unsigned head;
	} ring[CLIENTS];
	/* number -> where it is, so that answers find it: a ring of its own */
	struct lookup_open *recent[65536];
};

struct lookups *lookups_new(void)
{
	struct lookups *l = calloc(1, sizeof(*l));
	if (l)
		rng_os_bytes(&l->key, sizeof(l->key));
	return l;
}

void lookups_free(struct lookups *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < CLIENTS; i++)
		free(l->ring[i].open);
	free(l);
}

uint64_t lookups_count(const struct lookups *l)
{
	return l->n;
}

static bool type_free(const struct lookup_open *o, uint16_t qtype)
{
	return (qtype == DNS_A && !o->has_a) || (qtype == DNS_AAAA && !o->has_aaaa);
}

static bool is_pair(const struct lookup_open *o, uint64_t t_ns, uint16_t port, const uint8_t *name, uint16_t qtype)
{
	if (!type_free(o, qtype) || !name_eq(o->name, name))
		return false;
	return t_ns <= o->name_ns + (o->port == port ? SOCKET_NS : PAIR_NS);
}

/* The leading labels both names share. */
static unsigned shared_labels(const uint8_t *a, const uint8_t *b)
{
	unsigned n = 0;
	while (*a && *a == *b && !strncasecmp((const char *)a + 1, (const char *)b + 1, *a)) {
		a += *a + 1;
		b += *b + 1;
		n++;
	}
	return n;
}

static bool is_step(const struct lookup_open *o, uint64_t t_ns, const uint8_t *name, uint16_t qtype)
{
	if (!o->denied || (qtype != DNS_A && qtype != DNS_AAAA) || t_ns > o->denied_ns + STEP_NS)
		return false;
	unsigned have = name_labels(o->name), want = name_labels(name), shared = shared_labels(o->name, name);
	if (want == 0 || shared == 0)
		return false;
	/* shorter by a search suffix's difference; the bare name ends the list, and a
	 * bare name tried first (dots >= ndots) is followed by longer ones */
	return want < have || shared == have;
}

static struct lookup_open *fitting(struct ring *r, uint64_t t_ns, const struct qs_addr *c, const uint8_t *name,
				   uint16_t qtype)
{
	struct lookup_open *step = NULL;
	for (unsigned k = 1; k <= RING_MAX; k++) {
		struct lookup_open *o = &r->open[(r->head + RING_MAX - k) % RING_MAX];
		if (!o->number || memcmp(&o->client, &c->ip, 16))
			continue;
		if (is_pair(o, t_ns, c->port, name, qtype))
			return o;
		/* the lookup that was denied longest ago is the likeliest to go on */
		if (is_step(o, t_ns, name, qtype) && (!step || o->denied_ns < step->denied_ns))
			step = o;
	}
	return step;
}

uint32_t lookups_question(struct lookups *l, uint64_t t_ns, const struct qs_addr *client, const uint8_t *name,
			  uint16_t qtype)
{
	struct ring *r = &l->ring[hash_sip13(&l->key, &client->ip, 16) % CLIENTS];
	if (!r->open && !(r->open = calloc(RING_MAX, sizeof(*r->open))))
		return (uint32_t)++l->n;
	struct lookup_open *o = fitting(r, t_ns, client, name, qtype);
	if (!o) {
		o = &r->open[r->head];
		r->head = (r->head + 1) % RING_MAX;
		if (o->number && l->recent[o->number % 65536] == o)
			l->recent[o->number % 65536] = NULL;
		*o = (struct lookup_open){.number = (uint32_t)++l->n, .first_ns = t_ns, .client = client->ip};
		l->recent[o->number % 65536] = o;
	}
	if (!o->name || !name_eq(o->name, name)) {
		o->name = name;
		o->name_ns = t_ns;
		o->has_a = o->has_aaaa = o->denied = o->found = false;
	}
	o->port = client->port;
	o->has_a |= qtype == DNS_A;
	o->has_aaaa |= qtype == DNS_AAAA;
	return o->number;
}

void lookups_answer(struct lookups *l, uint32_t lookup, uint64_t t_ns, bool negative)
{
	struct lookup_open *o = l->recent[lookup % 65536];
	if (!o || o->number != lookup)
		return;
	o->found |= !negative;
	o->denied = negative && !o->found;
	o->denied_ns = t_ns;
}
