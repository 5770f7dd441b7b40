/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open lookups live in a ring per hashed client address: the newest RING_MAX of
 * them can be joined, which is more than a pod has under way at once. Fitting:
 *   same name, same socket, another type            the A and AAAA pair
 *   same name, TCP or a new socket, another type    Go, use-vc: within a moment of the other's
 *                                                   question; glibc after a loss: of its answer
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
#define NEXT_NS  (200 * 1000000ull)  /* A's answer to AAAA on another socket: the process has to be woken */
#define RING_BYTES sizeof(struct lookup_ring)
#define STEP_NS  (1000 * 1000000ull) /* denial to the next name */

struct lookup_open {
	uint32_t number; /* 0: free */
	uint64_t first_ns, name_ns;
	uint64_t denied_ns;  /* the last answer, be it a denial or not */
	uint16_t port;
	bool has_a, has_aaaa, denied, found;
	bool bare;          /* the name is the beginning of the one before it: the list's end */
	uint32_t n_denied;  /* of names before this one */
	uint32_t n_here;    /* of this name */
	uint8_t *name; /* a copy */
	struct in6_addr client;
};

/* All that fits has this client's address and this first label: a word that both make is
 * looked at before anything else. */
struct lookup_ring {
	uint32_t tag[RING_MAX]; /* 0: has no name */
	uint64_t marks[4];      /* a bit for each tag that came since the ring was round last, and all before */
	struct lookup_open open[RING_MAX];
	unsigned head;
};

struct lookups {
	struct budget *budget;
	struct hash_key key;
	uint64_t n;
	struct lookups_waste waste;
	struct lookup_ring *ring[CLIENTS]; /* made when first used */
	/* number -> where it is, so that answers find it: a ring of its own */
	struct lookup_open *recent[65536];
};

struct lookups *lookups_new(struct budget *b)
{
	struct lookups *l = calloc(1, sizeof(*l));
	if (l) {
		l->budget = b;
		rng_os_bytes(&l->key, sizeof(l->key));
	}
	return l;
}

/* NULL forgets; without memory the lookup has no name and nothing joins it. */
static void name_set(struct lookups *l, struct lookup_open *o, const uint8_t *name)
{
	if (o->name)
		budget_give(l->budget, name_len(o->name));
	free(o->name);
	o->name = NULL;
	size_t n = name ? name_len(name) : 0;
	if (n == 0 || !budget_take(l->budget, n))
		return;
	o->name = malloc(n);
	if (o->name)
		memcpy(o->name, name, n);
	else
		budget_give(l->budget, n);
}

void lookups_free(struct lookups *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < CLIENTS; i++) {
		for (unsigned k = 0; l->ring[i] && k < RING_MAX; k++)
			name_set(l, &l->ring[i]->open[k], NULL);
		if (l->ring[i])
			budget_give(l->budget, RING_BYTES);
		free(l->ring[i]);
	}
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
	if (o->port != port && o->denied_ns > o->name_ns && t_ns >= o->denied_ns && t_ns <= o->denied_ns + NEXT_NS)
		return true;
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

/* How many leading labels the step keeps; 0: it is none. */
static unsigned step_of(const struct lookup_open *o, uint64_t t_ns, const uint8_t *name, uint16_t qtype)
{
	if (!o->denied || (qtype != DNS_A && qtype != DNS_AAAA) || t_ns > o->denied_ns + STEP_NS)
		return 0;
	unsigned have = name_labels(o->name), want = name_labels(name), shared = shared_labels(o->name, name);
	if (want == 0 || shared == 0)
		return 0;
	/* shorter by a search suffix's difference; the bare name ends the list, and only a
	 * bare name tried first (dots >= ndots) is followed by longer ones */
	return want < have || (want > have && shared == have && !o->n_denied) ? shared : 0;
}

static uint32_t tag_of(const struct in6_addr *ip, const uint8_t *name)
{
	uint64_t h, low;
	memcpy(&h, ip->s6_addr, 8);
	memcpy(&low, ip->s6_addr + 8, 8);
	h = (h ^ low) * 0x9e3779b97f4a7c15u;
	for (unsigned i = 0; i <= name[0]; i++) /* whatever makes two meet costs a comparison, no more */
		h = (h ^ (name[i] | 0x20)) * 0x100000001b3u;
	return (uint32_t)(h >> 32) | 1;
}

