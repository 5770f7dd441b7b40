/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open lookups live in a ring per hashed client address: the newest RING_MAX of
 * them can be joined, which is more than a pod has under way at once. Fitting:
 *   same name, same socket, another type            the A and AAAA pair
 *   same name, TCP or a new socket, another type    Go, use-vc: while the other's answer is waited for;
 *                                                   glibc after a loss: a moment after it came
 *   fewer labels, same first label                  the search list's next step: a moment after a denial,
 *                                                   or when what was still waited for was given up
 * A moment is what a process may take until it goes on: on a busy node that is no matter of milliseconds.
 */
#include "pcap-replay/traffic/lookups.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/dns/name.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"
#include "pcap-replay/traffic/retry.h"
#include "pcap-replay/traffic/waste.h"

#define CLIENTS  4096
#define RING_MAX 64
#define PAIR_NS  (15000 * 1000000ull) /* A to AAAA: a retry may lie between */
#define NEXT_NS  (1000 * 1000000ull)  /* answer to what is asked next */
#define RING_BYTES sizeof(struct lookup_ring)

struct lookup_open {
	uint32_t number; /* 0: free */
	uint64_t name_ns;
	uint64_t asked_ns[2]; /* of this name, A and AAAA: the last sending */
	uint64_t answer_ns;   /* the last answer, be it a denial or not */
	uint16_t port;
	uint8_t place;       /* in its ring */
	bool found;
	bool bare;          /* the name is the beginning of the one before it: the list's end */
	uint32_t n_denied;  /* of names before this one */
	uint32_t n_here;    /* of this name */
	uint8_t *name;      /* a copy; NULL: none */
	uint8_t *room;      /* for it, used again */
	uint8_t name_len, room_len;
	struct in6_addr client;
};

/* All that fits has this client's address and this first label: 16 bits that both make are
 * looked at before anything else, four places at a time. */
#define TAGS      (RING_MAX / 4)
#define TAG_LOW   0x0001000100010001u
#define TAG_HIGH  0x8000800080008000u
struct lookup_ring {
	uint64_t tags[TAGS];    /* place i: bits 16 * (i % 4) and on of word i / 4; 0: has no name */
	/* a bit for each place: its name was asked for by A, by AAAA, and that was answered; its last answer was a denial */
	uint64_t has[2], got[2], denied;
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
};

struct lookups *lookups_new(struct budget *b)
{
	struct lookups *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->budget = b;
	rng_os_bytes(&l->key, sizeof(l->key));
	l->waste.by = waste_new(b, b->max / 32);
	if (l->waste.by)
		return l;
	free(l);
	return NULL;
}

static void room_drop(struct lookups *l, struct lookup_open *o)
{
	budget_give(l->budget, o->room_len);
	free(o->room);
	o->room = o->name = NULL;
	o->room_len = 0;
}

/* Without memory the lookup has no name and nothing joins it. */
static void name_set(struct lookups *l, struct lookup_open *o, const uint8_t *name, size_t n)
{
	o->name = NULL;
	if (o->room_len < n) {
		size_t cap = (n + 31) / 32 * 32 > NAME_MAX_WIRE ? NAME_MAX_WIRE : (n + 31) / 32 * 32;
		room_drop(l, o);
		o->room = budget_take(l->budget, cap) ? malloc(cap) : NULL;
		if (!o->room) /* either was refused: no difference here */
			return;
		o->room_len = (uint8_t)cap;
	}
	memcpy(o->room, name, n);
	o->name = o->room;
	o->name_len = (uint8_t)n;
}

void lookups_free(struct lookups *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < CLIENTS; i++) {
		for (unsigned k = 0; l->ring[i] && k < RING_MAX; k++)
			room_drop(l, &l->ring[i]->open[k]);
		if (l->ring[i])
			budget_give(l->budget, RING_BYTES);
		free(l->ring[i]);
	}
	waste_free(l->waste.by);
	free(l);
}

uint64_t lookups_count(const struct lookups *l)
{
	return l->n;
}

enum { HALF_A, HALF_AAAA, HALF_NONE };

static unsigned half_of(uint16_t qtype)
{
	return qtype == DNS_A ? HALF_A : qtype == DNS_AAAA ? HALF_AAAA : HALF_NONE;
}

/* Places whose name was asked for by a type, and no answer came yet. */
static uint64_t waiting(const struct lookup_ring *r, unsigned half)
{
	return r->has[half] & ~r->got[half];
}

/* Of one that was not asked for by this half. */
static bool is_pair(const struct lookup_open *o, bool other_waits, uint64_t t_ns, uint16_t port, const uint8_t *name, size_t len)
{
	if (o->name_len != len || memcmp(o->name, name, len) || t_ns > o->name_ns + PAIR_NS)
		return false;
	return o->port == port || other_waits || t_ns <= o->answer_ns + NEXT_NS;
}

