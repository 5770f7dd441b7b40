/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash index from lower-case names to chains of records. Ancestors of every
 * owner are in it too, with no records: a name above something exists, so that
 * NXDOMAIN here always means "nothing below" (RFC 8020), which caches rely on.
 */
#include "lib/world/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/msg.h"
#include "lib/dns/wire.h"
#include "lib/world/zone_int.h"

#define APEX_MAX 4

struct zone_node {
	struct zone_node *next; /* in its bucket */
	struct zone_rec *first;
	size_t n_recs;
	struct name name; /* lower case */
};

struct zone {
	struct zone_apex apex[APEX_MAX]; /* most specific first; the last is the root */
	size_t n_buckets;		 /* a power of two */
	struct zone_node **bucket;
};

/* Only the scenario's names are stored, so nobody can aim at a bucket. */
static uint64_t hash_of(const uint8_t *p, size_t len)
{
	uint64_t h = len, word;

	for (; len; len -= len < sizeof(word) ? len : sizeof(word), p += sizeof(word)) {
		word = 0;
		memcpy(&word, p, len < sizeof(word) ? len : sizeof(word));
		unsigned __int128 product = (unsigned __int128)(h ^ word ^ 0x9e3779b97f4a7c15u) * 0xd1b54a32d192ed03u;
		h = (uint64_t)product ^ (uint64_t)(product >> 64);
	}
	return h;
}

static struct zone_node **node_slot(const struct zone *z, const uint8_t *lower, size_t len)
{
	struct zone_node **slot = &z->bucket[hash_of(lower, len) & (z->n_buckets - 1)];

	while (*slot && ((*slot)->name.len != len || memcmp((*slot)->name.b, lower, len) != 0))
		slot = &(*slot)->next;
	return slot;
}

static const struct zone_node *node_find(const struct zone *z, const uint8_t *name)
{
	struct name lower;

	size_t len = name_lower(lower.b, name);
	return *node_slot(z, lower.b, len);
}

/* The name and all above it; NULL without memory. */
static struct zone_node *node_add(struct zone *z, const uint8_t *name)
{
	struct zone_node *wanted = NULL;
	struct name lower;

	lower.len = (uint8_t)name_lower(lower.b, name);
	for (const uint8_t *p = lower.b;; p = name_parent(p)) {
		struct zone_node **slot = node_slot(z, p, lower.len - (size_t)(p - lower.b));

		if (!*slot) {
			*slot = calloc(1, sizeof(**slot));
			if (!*slot)
				return NULL;
			name_copy(&(*slot)->name, p);
		}
		if (!wanted)
			wanted = *slot;
		if (!*p)
			return wanted;
	}
}

static const struct zone_rec *rec_add(struct zone_node *node, uint16_t type, uint32_t ttl_s,
				      const uint8_t *rdata, size_t len)
{
	struct zone_rec **end = &node->first;
	struct zone_rec *rec = malloc(sizeof(*rec) + len);

	if (!rec)
		return NULL;
	rec->next = NULL;
	rec->type = type;
	rec->rdlen = (uint16_t)len;
	rec->ttl_s = ttl_s;
	memcpy(rec->rdata, rdata, len);
	while (*end) /* in the order of the file */
		end = &(*end)->next;
	*end = rec;
	node->n_recs++;
	return rec;
}

/* --- building --- */

static int record_add(struct zone *z, const struct scenario *s, const struct scen_record *r,
		      struct diag *d)
{
	uint8_t rdata[4096];
	struct zone_node *node;
	struct diag why = {""};
	struct name owner;
	uint32_t ttl_s;
	uint16_t type;
	size_t len;
	int err = msg_rr_from_text(r->text, s->ttl_s, &owner, &type, &ttl_s, rdata, sizeof(rdata),
				   &len, &why);

	if (err)
		return diag_at(d, err, s->path, r->line, 0, "%s", why.text);
	node = node_add(z, owner.b);
	if (!node || !rec_add(node, type, ttl_s, rdata, len))
		return diag_set(d, ERR_NOMEM, "%s: zone data: %s", s->path, err_str(ERR_NOMEM));
	if (node->n_recs > ZONE_ANSWER_MAX - ZONE_CHAIN_MAX)
		return diag_at(d, ERR_LIMIT, s->path, r->line, 0,
			       "more than %d records at one name",
			       ZONE_ANSWER_MAX - ZONE_CHAIN_MAX);
	return 0;
}

/* A zone's SOA: TTL and MINIMUM are both the negative TTL, so that RFC 2308's
 * minimum of the two is what the scenario says. */