static void mark(struct lookup_ring *r, uint32_t tag)
{
	r->marks[tag >> 30] |= 1ull << (tag >> 24 & 63);
}

static bool may_have(const struct lookup_ring *r, uint32_t tag)
{
	return r->marks[tag >> 30] >> (tag >> 24 & 63) & 1;
}

static void tag_set(struct lookup_ring *r, unsigned at, uint32_t tag)
{
	r->tag[at] = tag;
	mark(r, tag);
	if (at != 0)
		return;
	memset(r->marks, 0, sizeof(r->marks));
	for (unsigned i = 0; i < RING_MAX; i++)
		mark(r, r->tag[i]);
}

static struct lookup_open *fitting(struct lookup_ring *r, uint32_t tag, uint64_t t_ns, const struct qs_addr *c, const uint8_t *name,
				   uint16_t qtype)
{
	struct lookup_open *step = NULL;
	unsigned best = 0;
	for (unsigned k = 1; k <= RING_MAX; k++) {
		unsigned at = (r->head + RING_MAX - k) % RING_MAX;
		struct lookup_open *o = &r->open[at];
		if (r->tag[at] != tag)
			continue;
		if (!o->number || !o->name || memcmp(&o->client, &c->ip, 16))
			continue;
		if (is_pair(o, t_ns, c->port, name, qtype))
			return o;
		/* who keeps most of the name; of equals, who was denied longest ago is the likeliest to go on */
		unsigned kept = step_of(o, t_ns, name, qtype);
		if (kept > best || (kept && kept == best && o->denied_ns < step->denied_ns)) {
			step = o;
			best = kept;
		}
	}
	return step;
}

static struct lookup_ring *ring_of(struct lookups *l, const struct in6_addr *ip)
{
	struct lookup_ring **r = &l->ring[hash_sip13(&l->key, ip, 16) % CLIENTS];
	if (*r || !budget_take(l->budget, RING_BYTES))
		return *r;
	*r = calloc(1, sizeof(**r));
	if (!*r)
		budget_give(l->budget, RING_BYTES);
	return *r;
}

uint32_t lookups_question(struct lookups *l, uint64_t t_ns, const struct qs_addr *client, const uint8_t *name,
			  uint16_t qtype)
{
	struct lookup_ring *r = ring_of(l, &client->ip);
	if (!r)
		return (uint32_t)++l->n;
	uint32_t tag = tag_of(&client->ip, name);
	struct lookup_open *o = !may_have(r, tag) ? NULL : fitting(r, tag, t_ns, client, name, qtype);
	if (!o) {
		o = &r->open[r->head];
		r->head = (r->head + 1) % RING_MAX;
		if (o->number && l->recent[o->number % 65536] == o)
			l->recent[o->number % 65536] = NULL;
		name_set(l, o, NULL);
		*o = (struct lookup_open){.number = (uint32_t)++l->n, .first_ns = t_ns, .client = client->ip};
		l->recent[o->number % 65536] = o;
	}
	if (!o->name || !name_eq(o->name, name)) {
		o->bare = o->name && shared_labels(o->name, name) == name_labels(name);
		o->n_denied += o->n_here;
		o->n_here = 0;
		name_set(l, o, name);
		tag_set(r, (unsigned)(o - r->open), o->name ? tag : 0);
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
	o->n_here += negative;
	o->denied = negative && !o->found;
	o->denied_ns = t_ns;
	if (negative || !o->bare || !o->n_denied || !o->name)
		return;
	unsigned dots = name_labels(o->name) - 1;
	l->waste.queries += o->n_denied;
	l->waste.ndots1 += dots >= 1 ? o->n_denied : 0;
	l->waste.ndots2 += dots >= 2 ? o->n_denied : 0;
	l->waste.lookups++;
	o->n_denied = 0;
}

const struct lookups_waste *lookups_waste(const struct lookups *l)
{
	return &l->waste;
}
