/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See answers.h. A slot holds one question and one answer; whoever hashes there next takes it. A
 * server's name ends its answer when the question asked for it (NSID is the last option of the last
 * record), so then names of one length share what is kept.
 */
#include "sim/world/answers.h"

#include <stdlib.h>
#include <string.h>

#include "lib/dns/wire.h"

#define SLOTS 65536  /* 32 MiB a thread at most: a cluster of thousands of services asks some 50,000 different questions */
#define SLOT_CAP 496 /* of both messages, without their ids */
#define ID_LEN 2
#define LINE 64

struct slot {
	const struct zone *zone; /* NULL: nothing is here */
	uint16_t q_len, r_len;	 /* without ids */
	uint8_t id_len;		 /* of the server's name */
	bool tcp, named;	 /* named: the answer ends in it */
	uint8_t b[SLOT_CAP];
};

struct answers {
	struct slot *slot; /* at the begin of a line within `memory` */
	void *memory;
};

/* Slots that nobody has used stay untouched: a small scenario has few questions. */
struct answers *answers_new(void)
{
	struct answers *a = calloc(1, sizeof(*a));

	if (a)
		a->memory = calloc(1, SLOTS * sizeof(*a->slot) + LINE);
	if (!a || !a->memory) {
		free(a);
		return NULL;
	}
	a->slot = (struct slot *)(((uintptr_t)a->memory + LINE - 1) & ~(uintptr_t)(LINE - 1));
	return a;
}

void answers_free(struct answers *a)
{
	if (!a)
		return;
	free(a->memory);
	free(a);
}

/* The product of both has bits of all of both. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)(a ^ 0x9e3779b97f4a7c15ull) * (b ^ 0xd1b54a32d192ed03ull);

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static size_t slot_of(const uint8_t *q, size_t len, bool tcp)
{
	uint64_t h = len << 1 | tcp, word[2];

	for (; len >= sizeof(word); len -= sizeof(word), q += sizeof(word)) {
		memcpy(word, q, sizeof(word));
		h = mix(h ^ word[0], word[1]);
	}
	memset(word, 0, sizeof(word));
	memcpy(word, q, len);
	return mix(h ^ word[0], word[1]) % SLOTS;
}

static bool holds(const struct slot *s, const struct zone *z, const uint8_t *q, size_t len, size_t id_len, bool tcp)
{
	return s->zone == z && s->q_len == len && (!s->named || s->id_len == id_len) && s->tcp == tcp && memcmp(s->b, q, len) == 0;
}

static bool asks_name(const uint8_t *query, size_t len)
{
	struct dns_msg q;
	uint16_t ignored;

	return dns_msg_parse(&q, query, len) == 0 && q.edns.present && dns_edns_option(&q.edns, EDNS_NSID, &ignored);
}

static void keep(struct slot *s, const struct zone *z, size_t id_len, const uint8_t *query, size_t len,
		 bool tcp, const uint8_t *reply, size_t reply_len)
{
	const uint8_t *q = query + ID_LEN, *r = reply + ID_LEN;
	size_t q_len = len - ID_LEN, r_len = reply_len - ID_LEN;

	if (q_len + r_len > SLOT_CAP || id_len > UINT8_MAX)
		return;
	*s = (struct slot){.zone = z, .q_len = (uint16_t)q_len, .r_len = (uint16_t)r_len, .id_len = (uint8_t)id_len, .tcp = tcp};
	s->named = asks_name(query, len);
	memcpy(s->b, q, q_len);
	memcpy(s->b + q_len, r, r_len);
}

uint32_t answers_ahead(const struct answers *a, const uint8_t *query, size_t len, bool tcp)
{
	if (len <= ID_LEN)
		return 0;
	size_t spot = slot_of(query + ID_LEN, len - ID_LEN, tcp);
	const uint8_t *at = (const uint8_t *)&a->slot[spot];
	for (unsigned i = 0; i < 4; i++)
		__builtin_prefetch(at + (size_t)i * LINE);
	return (uint32_t)spot;
}

size_t answers_reply(struct answers *a, uint32_t spot, const struct zone *z, const char *server_id, const uint8_t *query,
		     size_t len, bool tcp, uint8_t *out, size_t cap)
{
	size_t id_len = strlen(server_id);

	if (len <= ID_LEN)
		return zone_reply(z, server_id, query, len, tcp, out, cap);
	const uint8_t *q = query + ID_LEN;
	size_t q_len = len - ID_LEN;
	struct slot *s = &a->slot[spot];
	if (holds(s, z, q, q_len, id_len, tcp) && ID_LEN + (size_t)s->r_len <= cap) {
		memcpy(out, query, ID_LEN);
		memcpy(out + ID_LEN, s->b + q_len, s->r_len);
		if (s->named)
			memcpy(out + ID_LEN + s->r_len - id_len, server_id, id_len);
		return ID_LEN + s->r_len;
	}
	size_t n = zone_reply(z, server_id, query, len, tcp, out, cap);
	if (n > ID_LEN)
		keep(s, z, id_len, query, len, tcp, out, n);
	return n;
}
