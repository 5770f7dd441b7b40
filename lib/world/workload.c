/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each (node, pod, load) is one stream with its own generator, seeded from the
 * scenario's seed and the stream's number; a heap merges the streams in time
 * order. So the lookups of one pod are the same whether it runs alone in a lab
 * or among thousands in the simulator.
 */
#include "lib/world/workload.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"

struct stream {
	struct rng rng;
	uint64_t t_ns; /* its next lookup */
	uint64_t u_ns; /* the same on the clock that surges do not bend */
	double phase;  /* even arrivals: t is (phase + n) / rate, without drift */
	uint64_t n;
	unsigned node, pod, load;
};

struct workload {
	const struct scenario *s;
	uint64_t seed;
	uint64_t end_ns, far_ns; /* far: past the end on the bent clock, too */
	const double *cumulative; /* of the asks' weights; the last is the sum */
	double *own;		  /* or NULL: they are the scenario's */
	size_t n_heap;
	uint32_t *heap; /* indexes into stream[], earliest first */
	struct stream *stream;
};

static bool earlier(const struct workload *w, uint32_t a, uint32_t b)
{
	uint64_t ta = w->stream[a].t_ns, tb = w->stream[b].t_ns;
	return ta < tb || (ta == tb && a < b);
}

static void sift_down(struct workload *w, size_t i)
{
	for (;;) {
		size_t least = i, kid = 2 * i + 1;
		if (kid < w->n_heap && earlier(w, w->heap[kid], w->heap[least]))
			least = kid;
		if (kid + 1 < w->n_heap && earlier(w, w->heap[kid + 1], w->heap[least]))
			least = kid + 1;
		if (least == i)
			return;
		uint32_t swap = w->heap[i];
		w->heap[i] = w->heap[least];
		w->heap[least] = swap;
		i = least;
	}
}

/* A surge squeezes the time between lookups: on a clock that runs as fast as the load, every
 * stream is what it would be without. Its time to ours. */
static uint64_t bend(const struct scenario *s, uint64_t u_ns)
{
	uint64_t t_ns = 0, seen_ns = 0; /* seen: of u, up to t */

	for (size_t i = 0; i < s->n_surges; i++) {
		const struct scen_surge *g = &s->surge[i];
		uint64_t calm_ns = g->at_ns - t_ns;
		if (u_ns - seen_ns < calm_ns)
			break;
		seen_ns += calm_ns;
		double within = (double)(u_ns - seen_ns) / g->times;
		if (within < (double)g->for_ns)
			return g->at_ns + (uint64_t)within;
		seen_ns += (uint64_t)((double)g->for_ns * g->times);
		t_ns = g->at_ns + g->for_ns;
	}
	return t_ns + (u_ns - seen_ns);
}

static void stream_advance(const struct workload *w, struct stream *st)
{
	const struct scen_load *l = &w->s->load[st->load];
	double mean_ns = (double)NS_PER_S / l->rate_per_s / (w->s->growth > 0 ? w->s->growth : 1);
	if (l->arrivals == SCEN_EVEN) {
		st->t_ns = bend(w->s, (uint64_t)((st->phase + (double)st->n) * mean_ns));
		st->n++;
		return;
	}
	double gap = rng_exp(&st->rng, mean_ns);
	/* a gap past the end needs no exact value, only no overflow */
	st->u_ns += gap < (double)w->far_ns ? (uint64_t)gap : w->far_ns;
	st->t_ns = bend(w->s, st->u_ns);
}

static void stream_init(struct workload *w, struct stream *st, unsigned node, unsigned pod,
			unsigned load)
{
	uint64_t number = ((uint64_t)node * w->s->n_pods + pod) * SCEN_LOADS_MAX + load;
	*st = (struct stream){ .node = node, .pod = pod, .load = load };
	rng_seed_stream(&st->rng, w->seed, number);
	st->phase = rng_unit(&st->rng);
	stream_advance(w, st);
}

static double *cumulate(const struct scenario *s)
{
	double *c = calloc(s->n_asks, sizeof(*c));
	if (c)
		scen_weights(s, c);
	return c;
}

static unsigned draw_ask(const struct workload *w, struct rng *rng)
{
	size_t low = 0, high = w->s->n_asks - 1;
	double at = rng_unit(rng) * w->cumulative[high];
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (w->cumulative[mid] > at)
			high = mid;
		else
			low = mid + 1;
	}
	return (unsigned)low;
}

/* Streams of `n_pods` pods, counted through all nodes, from `first_pod`. */
static struct workload *make(const struct scenario *s, uint64_t seed, size_t first_pod, size_t n_pods)
{
	size_t n = n_pods * s->n_loads;
	struct workload *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->s = s;
	w->seed = seed;
	w->end_ns = s->warmup_ns + s->duration_ns;
	w->far_ns = w->end_ns;
	for (size_t i = 0; i < s->n_surges; i++)
		w->far_ns += (uint64_t)((double)s->surge[i].for_ns * s->surge[i].times);
	w->own = s->ask_upto ? NULL : cumulate(s);
	w->cumulative = s->ask_upto ? s->ask_upto : w->own;
	w->heap = calloc(n + 1, sizeof(*w->heap));
	w->stream = calloc(n + 1, sizeof(*w->stream));
	if (!w->cumulative || !w->heap || !w->stream) {
		workload_free(w);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned pod = (unsigned)(first_pod + i / s->n_loads), load = (unsigned)(i % s->n_loads);
		stream_init(w, &w->stream[i], pod / s->n_pods, pod % s->n_pods, load);
		w->heap[w->n_heap++] = (uint32_t)i;
	}
	for (size_t i = n / 2 + 1; i-- > 0;)
		sift_down(w, i);
	return w;
}

struct workload *workload_new(const struct scenario *s, int only_pod)
{
	if (only_pod >= 0)
		return make(s, s->seed, (size_t)only_pod, 1);
	return make(s, s->seed, 0, (size_t)s->n_nodes * s->n_pods);
}

struct workload *workload_new_nodes(const struct scenario *s, uint64_t seed, unsigned first_node,
				    unsigned n_nodes)
{
	return make(s, seed, (size_t)first_node * s->n_pods, (size_t)n_nodes * s->n_pods);
}

bool workload_next(struct workload *w, struct lookup *ret)
{
	if (!w->n_heap)
		return false;
	struct stream *st = &w->stream[w->heap[0]];
	if (st->t_ns >= w->end_ns) /* the earliest is past the end: so are all */
		return false;
	*ret = (struct lookup){
		.t_ns = st->t_ns,
		.node = st->node,
		.pod = st->pod,
		.load = st->load,
		.ask = w->s->load[st->load].ask ? w->s->load[st->load].ask_at : draw_ask(w, &st->rng),
		.counted = st->t_ns >= w->s->warmup_ns,
	};
	stream_advance(w, st);
	sift_down(w, 0);
	return true;
}

void workload_free(struct workload *w)
{
	if (!w)
		return;
	free(w->own);
	free(w->heap);
	free(w->stream);
	free(w);
}
