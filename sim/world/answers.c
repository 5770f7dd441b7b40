/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See answers.h. A spot leads to one question and one answer; whoever hashes there next takes it.
 * They lie one behind the other in the order in which they were first asked, what is asked often
 * in front, until there is no more room: then all begins anew. A server's name ends its answer when
 * the question asked for it (NSID is the last option of the last record): all share what is kept, but
 * where its length may have decided whether the answer has room. Questions of who spells each anew are told apart by lower-case names;
 * the answer's question, which is the only place that repeats a spelling, is then the one that was asked.
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
#define UDP_LEAST 512 /* what any answer has room for */
#define OPTION_LEN 4  /* of its code and length */
#define LINE 64
#define HUGE_PAGE ((size_t)2 << 20)

struct kept {
	const struct zone *zone;
	uint16_t q_len, r_len; /* without ids */
	uint8_t id_len;	       /* of the server's name */
	uint8_t name_len;      /* of the question's, which the answer repeats as it was spelled, or 0 */
	bool tcp, named;       /* named: the answer ends in it */
	struct answer_said said;
	uint8_t b[]; /* the question as it is told apart, and the answer */
};

struct answers {
	uint8_t *room; /* at the begin of a page within `memory` */
	uint32_t *at;  /* [SPOTS], in front there: in units of it; 0: nothing is here */
	void *memory;
	size_t used;
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
	a->at = (uint32_t *)a->room;
	a->used = SPOTS * sizeof(*a->at);
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

struct asked { /* a question as it is told apart: without its id, nor its spelling where that is nothing to go by */
	const uint8_t *q;
	size_t len;
	uint8_t name_len;
	uint8_t folded[MESSAGES_MOST];
};

static void asked_of(struct asked *k, const uint8_t *query, size_t len, bool spelled)
{
	size_t before = DNS_HEADER_LEN - ID_LEN;

	k->q = query + ID_LEN;
	k->len = len - ID_LEN;
	k->name_len = 0;
	if (!spelled || k->len > sizeof(k->folded) || len <= DNS_HEADER_LEN || get_be16(query + 4) != 1)
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

uint32_t answers_ahead(const struct answers *a, const uint8_t *query, size_t len, bool tcp, bool spelled)
{
	struct asked k;

	if (len <= ID_LEN)
		return 0;
	asked_of(&k, query, len, spelled);
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
		a->used = SPOTS * sizeof(*a->at);
		memset(a->at, 0, a->used);
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

/* How long a name is that both have in their question, spelled alike. */
static uint8_t repeats(const uint8_t *query, size_t len, const uint8_t *reply, size_t reply_len)
{
	size_t name_len = len > DNS_HEADER_LEN ? name_check(query + DNS_HEADER_LEN, len - DNS_HEADER_LEN) : 0;

	if (reply_len < DNS_HEADER_LEN + name_len || memcmp(query + DNS_HEADER_LEN, reply + DNS_HEADER_LEN, name_len) != 0)
		return 0;
	return (uint8_t)name_len;
}

/* Of what is kept: the octets before the server's name, or all. */
static size_t before_id(const struct kept *s)
{
	return s->r_len - (s->named ? s->id_len : 0u);
}

static bool fits(const struct kept *s, size_t id_len, size_t cap)
{
	size_t len = ID_LEN + before_id(s) + (s->named ? id_len : 0);

	return len <= cap && (!s->named || s->id_len == id_len || (!s->said.stub.tc && len <= UDP_LEAST));
}

static bool holds(const struct kept *s, const struct zone *z, const struct asked *k, bool tcp)
{
	return s->zone == z && s->q_len == k->len && (!k->name_len || s->name_len) && s->tcp == tcp && memcmp(s->b, k->q, k->len) == 0;
}

static size_t again(const struct kept *s, const char *server_id, size_t id_len, const uint8_t *query, uint8_t *out)
{
	size_t len = before_id(s);

	memcpy(out, query, ID_LEN);
	memcpy(out + ID_LEN, s->b + s->q_len, len);
	if (s->name_len)
		memcpy(out + DNS_HEADER_LEN, query + DNS_HEADER_LEN, s->name_len);
	len += ID_LEN;
	if (!s->named)
		return len;
	memcpy(out + len, server_id, id_len);
	set_be16(out + len - 2, (uint16_t)id_len);
	set_be16(out + len - OPTION_LEN - 2, (uint16_t)(OPTION_LEN + id_len)); /* the record's */
	return len + id_len;
}

size_t answers_reply(struct answers *a, uint32_t spot, const struct zone *z, const char *server_id, const uint8_t *query,
		     size_t len, bool tcp, bool spelled, uint8_t *out, size_t cap)
{
	size_t id_len = strlen(server_id);
	struct asked k;

	if (len <= ID_LEN)
		return zone_reply(z, server_id, query, len, tcp, out, cap);
	asked_of(&k, query, len, spelled);
	const struct kept *s = kept_at(a, spot);
	if (s && holds(s, z, &k, tcp) && fits(s, id_len, cap))
		return again(s, server_id, id_len, query, out);
	size_t n = zone_reply(z, server_id, query, len, tcp, out, cap);
	uint8_t repeated = n > ID_LEN ? repeats(query, len, out, n) : 0;
	if (n > ID_LEN && k.len + n - ID_LEN <= MESSAGES_MOST && id_len <= UINT8_MAX && (!k.name_len || repeated)) {
		struct kept what = {.zone = z, .q_len = (uint16_t)k.len, .r_len = (uint16_t)(n - ID_LEN), .id_len = (uint8_t)id_len,
				    .name_len = repeated, .tcp = tcp};
		keep(a, spot, &what, k.q, query, out);
	}
	return n;
}

/* Whatever name it is: the option that holds it is the answer's last octets. */
static bool ends_in_name(const uint8_t *name, size_t len)
{
	return get_be16(name - 4) == EDNS_NSID && get_be16(name - 2) == len && get_be16(name - OPTION_LEN - 2) == OPTION_LEN + len;
}

struct answer_said *answers_said(struct answers *a, uint32_t spot, const struct zone *z, const uint8_t *reply, size_t len)
{
	struct kept *s = kept_at(a, spot);

	if (!s || s->zone != z)
		return NULL;
	size_t before = ID_LEN + before_id(s), same = before - (s->named ? OPTION_LEN + 2 : 0);
	if (s->named ? len < before || !ends_in_name(reply + before, len - before) : len != before)
		return NULL;
	return memcmp(s->b + s->q_len, reply + ID_LEN, same - ID_LEN) == 0 ? &s->said : NULL;
}
