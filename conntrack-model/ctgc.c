/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gc worker (gc_worker in nf_conntrack_core.c, as since 5.19; before, sweeps came
 * 120 s after one another and had no allowance of evictions). One worker
 * walks the hash of all namespaces in slices, frees what has expired, averages
 * the remaining lifetimes with C's truncating division, and sleeps for that
 * average; the timer wheel then rounds the sleep up. Both roundings are visible
 * in the occupancy of a real node, so both are here.
 */
#include "conntrack-model/ctable_int.h"

#define WHEEL_LEVEL_SIZE 64
#define WHEEL_LEVEL_SHIFT 3
#define WHEEL_LEVELS 9
#define SLICE_NS 10000000ull
#define EVICT_PER_SECOND 64000

/* Level n takes delays from 63 * 8^(n-1) jiffies on and has a granularity of
 * 8^n; the expiry is rounded up so that no timer fires early. */
uint64_t ct_timer_expiry(uint64_t now_j, uint64_t delay_j)
{
	unsigned level = 0;

	while (level + 1 < WHEEL_LEVELS && delay_j >= (uint64_t)(WHEEL_LEVEL_SIZE - 1)
							      << (level * WHEEL_LEVEL_SHIFT))
		level++;
	unsigned shift = level * WHEEL_LEVEL_SHIFT;
	return (((now_j + delay_j) >> shift) + 1) << shift;
}

