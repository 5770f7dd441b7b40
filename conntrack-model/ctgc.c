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
	uint64_t max95, elapsed_ns, n_evicted;
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

/* False: it was left where it is. */
static bool visit(struct slice *s, struct ct_link l)
{
	struct ctable *t = s->t;
	uint32_t id = ct_node_entry(l.node);
	uint64_t now_j = slice_now_j(s);

	s->elapsed_ns += t->conf.gc_entry_ns;
	if (ct_link_expired(&l, now_j)) {
		ct_kill(t, id);
		s->elapsed_ns += t->conf.gc_evict_ns;
		s->n_evicted++;
		t->stats.expired_gc++;
		return true;
	}
	int32_t left_j = (int32_t)(l.expires_j - (uint32_t)now_j);
	average(&t->gc, clamp_j(left_j, t->conf.hz, 300 * (int64_t)t->conf.hz));
	if (!s->max95 || t->count[t->entry[id].key[0].netns] < s->max95 || !may_early_drop(&t->entry[id]))
		return false;
	ct_kill(t, id);
	s->n_evicted++;
	t->stats.gc_killed++;
	return true;
}

/* Buckets without a chain cost their time, and nothing else. Returns how many of the `left`
 * before the next chain fit into the slice. */
static uint32_t skip_empty(struct slice *s, uint32_t left)
{
	uint64_t fit = s->t->conf.gc_bucket_ns ? (SLICE_NS - s->elapsed_ns) / s->t->conf.gc_bucket_ns + 1 : left;
	uint32_t n = fit < left ? (uint32_t)fit : left;

	s->elapsed_ns += (uint64_t)n * s->t->conf.gc_bucket_ns;
	return n;
}

/* False when the slice's eviction allowance ran out inside this bucket. */
static bool visit_bucket(struct slice *s, uint32_t bucket)
{
	struct ct_chain c = ct_chain_of(s->t, bucket);

	s->elapsed_ns += s->t->conf.gc_bucket_ns;
	for (uint32_t i = c.n; i-- > 0;) {
		if (s->t->rules->gc_averages && s->n_evicted > EVICT_PER_SECOND / s->t->conf.hz)
			return false;
		struct ct_link l = c.link[i];
		/* both directions of one flow in one chain, one after the other: one visit */
		bool both = i > 0 && ct_node_entry(c.link[i - 1].node) == ct_node_entry(l.node);
		if (visit(s, l))
			c = ct_chain_of(s->t, bucket);
		i -= both;
	}
	return true;
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
	struct slice s = {.t = t, .max95 = t->gc.early_drop ? t->conf.max / 100 * 95 : 0};
	struct ct_scout scout = {.told = 0};
	uint32_t i = t->gc.next_bucket;
	uint64_t delay_j;

	if (i == 0)
		sweep_begin(&t->gc, t->conf.hz);
	while (i < t->conf.buckets && s.elapsed_ns <= SLICE_NS) {
		i += skip_empty(&s, ct_heads_next(&t->heads, i) - i);
		if (i >= t->conf.buckets || s.elapsed_ns > SLICE_NS)
			break;
		if (ct_is_large(t))
			ct_scout(&scout, t, i);
		if (!visit_bucket(&s, i))
			break;
		i++;
	}
	uint64_t now_j = slice_now_j(&s);
	if (i >= t->conf.buckets) {
		delay_j = sweep_end(t, now_j);
	} else {
		t->gc.next_bucket = i;
		bool tired = s.elapsed_ns <= SLICE_NS; /* evictions, not time, ended it */
		delay_j = tired && now_j - t->gc.start_j < 60ull * t->conf.hz;
	}
	if (delay_j)
		t->gc.early_drop = false;
	/* A slice costs at least a little, or time would stand still. */
	t->gc.due_j = delay_j ? ct_timer_expiry(now_j, delay_j) : now_j + (now_j == t->gc.due_j);
}
