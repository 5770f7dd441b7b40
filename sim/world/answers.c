/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See answers.h. A spot leads to one question and one answer; whoever hashes there next takes it.
 * They lie one behind the other in the order in which they were first asked, what is asked often
 * in front, until there is no more room: then all begins anew. A server's name ends its answer when
 * the question asked for it (NSID is the last option of the last record), so then names of one
 * length share what is kept. Questions are told apart by lower-case names, for the cache spells
 * each of its own anew; the answer's question, which is the only place that repeats a spelling,
 * is then the one that was asked.
 */
#include "sim/world/answers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/dns/wire.h"

#define SPOTS 131072 /* a cluster of thousands of services asks some 50,000 different questions */
#define ROOM ((size_t)24 << 20) /* octets a thread at most */
#define MESSAGES_MOST 496	/* octets of both, without their ids */
#define ID_LEN 2
#define UNIT 16
#define LINE 64
#define HUGE_PAGE ((size_t)2 << 20)

struct kept {
	const struct zone *zone;
	uint16_t q_len, r_len; /* without ids */
	uint8_t id_len;	       /* of the server's name */
	uint8_t name_len;      /* of the question's; 0: it begins with none */
	bool tcp, named;       /* named: the answer ends in it */
	struct answer_said said;
	uint8_t b[]; /* the question, its name in lower case; the answer */
};

struct answers {
	uint8_t *room; /* at the begin of a page within `memory` */
	void *memory;
	size_t used;
	uint32_t at[SPOTS]; /* in units; 0: nothing is here */
};

