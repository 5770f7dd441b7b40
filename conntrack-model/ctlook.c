/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at a table from outside: counts as `conntrack -C` gives them, live
 * entries as no kernel interface does, and the dump that is itself a gc.
 */
#include "conntrack-model/ctable_int.h"

bool ctable_peek(const struct ctable *t, uint64_t now_ns, const struct ct_tuple *tuple,
		 struct ct_tuple *ret_reply)
{
	uint64_t now_j = ct_jiffies(t, now_ns);
	struct ct_spot at = ct_spot_of(t, tuple);
	struct ct_turn w = ct_chain_wanted(&t->chains, at, now_j);
	const struct ct_link *l;

	while ((l = ct_chain_next(&t->chains, &w))) {
		const struct ct_entry *e = &t->entry[ct_node_entry(l->node)];
		unsigned dir = ct_node_dir(l->node);
		if (!ct_link_expired(l, now_j) && ct_key_is(&t->wides, &e->key[dir], tuple)) {
			*ret_reply = ct_key_tuple(&t->wides, &e->key[!dir]);
			return true;
		}
	}
	return false;
}

uint64_t ctable_count(struct ctable *t, uint64_t now_ns, unsigned netns)
{
	ctable_advance(t, now_ns);
	return t->count[netns];
}

uint64_t ctable_live(struct ctable *t, uint64_t now_ns, unsigned netns, uint64_t *ret_assured)
{
	uint64_t n = 0, assured = 0;

	ctable_advance(t, now_ns);
	for (uint32_t i = 0; i < t->n_entries; i++) {
		const struct ct_entry *e = &t->entry[i];
		if (!e->status || e->key[0].netns != netns || ct_expired(e, t->now_j))
			continue;
		n++;
		assured += (e->status & CTS_ASSURED) != 0;
	}
	if (ret_assured)
		*ret_assured = assured;
	return n;
}

void ctable_live_all(struct ctable *t, uint64_t now_ns, struct ct_live ret[CT_NETNS_MAX])
{
	memset(ret, 0, CT_NETNS_MAX * sizeof(*ret));
	ctable_advance(t, now_ns);
	for (uint32_t i = 0; i < t->n_entries; i++) {
		const struct ct_entry *e = &t->entry[i];
		if (!e->status || ct_expired(e, t->now_j))
			continue;
		struct ct_live *l = &ret[e->key[0].netns];
		l->live++;
		l->assured += (e->status & CTS_ASSURED) != 0;
	}
}

void ctable_kinds(struct ctable *t, uint64_t now_ns, unsigned netns,
		  unsigned (*kind_of)(const struct ct_tuple tuple[2], const void *ctx), const void *ctx,
		  struct ct_kind *ret, unsigned n)
{
	memset(ret, 0, n * sizeof(*ret));
	ctable_advance(t, now_ns);
	for (uint32_t i = 0; i < t->n_entries; i++) {
		const struct ct_entry *e = &t->entry[i];
		if (!e->status || e->key[0].netns != netns)
			continue;
		struct ct_tuple tuple[2] = {ct_key_tuple(&t->wides, &e->key[0]), ct_key_tuple(&t->wides, &e->key[1])};
		unsigned kind = kind_of(tuple, ctx);
		if (kind >= n)
			continue;
		ret[kind].counted++;
		ret[kind].live += !ct_expired(e, t->now_j);
	}
}

void ctable_marks(struct ctable *t, uint64_t now_ns, unsigned netns, struct ct_kind *ret, unsigned n)
{
	struct ct_kind all[1 << 8] = {{0}}; /* without a branch: what comes next cannot be foretold */

	ctable_advance(t, now_ns);
	for (uint32_t i = 0; i < t->n_entries; i++) {
		const struct ct_entry *e = &t->entry[i];
		bool there = (e->status != 0) & (e->key[0].netns == netns);
		all[e->mark].counted += there;
		all[e->mark].live += there & !ct_expired(e, t->now_j);
	}
	for (unsigned i = 0; i < n; i++)
		ret[i] = i < sizeof(all) / sizeof(all[0]) ? all[i] : (struct ct_kind){0};
}

void ctable_dump(struct ctable *t, uint64_t now_ns)
{
	ctable_advance(t, now_ns);
	for (uint32_t i = 0; i < t->n_entries; i++) {
		if (!t->entry[i].status || !ct_expired(&t->entry[i], t->now_j))
			continue;
		ct_kill(t, i);
		t->stats.expired_dump++;
	}
}

const struct ct_counters *ctable_counters(const struct ctable *t)
{
	return &t->stats;
}

const struct ct_conf *ctable_conf(const struct ctable *t)
{
	return &t->conf;
}

const struct ct_ns_counters *ctable_ns_counters(const struct ctable *t, unsigned netns)
{
	return &t->ns[netns];
}

double ctable_gc_period_s(const struct ctable *t)
{
	return (double)t->gc.period_j / t->conf.hz;
}

uint64_t ctable_flush_udp(struct ctable *t, uint64_t now_ns, const struct in6_addr *replier)
{
	uint64_t n = 0;

	ctable_advance(t, now_ns);
	for (uint32_t i = 0; i < t->n_entries; i++) {
		const struct ct_entry *e = &t->entry[i];
		if (!e->status || e->key[1].proto != CT_UDP)
			continue;
		struct ct_tuple reply = ct_key_tuple(&t->wides, &e->key[1]);
		if (memcmp(&reply.src, replier, sizeof(*replier)) != 0)
			continue;
		ct_kill(t, i);
		n++;
	}
	return n;
}