/* Is it the end of a time that stubs wait for an answer? Some count from what they asked first. */
static bool has_waited(const struct lookup_open *o, uint64_t t_ns)
{
	for (unsigned i = 0; i < HALF_NONE; i++)
		if (o->asked_ns[i] && retry_rule_of(t_ns - o->asked_ns[i]))
			return true;
	return false;
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

/* How many leading labels the step from one that was denied or given up keeps; 0: it is none. */
static unsigned step_of(const struct lookup_open *o, bool denied, bool waits, uint64_t t_ns, const uint8_t *name)
{
	if (!(denied && t_ns <= o->answer_ns + NEXT_NS) && !(waits && !o->found && has_waited(o, t_ns)))
		return 0;
	unsigned have = name_labels(o->name), want = name_labels(name), shared = shared_labels(o->name, name);
	if (want == 0 || shared == 0)
		return 0;
	/* shorter by a search suffix's difference; the bare name ends the list, and only a
	 * bare name tried first (dots >= ndots) is followed by longer ones */
	return want < have || (want > have && shared == have && !o->n_denied) ? shared : 0;
}

static uint16_t tag_of(const struct in6_addr *ip, const uint8_t *name)
{
	uint64_t h, low;
	memcpy(&h, ip->s6_addr, 8);
	memcpy(&low, ip->s6_addr + 8, 8);
	h = (h ^ low) * 0x9e3779b97f4a7c15u;
	for (unsigned i = 0; i <= name[0]; i++) /* whatever makes two meet costs a comparison, no more */
		h = (h ^ (name[i] | 0x20)) * 0x100000001b3u;
	return (uint16_t)(h >> 48) | 1;
}

static uint16_t tag_at(const struct lookup_ring *r, unsigned at)
{
	return (uint16_t)(r->tags[at / 4] >> at % 4 * 16);
}

static void mark(struct lookup_ring *r, uint16_t tag)
{
	r->marks[tag >> 14] |= 1ull << (tag >> 8 & 63);
}

static bool may_have(const struct lookup_ring *r, uint16_t tag)
{
	return r->marks[tag >> 14] >> (tag >> 8 & 63) & 1;
}

static void tag_set(struct lookup_ring *r, unsigned at, uint16_t tag)
{
	r->tags[at / 4] ^= (uint64_t)(tag_at(r, at) ^ tag) << at % 4 * 16;
	mark(r, tag);
	if (at != 0)
		return;
	memset(r->marks, 0, sizeof(r->marks));
	for (unsigned i = 0; i < RING_MAX; i++)
		mark(r, tag_at(r, i));
}

static uint64_t newest_high(const struct lookup_ring *r, uint64_t places)
{
	return r->head ? places << (RING_MAX - r->head) | places >> r->head : places;
}

/* A bit for each place that has the tag (now and then for one more, behind one that has). */
static uint64_t tagged(const struct lookup_ring *r, uint16_t tag)
{
	uint64_t bits = 0;
	for (unsigned i = 0; i < TAGS; i++) {
		uint64_t x = r->tags[i] ^ tag * TAG_LOW, zero = (x - TAG_LOW) & ~x & TAG_HIGH;
		/* bits 0, 16, 32 and 48 side by side */
		bits |= ((zero >> 15) * 0x0001000200040008u >> 48 & 15) << 4 * i;
	}
	return bits;
}

static struct lookup_open *fitting(struct lookup_ring *r, uint16_t tag, uint64_t t_ns, const struct qs_addr *c, const uint8_t *name,
				   size_t len, uint16_t qtype)
{
	struct lookup_open *step = NULL;
	unsigned best = 0;
	unsigned half = half_of(qtype);
	if (half == HALF_NONE)
		return NULL;
	uint64_t halves = r->has[!half] & ~r->has[half], waits = waiting(r, HALF_A) | waiting(r, HALF_AAAA);
	/* the newest in the highest bit */
	for (uint64_t left = newest_high(r, tagged(r, tag) & (halves | waits | r->denied)), newest; left; left ^= newest) {
		unsigned back = (unsigned)__builtin_clzll(left);
		newest = 1ull << 63 >> back;
		unsigned at = (r->head + RING_MAX - 1 - back) % RING_MAX;
		struct lookup_open *o = &r->open[at];
		if (!o->number || !o->name || memcmp(&o->client, &c->ip, 16))
			continue;
		bool denied = r->denied >> at & 1, wait = waits >> at & 1;
		if (halves >> at & 1 && is_pair(o, wait, t_ns, c->port, name, len))
			return o;
		/* who keeps most of the name; of equals, who was denied longest ago is the likeliest to go on */
		unsigned kept = denied || wait ? step_of(o, denied, wait, t_ns, name) : 0;
		if (kept > best || (kept && kept == best && o->answer_ns < step->answer_ns)) {
			step = o;
			best = kept;
		}
	}
	return step;
}

static struct lookup_ring *ring_of(struct lookups *l, const struct in6_addr *ip)
{
	uint64_t half[2];
	memcpy(half, ip, 16);
	struct lookup_ring **r = &l->ring[hash_pair(&l->key, half[0], half[1]) % CLIENTS];
	if (*r || !budget_take(l->budget, RING_BYTES))
		return *r;
	*r = calloc(1, sizeof(**r));
	if (!*r)
		budget_give(l->budget, RING_BYTES);
	return *r;
}

static void set_bit(uint64_t *bits, unsigned at, bool is)
{
	*bits = (*bits & ~(1ull << at)) | (uint64_t)is << at;
}

uint32_t lookups_question(struct lookups *l, uint64_t t_ns, const struct qs_addr *client, const uint8_t *name, size_t len,
			  uint16_t qtype, struct lookup_open **ret)
{
	struct lookup_ring *r = ring_of(l, &client->ip);
	*ret = NULL;
	if (!r)
		return (uint32_t)++l->n;
	uint16_t tag = tag_of(&client->ip, name);
	struct lookup_open *o = !may_have(r, tag) ? NULL : fitting(r, tag, t_ns, client, name, len, qtype);
	if (!o) {
		o = &r->open[r->head];
		r->head = (r->head + 1) % RING_MAX;
		*o = (struct lookup_open){.number = (uint32_t)++l->n, .client = client->ip, .room = o->room, .room_len = o->room_len,
					  .place = (uint8_t)(o - r->open)};
	}
	if (!o->name || o->name_len != len || memcmp(o->name, name, len)) {
		o->bare = o->name && shared_labels(o->name, name) == name_labels(name);
		o->n_denied += o->n_here;
		o->n_here = 0;
		name_set(l, o, name, len);
		tag_set(r, o->place, o->name ? tag : 0);
		o->name_ns = t_ns;
		o->found = false;
		for (unsigned i = 0; i < HALF_NONE; i++) {
			o->asked_ns[i] = 0;
			set_bit(&r->has[i], o->place, false);
			set_bit(&r->got[i], o->place, false);
		}
		set_bit(&r->denied, o->place, false);
	}
	o->port = client->port;
	if (half_of(qtype) != HALF_NONE)
		set_bit(&r->has[half_of(qtype)], o->place, true);
	lookups_sent(o, o->number, t_ns, qtype);
	*ret = o;
	return o->number;
}

void lookups_sent(struct lookup_open *o, uint32_t lookup, uint64_t t_ns, uint16_t qtype)
{
	if (o && o->number == lookup && half_of(qtype) != HALF_NONE)
		o->asked_ns[half_of(qtype)] = t_ns ? t_ns : 1;
}

bool lookups_has_waited(const struct lookup_open *o, uint32_t lookup, uint64_t t_ns)
{
	return o && o->number == lookup && has_waited(o, t_ns);
}

bool lookups_goes_on(const struct lookup_open *o, uint32_t lookup, uint64_t t_ns)
{
	return o && o->number == lookup && o->answer_ns && t_ns <= o->answer_ns + NEXT_NS;
}

void lookups_answer(struct lookups *l, struct lookup_open *o, uint32_t lookup, uint64_t asked_ns, uint64_t t_ns, uint16_t qtype, bool negative)
{
	if (!o || o->number != lookup)
		return;
	if (asked_ns < o->name_ns) { /* late: the lookup is at another name by now */
		o->n_denied += negative;
		return;
	}
	struct lookup_ring *r = (struct lookup_ring *)((char *)(o - o->place) - offsetof(struct lookup_ring, open));
	o->found |= !negative;
	o->n_here += negative;
	set_bit(&r->denied, o->place, negative && !o->found);
	if (half_of(qtype) != HALF_NONE)
		set_bit(&r->got[half_of(qtype)], o->place, true);
	o->answer_ns = t_ns;
	if (negative || !o->bare || !o->n_denied || !o->name)
		return;
	unsigned dots = name_labels(o->name) - 1;
	l->waste.queries += o->n_denied;
	l->waste.ndots1 += dots >= 1 ? o->n_denied : 0;
	l->waste.ndots2 += dots >= 2 ? o->n_denied : 0;
	l->waste.lookups++;
	waste_add(l->waste.by, &o->client, o->name, o->name_len, o->n_denied);
	o->n_denied = 0;
}

const struct lookups_waste *lookups_waste(const struct lookups *l)
{
	return &l->waste;
}