static int apex_add(struct zone *z, struct zone_apex *a, const char *name, bool ours,
		    uint32_t negative_ttl_s, struct diag *d)
{
	static const char soa[] = "\2ns\3dns\0\12hostmaster\3dns"; /* the literal's NUL ends it */
	uint8_t rdata[sizeof(soa) + 20];
	struct zone_node *node;

	if (name_from_text(&a->name, name) != 0)
		return diag_set(d, ERR_SYNTAX, "'%s' is not a domain name", name);
	memcpy(rdata, soa, sizeof(soa));
	set_be32(rdata + sizeof(soa), 1);	 /* serial */
	set_be32(rdata + sizeof(soa) + 4, 7200); /* refresh, retry, expire: nobody transfers */
	set_be32(rdata + sizeof(soa) + 8, 1800);
	set_be32(rdata + sizeof(soa) + 12, 86400);
	set_be32(rdata + sizeof(soa) + 16, negative_ttl_s);
	node = node_add(z, a->name.b);
	a->ours = ours;
	a->soa = node ? rec_add(node, DNS_SOA, negative_ttl_s, rdata, sizeof(rdata)) : NULL;
	return a->soa ? 0 : diag_set(d, ERR_NOMEM, "zone data: %s", err_str(ERR_NOMEM));
}

static int zone_fill(struct zone *z, const struct scenario *s, struct diag *d)
{
	const char *const apexes[APEX_MAX] = {s->domain, "in-addr.arpa", "ip6.arpa", "."};
	int err = 0;

	for (size_t i = 0; i < APEX_MAX && !err; i++)
		err = apex_add(z, &z->apex[i], apexes[i], i < APEX_MAX - 1, s->negative_ttl_s, d);
	for (size_t i = 0; i < s->n_records && !err; i++)
		err = record_add(z, s, &s->record[i], d);
	return err;
}

int zone_new(struct zone **ret, const struct scenario *s, struct diag *d)
{
	struct zone *z = calloc(1, sizeof(*z));
	int err;

	if (!z)
		return diag_set(d, ERR_NOMEM, "zone data: %s", err_str(ERR_NOMEM));
	z->n_buckets = 64;
	while (z->n_buckets < 4 * s->n_records)
		z->n_buckets *= 2;
	z->bucket = calloc(z->n_buckets, sizeof(*z->bucket));
	err = z->bucket ? zone_fill(z, s, d)
			: diag_set(d, ERR_NOMEM, "zone data: %s", err_str(ERR_NOMEM));
	if (err) {
		zone_free(z);
		return err;
	}
	*ret = z;
	return 0;
}

static void node_free(struct zone_node *node)
{
	while (node->first) {
		struct zone_rec *rec = node->first;

		node->first = rec->next;
		free(rec);
	}
	free(node);
}

void zone_free(struct zone *z)
{
	if (!z)
		return;
	for (size_t i = 0; z->bucket && i < z->n_buckets; i++) {
		while (z->bucket[i]) {
			struct zone_node *node = z->bucket[i];

			z->bucket[i] = node->next;
			node_free(node);
		}
	}
	free(z->bucket);
	free(z);
}

/* --- lookup --- */

static const struct zone_apex *apex_find(const struct zone *z, const uint8_t *name)
{
	const struct zone_apex *a = z->apex;
	size_t len = name_len(name);

	while (!name_within_len(name, len, a->name.b, a->name.len)) /* everything is within the last */
		a++;
	return a;
}

/* Adds what the node has for the type; returns the CNAME to follow, or NULL. */
static const struct zone_rec *node_take(const struct zone_node *node, uint16_t qtype,
					struct zone_answer *a)
{
	const struct zone_rec *cname = NULL;
	size_t before = a->n;

	for (const struct zone_rec *r = node->first; r; r = r->next) {
		bool wanted = r->type == qtype || qtype == DNS_ANY;

		if (r->type == DNS_CNAME && !wanted)
			cname = r;
		else if (!wanted)
			continue;
		if (a->n < ZONE_ANSWER_MAX) {
			a->rr[a->n].owner = node->name.b;
			a->rr[a->n++].rec = r;
		}
	}
	a->verdict = a->n > before ? ZONE_ANSWER : ZONE_NODATA;
	return cname;
}

void zone_answer_find(const struct zone *z, const uint8_t *name, uint16_t qtype,
		      struct zone_answer *ret)
{
	ret->n = 0;
	ret->apex = apex_find(z, name);
	for (int hop = 0; hop <= ZONE_CHAIN_MAX; hop++) {
		const struct zone_node *node = node_find(z, name);
		const struct zone_rec *cname;

		ret->denier = hop ? apex_find(z, name) : ret->apex;
		if (!node) {
			ret->verdict = ZONE_NXDOMAIN;
			return;
		}
		cname = node_take(node, qtype, ret);
		if (!cname)
			return;
		name = cname->rdata;
	}
}

enum zone_verdict zone_lookup(const struct zone *z, const uint8_t *name, uint16_t qtype)
{
	struct zone_answer a;

	zone_answer_find(z, name, qtype, &a);
	return a.verdict;
}