/* Pages that nobody has used yet stay untouched: a small scenario has few questions. */
struct answers *answers_new(void)
{
	struct answers *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->memory = mmap(NULL, ROOM + HUGE_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a->memory == MAP_FAILED) {
		free(a);
		return NULL;
	}
	a->room = (uint8_t *)(((uintptr_t)a->memory + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
	(void)madvise(a->room, ROOM,
		      MADV_HUGEPAGE); /* else each look is a walk through page tables, too */
	a->used = UNIT;
	return a;
}

void answers_free(struct answers *a)
{
	if (!a)
		return;
	munmap(a->memory, ROOM + HUGE_PAGE);
	free(a);
}

/* --- questions --- */

struct asked { /* a question as it is told apart: without its id, its name in lower case */
	const uint8_t *q;
	size_t len;
	uint8_t name_len;
	uint8_t folded[MESSAGES_MOST];
};

static void asked_of(struct asked *k, const uint8_t *query, size_t len)
{
	size_t before = DNS_HEADER_LEN - ID_LEN;

	k->q = query + ID_LEN;
	k->len = len - ID_LEN;
	k->name_len = 0;
	if (k->len > sizeof(k->folded) || len <= DNS_HEADER_LEN || get_be16(query + 4) != 1)
		return;
	k->name_len = (uint8_t)name_check(query + DNS_HEADER_LEN, len - DNS_HEADER_LEN);
	memcpy(k->folded, k->q, k->len);
	name_fold(k->folded + before, k->q + before, k->name_len);
	k->q = k->folded;
}

/* The product of both has bits of all of both. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 p =
		(unsigned __int128)(a ^ 0x9e3779b97f4a7c15ull) * (b ^ 0xd1b54a32d192ed03ull);

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static size_t spot_of(const uint8_t *q, size_t len, bool tcp)
{
	uint64_t h = len << 1 | tcp, word[2];

	for (; len >= sizeof(word); len -= sizeof(word), q += sizeof(word)) {
		memcpy(word, q, sizeof(word));
		h = mix(h ^ word[0], word[1]);
	}
	memset(word, 0, sizeof(word));
	memcpy(word, q, len);
	return mix(h ^ word[0], word[1]) % SPOTS;
}

static struct kept *kept_at(const struct answers *a, uint32_t spot)
{
	return a->at[spot] ? (struct kept *)(a->room + (size_t)a->at[spot] * UNIT) : NULL;
}

uint32_t answers_ahead(const struct answers *a, const uint8_t *query, size_t len, bool tcp)
{
	struct asked k;

	if (len <= ID_LEN)
		return 0;
	asked_of(&k, query, len);
	size_t spot = spot_of(k.q, k.len, tcp);
	const uint8_t *at = (const uint8_t *)kept_at(a, (uint32_t)spot);
	for (unsigned i = 0; at && i < 4; i++)
		__builtin_prefetch(at + (size_t)i * LINE);
	return (uint32_t)spot;
}

/* --- answers --- */

static bool asks_name(const uint8_t *query, size_t len)
{
	struct dns_msg q;
	uint16_t ignored;

	return dns_msg_parse(&q, query, len) == 0 && q.edns.present &&
	       dns_edns_option(&q.edns, EDNS_NSID, &ignored);
}

static void say(struct answer_said *said, const uint8_t *reply, size_t len)
{
	struct dns_msg m;

	*said = (struct answer_said){.judged = false};
	if (dns_msg_parse(&m, reply, len) == 0)
		stub_said_of(&said->stub, &m, reply, len);
}

static void keep(struct answers *a, uint32_t spot, const struct kept *what, const uint8_t *q,
		 const uint8_t *query, const uint8_t *reply)
{
	size_t size = sizeof(*what) + what->q_len + what->r_len;

	if (a->used + size > ROOM) {
		memset(a->at, 0, sizeof(a->at));
		a->used = UNIT;
	}
	struct kept *s = (struct kept *)(a->room + a->used);
	*s = *what;
	s->named = asks_name(query, what->q_len + ID_LEN);
	say(&s->said, reply, what->r_len + ID_LEN);
	memcpy(s->b, q, s->q_len);
	memcpy(s->b + s->q_len, reply + ID_LEN, s->r_len);
	a->at[spot] = (uint32_t)(a->used / UNIT);
	a->used += (size + UNIT - 1) & ~(size_t)(UNIT - 1);
}

static bool holds(const struct kept *s, const struct zone *z, const struct asked *k, size_t id_len,
		  bool tcp)
{
	return s->zone == z && s->q_len == k->len && (!s->named || s->id_len == id_len) &&
	       s->tcp == tcp && memcmp(s->b, k->q, k->len) == 0;
}

size_t answers_reply(struct answers *a, uint32_t spot, const struct zone *z, const char *server_id,
		     const uint8_t *query, size_t len, bool tcp, uint8_t *out, size_t cap)
{
	size_t id_len = strlen(server_id);
	struct asked k;

	if (len <= ID_LEN)
		return zone_reply(z, server_id, query, len, tcp, out, cap);
	asked_of(&k, query, len);
	const struct kept *s = kept_at(a, spot);
	if (s && holds(s, z, &k, id_len, tcp) && ID_LEN + (size_t)s->r_len <= cap) {
		memcpy(out, query, ID_LEN);
		memcpy(out + ID_LEN, s->b + s->q_len, s->r_len);
		if (s->name_len)
			memcpy(out + DNS_HEADER_LEN, query + DNS_HEADER_LEN, s->name_len);
		if (s->named)
			memcpy(out + ID_LEN + s->r_len - id_len, server_id, id_len);
		return ID_LEN + s->r_len;
	}
	size_t n = zone_reply(z, server_id, query, len, tcp, out, cap);
	bool repeats = n >= DNS_HEADER_LEN + (size_t)k.name_len &&
		       memcmp(out + DNS_HEADER_LEN, query + DNS_HEADER_LEN, k.name_len) == 0;
	if (n > ID_LEN && k.len + n - ID_LEN <= MESSAGES_MOST && id_len <= UINT8_MAX &&
	    (!k.name_len || repeats)) {
		struct kept what = {.zone = z,
				    .q_len = (uint16_t)k.len,
				    .r_len = (uint16_t)(n - ID_LEN),
				    .id_len = (uint8_t)id_len,
				    .name_len = k.name_len,
				    .tcp = tcp};
		keep(a, spot, &what, k.q, query, out);
	}
	return n;
}

struct answer_said *answers_said(struct answers *a, uint32_t spot, const struct zone *z,
				 const uint8_t *reply, size_t len)
{
	struct kept *s = kept_at(a, spot);

	if (!s || s->zone != z || len != ID_LEN + (size_t)s->r_len)
		return NULL;
	size_t same = s->r_len - (s->named ? s->id_len : 0u);
	return memcmp(s->b + s->q_len, reply + ID_LEN, same) == 0 ? &s->said : NULL;
}