static int64_t clamp_j(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* The state of one slice; a sweep is one or more of them. */
struct slice {
	struct ctable *t;
	uint64_t max95, elapsed_ns, n_evicted, may_evict;
	uint32_t next; /* bucket */
	struct ct_scout scout;
};

static uint64_t slice_now_j(const struct slice *s)
{
	return s->t->gc.due_j + s->elapsed_ns * s->t->conf.hz / 1000000000ull;
}

static bool may_early_drop(const struct ct_entry *e)
{
	if (!(e->status & CTS_ASSURED))
		return true;
	return e->key[0].proto == CT_TCP && e->tcp_state >= CT_FIN_WAIT &&
	       e->tcp_state <= CT_CLOSE;
}

/* Integer division as the kernel's, spared where its result is 0: soon for nearly all. */
static void average(struct ct_gc *gc, int64_t left_j)
{
	int64_t by = left_j - gc->avg_j, n = ++gc->n;

	if (by >= n || by <= -n)
		gc->avg_j += by / n;
}

/* Whether an entry is to be freed. */
static bool visit(struct slice *s, struct ct_link l)
{
	struct ctable *t = s->t;
	uint64_t now_j = slice_now_j(s);

	s->elapsed_ns += t->conf.gc_entry_ns;
	if (ct_link_expired(&l, now_j)) {
		s->elapsed_ns += t->conf.gc_evict_ns;
		t->stats.expired_gc++;
		return true;
	}
	int32_t left_j = (int32_t)(l.expires_j - (uint32_t)now_j);
	average(&t->gc, clamp_j(left_j, t->conf.hz, 300 * (int64_t)t->conf.hz));
	if (!s->max95)
		return false;
	const struct ct_entry *e = &t->entry[ct_node_entry(l.node)];
	if (t->count[e->key[0].netns] < s->max95 || !may_early_drop(e))
		return false;
	t->stats.gc_killed++;
	return true;
}

/* To a bucket that has a chain. Those before it that have none cost their time, and nothing else. False: the slice ends before. */
static bool pass_to(struct slice *s, uint32_t bucket)
{
	uint64_t n = bucket - s->next, each_ns = s->t->conf.gc_bucket_ns;

	if (s->elapsed_ns > SLICE_NS)
		return false;
	bool fits = s->elapsed_ns + n * each_ns <= SLICE_NS;
	if (!fits)
		n = (SLICE_NS - s->elapsed_ns) / each_ns + 1;
	s->elapsed_ns += n * each_ns;
	s->next += (uint32_t)n;
	return fits;
}

/* A place among the links of a slot: those of `line` before the k-th are still to be visited, and the lines before it. */
struct place {
	const struct ct_line *line;
	uint32_t k;
};

/* Where so many are still to be visited. */
static struct place place_of(const struct ct_chains *c, uint32_t slot, uint32_t left)
{
	struct place p = {ct_slot(c, slot), ct_slot(c, slot)->n};
	uint32_t skip = ct_line_links(c, p.line) - left;

	for (; skip > p.k; p.k = p.line->n) {
		skip -= p.k;
		p.line = ct_line_before(c, p.line);
	}
	p.k -= skip;
	return p;
}

/* Frees the entry of a link, the k-th, that has been visited. Its other direction's may be among those still to come. */
static void free_at(struct slice *s, uint32_t slot, uint32_t bucket, struct place *p, uint32_t node)
{
	const struct ct_chains *c = &s->t->chains;
	uint32_t other = s->t->entry[ct_node_entry(node)].bucket[!ct_node_dir(node)];
	uint32_t left = p->k + ct_line_links(c, p->line) - p->line->n, n = ct_line_links(c, ct_slot(c, slot));
	bool to_come = other > bucket || (other == bucket && ct_node_dir(node));

	ct_kill(s->t, ct_node_entry(node));
	s->n_evicted++;
	bool both = n - ct_line_links(c, ct_slot(c, slot)) == 2;
	*p = place_of(c, slot, left - (to_come && both));
}

/* From its first bucket, and in that from the newest: from the end of its links. False: the slice ends. */
static bool visit_slot(struct slice *s, uint32_t i)
{
	const struct ct_chains *c = &s->t->chains;
	struct place p = {ct_slot(c, i), ct_slot(c, i)->n};
	uint32_t bucket = UINT32_MAX, last = CT_NO_NODE;

	for (;;) {
		if (p.k == 0 && !p.line->more)
			return true;
		if (p.k == 0) {
			p.line = ct_line_before(c, p.line);
			p.k = p.line->n;
			continue;
		}
		struct ct_link l = p.line->link[--p.k];
		uint32_t of = ct_line_bucket(c, i, p.line, p.k);
		if (of != bucket) {
			if (of < s->next) /* visited by the slice before */
				continue;
			if (!pass_to(s, of))
				return false;
			bucket = of;
			s->elapsed_ns += s->t->conf.gc_bucket_ns;
		} else if (ct_node_entry(l.node) == ct_node_entry(last)) {
			continue; /* both directions of one flow in one chain, one after the other: one visit */
		}
		s->next = of;
		if (s->n_evicted > s->may_evict)
			return false; /* inside this bucket, which is begun anew */
		if (visit(s, l))
			free_at(s, i, of, &p, l.node);
		last = l.node;
		s->next = of + 1;
	}
}

/* From its first bucket on. */
static void visit_slots(struct slice *s)
{
	const struct ct_chains *c = &s->t->chains;

	for (uint32_t i = s->next >> c->shift; c->n_links && i < c->n_slots; i++) {
		if (ct_is_large(s->t))
			ct_scout(&s->scout, s->t, i);
		if (!visit_slot(s, i))
			return;
	}
	pass_to(s, c->buckets);
}

static void sweep_begin(struct ct_gc *gc, unsigned hz)
{
	gc->avg_j = 60 * (int64_t)hz;
	gc->n = 100;
	gc->last_start_j = gc->start_j;
	gc->start_j = gc->due_j;
	gc->period_j = gc->last_start_j ? gc->start_j - gc->last_start_j : 0;
}

static uint64_t sweep_end(struct ctable *t, uint64_t now_j)
{
	int64_t next = t->rules->gc_averages ? clamp_j(t->gc.avg_j, t->conf.hz, 60 * (int64_t)t->conf.hz)
					     : 120 * (int64_t)t->conf.hz;
	int64_t took = (int64_t)(now_j - t->gc.start_j);

	t->gc.next_bucket = 0;
	t->stats.gc_sweeps++;
	if (!t->rules->gc_averages)
		return (uint64_t)next;
	if (took < 1)
		took = 1;
	return next > took ? (uint64_t)(next - took) : 1;
}

void ct_gc_idle(struct ctable *t, uint64_t now_j)
{
	struct ct_gc *gc = &t->gc;

	if (gc->next_bucket || !gc->period_j || gc->due_j >= now_j || gc->due_j - gc->start_j != gc->period_j || !ctable_empty(t))
		return;
	uint64_t n = (now_j - gc->due_j) / gc->period_j;
	gc->due_j += n * gc->period_j;
	gc->start_j += n * gc->period_j;
	gc->last_start_j += n * gc->period_j;
	t->stats.gc_sweeps += n;
}

void ct_gc_slice(struct ctable *t)
{
	struct slice s = {.t = t, .max95 = t->gc.early_drop ? t->conf.max / 100 * 95 : 0, .next = t->gc.next_bucket};
	uint64_t delay_j;

	s.may_evict = t->rules->gc_averages ? EVICT_PER_SECOND / t->conf.hz : UINT64_MAX;
	if (s.next == 0)
		sweep_begin(&t->gc, t->conf.hz);
	visit_slots(&s);
	uint64_t now_j = slice_now_j(&s);
	if (s.next >= t->conf.buckets) {
		delay_j = sweep_end(t, now_j);
	} else {
		t->gc.next_bucket = s.next;
		bool tired = s.elapsed_ns <= SLICE_NS; /* evictions, not time, ended it */
		delay_j = tired && now_j - t->gc.start_j < 60ull * t->conf.hz;
	}
	if (delay_j)
		t->gc.early_drop = false;
	/* A slice costs at least a little, or time would stand still. */
	t->gc.due_j = delay_j ? ct_timer_expiry(now_j, delay_j) : now_j + (now_j == t->gc.due_j);
}
