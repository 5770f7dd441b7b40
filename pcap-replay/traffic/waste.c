/* SPDX-License-Identifier: Apache-2.0 */
/* Counted by client and name; put together by workload when it is known which addresses are whose. */
#include "pcap-replay/traffic/waste.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/qstream.h"
#include "pcap-replay/traffic/addrmap.h"
#include "pcap-replay/traffic/tally.h"

enum { BY_QUERIES, BY_NDOTS1, BY_NDOTS2, BY_NAMES, BY_CLIENTS };
#define FEW_PERCENT 80 /* so much of it is nearly all */

struct waste {
	struct budget *budget;
	size_t share;       /* of the rows, and of each of the tables that they are put together in at the end */
	struct tally *rows; /* address and name */
};

struct waste *waste_new(struct budget *b, size_t share)
{
	struct waste *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->budget = b;
	w->share = share / 4;
	if (!budget_take(b, w->share * 3)) {
		free(w);
		return NULL;
	}
	w->rows = tally_new(b, w->share);
	if (w->rows)
		return w;
	waste_free(w);
	return NULL;
}

void waste_free(struct waste *w)
{
	if (!w)
		return;
	tally_free(w->rows);
	budget_give(w->budget, w->share * 3);
	free(w);
}

void waste_add(struct waste *w, const struct in6_addr *client, const uint8_t *name, size_t len, uint64_t n_denied)
{
	uint8_t key[16 + NAME_MAX_WIRE];
	unsigned dots = name_labels(name) - 1;
	memcpy(key, client, 16);
	memcpy(key + 16, name, len);
	uint64_t *n = tally_at(w->rows, key, 16 + len);
	n[BY_QUERIES] += n_denied;
	n[BY_NDOTS1] += dots >= 1 ? n_denied : 0;
	n[BY_NDOTS2] += dots >= 2 ? n_denied : 0;
}

/* What names are given at random from: no vowels, nothing that looks like another. */
static size_t random_tail(const char *s, size_t len, size_t least, size_t most)
{
	size_t n = 0;
	while (n < len && strchr("bcdfghjklmnpqrstvwxz2456789", s[len - 1 - n]))
		n++;
	return n >= least && n <= most && n < len && s[len - 1 - n] == '-' ? n + 1 : 0;
}

static size_t ordinal_tail(const char *s, size_t len)
{
	size_t n = 0;
	while (n < len && s[len - 1 - n] >= '0' && s[len - 1 - n] <= '9')
		n++;
	return n >= 1 && n <= 4 && n < len && s[len - 1 - n] == '-' ? n + 1 : 0;
}

size_t waste_workload(const char *pod)
{
	size_t len = strlen(pod), tail = random_tail(pod, len, 5, 5);
	if (!tail)
		return len - ordinal_tail(pod, len);
	len -= tail;
	return len - random_tail(pod, len, 6, 10); /* a Deployment's ReplicaSet */
}

static size_t who_of(const struct addrmap *map, const struct in6_addr *ip, char ret[WASTE_WHO])
{
	enum addrmap_kind kind;
	char text[INET6_ADDRSTRLEN];
	const char *name = addrmap_name(map, ip, &kind);
	const char *who = name ? name : qs_ip_to_text(ip, text);
	size_t n = name && kind == ADDRMAP_POD ? waste_workload(name) : strlen(who);
	n = n < WASTE_WHO ? n : WASTE_WHO - 1;
	memcpy(ret, who, n);
	ret[n] = '\0';
	return n;
}

struct together { /* workload; workload, 0, name; address */
	struct tally *whose, *names, *clients;
};

static void put_together(const struct waste *w, const struct addrmap *map, struct together *t)
{
	size_t cursor = 0;
	for (const struct tally_row *r; (r = tally_next(w->rows, &cursor));) {
		struct in6_addr ip;
		uint8_t key[WASTE_WHO + NAME_MAX_WIRE];
		memcpy(&ip, r->key, 16);
		size_t n = who_of(map, &ip, (char *)key);
		uint64_t *whose = tally_at(t->whose, key, n), *client = tally_at(t->clients, &ip, 16);
		memcpy(key + n + 1, r->key + 16, r->key_len - 16u);
		uint64_t *name = tally_at(t->names, key, n + 1 + r->key_len - 16u);
		for (unsigned i = BY_QUERIES; i <= BY_NDOTS2; i++)
			whose[i] += r->n[i];
		whose[BY_CLIENTS] += client[0] == 0;
		whose[BY_NAMES] += name[BY_QUERIES] == 0;
		name[BY_QUERIES] += r->n[BY_QUERIES];
		client[0] = 1;
	}
}

/* Into its place among those shown; of equals, the one that comes first by its octets. */
static void show(struct waste_advice *a, uint64_t cost[WASTE_NAMES], const uint8_t *name, size_t len, uint64_t n)
{
	size_t at = a->shown;
	while (at > 0 && (n > cost[at - 1] || (n == cost[at - 1] && memcmp(name, a->name[at - 1].b, len) < 0)))
		at--;
	if (at == WASTE_NAMES)
		return;
	a->shown += a->shown < WASTE_NAMES;
	for (size_t i = a->shown - 1; i > at; i--) {
		cost[i] = cost[i - 1];
		a->name[i] = a->name[i - 1];
	}
	cost[at] = n;
	memcpy(a->name[at].b, name, len);
	a->name[at].len = (uint8_t)len;
}

static void advise(struct waste_advice *a, const struct tally_row *whose, const struct tally *names)
{
	uint64_t cost[WASTE_NAMES] = {0};
	size_t cursor = 0, n = whose->key_len;
	memset(a, 0, sizeof(*a));
	memcpy(a->who, whose->key, n);
	a->clients = whose->n[BY_CLIENTS];
	a->queries = whose->n[BY_QUERIES];
	a->n_names = whose->n[BY_NAMES];
	a->ndots1 = whose->n[BY_NDOTS1];
	a->ndots2 = whose->n[BY_NDOTS2];
	for (const struct tally_row *r; (r = tally_next(names, &cursor));)
		if (r->key_len > n + 1 && !memcmp(r->key, whose->key, n) && r->key[n] == '\0')
			show(a, cost, r->key + n + 1, r->key_len - n - 1, r->n[BY_QUERIES]);
	for (size_t i = 0; i < a->shown; i++)
		a->by_names += cost[i];
}

#define MOST 8

size_t waste_advise(const struct waste *w, const struct addrmap *map, struct waste_advice *ret, size_t n)
{
	struct together t = {tally_new(NULL, w->share), tally_new(NULL, w->share), tally_new(NULL, w->share)};
	const struct tally_row *top[MOST];
	size_t have = 0;
	if (t.whose && t.names && t.clients) {
		put_together(w, map, &t);
		have = tally_top(t.whose, BY_QUERIES, top, n < MOST ? n : MOST);
		for (size_t i = 0; i < have; i++)
			advise(&ret[i], top[i], t.names);
	}
	tally_free(t.whose);
	tally_free(t.names);
	tally_free(t.clients);
	return have;
}

bool waste_is_few(const struct waste_advice *a)
{
	return a->by_names * 100 >= a->queries * FEW_PERCENT;
}

unsigned waste_ndots(const struct waste_advice *a)
{
	return a->ndots2 * 100 >= a->ndots1 * FEW_PERCENT ? 2 : 1;
}
