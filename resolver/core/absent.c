/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mark, from the top: 32 bits of the key's mix, 19 bits for the second of the last
 * denial, 11 for how long the name had been known to be absent by then, one each for
 * A and AAAA (for other types, which have marks of their own, the first). 0: empty.
 */
#include "resolver/core/absent.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/dns/wire.h"

#define WAYS       8 /* marks of a line: 64 octets */
#define LAST_BITS  19
#define KNOWN_BITS 11
#define SPAN_S     (1u << LAST_BITS) /* six days; then the table starts afresh */
#define KNOWN_MAX  ((1u << KNOWN_BITS) - 1)

struct mark {
	uint32_t tag, last_s, known_s, types;
};

static struct mark mark_read(uint64_t m)
{
	return (struct mark){.tag = (uint32_t)(m >> 32),
			     .last_s = (uint32_t)(m >> (KNOWN_BITS + 2)) & (SPAN_S - 1),
			     .known_s = (uint32_t)(m >> 2) & KNOWN_MAX,
			     .types = (uint32_t)m & 3};
}

static uint64_t mark_write(struct mark m)
{
	if (m.known_s > KNOWN_MAX)
		m.known_s = KNOWN_MAX;
	return (uint64_t)m.tag << 32 | (uint64_t)m.last_s << (KNOWN_BITS + 2) | m.known_s << 2 |
	       m.types;
}

int absent_init(struct absent *t, uint64_t bytes)
{
	memset(t, 0, sizeof(*t));
	t->n_lines = 1;
	while ((uint64_t)t->n_lines * 2 * WAYS * sizeof(*t->mark) <= bytes && t->n_lines < 1u << 24)
		t->n_lines *= 2;
	t->mark = malloc((size_t)t->n_lines * WAYS * sizeof(*t->mark)); /* a line is cleared when it is taken */
	t->line = calloc(t->n_lines, sizeof(*t->line));
	return t->mark && t->line ? 0 : ERR_NOMEM;
}

void absent_release(struct absent *t)
{
	free(t->mark);
	free(t->line);
}

void absent_forget(struct absent *t)
{
	t->turn += 0x9e3779b97f4a7c15u;
}

static uint64_t mix_of(const struct absent *t, const struct cache_key *k)
{
	unsigned type = k->qtype == DNS_AAAA ? DNS_A : k->qtype;

	return key_mix(k->hash ^ t->turn, key_rest(type, k->qclass, k->key_flags));
}

static uint32_t type_bit(const struct cache_key *k)
{
	return k->qtype == DNS_AAAA ? 2 : 1;
}

/* Its marks; NULL: it has none. */
static uint64_t *line_of(const struct absent *t, uint64_t mix)
{
	uint32_t at = t->line[mix & (t->n_lines - 1)];

	return at ? &t->mark[(size_t)(at - 1) * WAYS] : NULL;
}

static uint64_t *line_take(struct absent *t, uint64_t mix)
{
	uint32_t *at = &t->line[mix & (t->n_lines - 1)];

	if (!*at) {
		memset(&t->mark[(size_t)t->n_used * WAYS], 0, WAYS * sizeof(*t->mark));
		*at = ++t->n_used;
	}
	return line_of(t, mix);
}

static uint64_t *mark_find(const struct absent *t, uint64_t mix)
{
	uint64_t *line = line_of(t, mix);

	for (unsigned i = 0; line && i < WAYS; i++)
		if (line[i] && line[i] >> 32 == mix >> 32)
			return &line[i];
	return NULL;
}

static uint32_t hold_s(uint32_t known_s)
{
	if (known_s < ABSENT_HOLD_MIN_S)
		return ABSENT_HOLD_MIN_S;
	return known_s < ABSENT_HOLD_MAX_S ? known_s : ABSENT_HOLD_MAX_S;
}

/* What is lost with it, to compare. */
static uint32_t worth(uint64_t m, uint32_t now_s)
{
	struct mark x = mark_read(m);

	if (!m)
		return 0;
	if (now_s - x.last_s > hold_s(x.known_s))
		return 1;
	return 2 + x.last_s + (x.known_s ? SPAN_S : 0);
}

static uint64_t *mark_new(struct absent *t, uint64_t mix, uint32_t now_s)
{
	uint64_t *line = line_take(t, mix), *least = line;

	for (unsigned i = 1; i < WAYS; i++)
		if (worth(line[i], now_s) < worth(*least, now_s))
			least = &line[i];
	return least;
}

static void lines_empty(struct absent *t)
{
	memset(t->line, 0, t->n_lines * sizeof(*t->line));
	t->n_used = 0;
}

/* The clock of the marks; they are all void when it starts again. */
static uint32_t clock_read(struct absent *t, uint64_t now_ns)
{
	uint64_t s = now_ns / NS_PER_S;

	if (t->is_used && s - t->from_s < SPAN_S)
		return (uint32_t)(s - t->from_s);
	if (t->is_used)
		lines_empty(t);
	t->is_used = true;
	t->from_s = s;
	return 0;
}

void absent_note(struct absent *t, const struct cache_key *k, uint64_t now_ns)
{
	uint64_t mix = mix_of(t, k), *at;
	uint32_t now_s = clock_read(t, now_ns), ago_s;
	struct mark m = {.tag = (uint32_t)(mix >> 32), .last_s = now_s, .types = type_bit(k)};

	at = mark_find(t, mix);
	if (!at) {
		*mark_new(t, mix, now_s) = mark_write(m);
		return;
	}
	m = mark_read(*at);
	ago_s = now_s - m.last_s;
	if (m.types & type_bit(k) || ago_s > hold_s(m.known_s)) {
		m.known_s += ago_s < KNOWN_MAX ? ago_s : KNOWN_MAX;
		m.last_s = now_s;
		m.types = 0; /* the other type is to be asked again, too */
	}
	m.types |= type_bit(k);
	*at = mark_write(m);
}

void absent_drop(struct absent *t, const struct cache_key *k)
{
	struct cache_key address = *k;
	uint64_t *at = mark_find(t, mix_of(t, k));

	if (at)
		*at = 0;
	address.qtype = DNS_A;
	at = mark_find(t, mix_of(t, &address));
	if (at)
		*at = 0;
}

bool absent_find(const struct absent *t, const struct cache_key *k, uint64_t now_ns,
		 struct absent_age *ret)
{
	const uint64_t *at = mark_find(t, mix_of(t, k));
	uint64_t s = now_ns / NS_PER_S - t->from_s;
	struct mark m;

	if (!at || s >= SPAN_S)
		return false;
	m = mark_read(*at);
	*ret = (struct absent_age){(uint32_t)s - m.last_s, m.known_s};
	return m.types & type_bit(k);
}

bool absent_holds(const struct absent *t, const struct cache_key *k, uint64_t now_ns)
{
	struct absent_age age;

	return absent_find(t, k, now_ns, &age) && age.ago_s <= hold_s(age.known_s);
}
