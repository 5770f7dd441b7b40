/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events to flows, flows to packets. An entry's events are brought together by its tuple
 * when the watch is over, so that nothing is looked up while it runs. The kernel tells when
 * an entry was made, first answered, became ASSURED, changed its TCP state and was freed; of
 * packets in between it tells nothing, and what an entry was kept alive by is guessed in one
 * place: UDP that is ASSURED and was not freed has asked again at the end.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack-model/watch.h"
#include "lib/base/clock.h"
#include "lib/kernel/ct_netlink.h"

#define STREAM_NS (2 * NS_PER_S + 20 * NS_PER_MS) /* after its first packet a UDP flow may become one */
#define BIN_NS (100 * NS_PER_MS)		  /* a sweep shows as entries freed at once */
#define SWEEP_LEAST 20

static int by_tuple(const void *pa, const void *pb)
{
	const struct watch_seen *a = pa, *b = pb;
	int c = memcmp(&a->client.ip, &b->client.ip, sizeof(a->client.ip));

	c = c ? c : (int)a->client.port - b->client.port;
	c = c ? c : memcmp(&a->server.ip, &b->server.ip, sizeof(a->server.ip));
	c = c ? c : (int)a->server.port - b->server.port;
	c = c ? c : (int)a->proto - b->proto;
	c = c ? c : (int)a->zone - b->zone;
	return c ? c : a->t_ns < b->t_ns ? -1 : a->t_ns > b->t_ns;
}

/* Sorted as by_tuple without time. */
static bool same_tuple(const struct watch_seen *a, const struct watch_seen *b)
{
	struct watch_seen at = *b;

	at.t_ns = a->t_ns;
	return by_tuple(a, &at) == 0;
}

struct flow {
	const struct watch_seen *opened;
	uint64_t answered_ns, assured_ns, closed_ns, gone_ns; /* T_NEVER: not seen */
	uint8_t tcp_state;				      /* the last that was seen */
};

static void put(struct ct_events *e, struct ct_event ev, uint64_t t_ns, enum ct_event_kind kind)
{
	ev.t_ns = t_ns;
	ev.kind = (uint8_t)kind;
	ct_events_add(e, &ev);
}

static void put_udp(struct ct_events *e, const struct flow *f, const struct ct_event *ev, uint64_t end_ns)
{
	uint64_t at_ns = f->opened->t_ns;

	put(e, *ev, at_ns, CTE_QUERY);
	if (f->answered_ns != T_NEVER)
		put(e, *ev, f->answered_ns, CTE_REPLY);
	if (f->assured_ns == T_NEVER)
		return;
	uint64_t stream_ns = f->assured_ns > at_ns + STREAM_NS ? f->assured_ns : at_ns + STREAM_NS;
	put(e, *ev, stream_ns, CTE_QUERY);
	if (f->gone_ns == T_NEVER && stream_ns + NS_PER_S < end_ns)
		put(e, *ev, end_ns, CTE_QUERY);
}

static void put_tcp(struct ct_events *e, const struct flow *f, const struct ct_event *ev)
{
	bool open = f->answered_ns != T_NEVER || f->assured_ns != T_NEVER || f->tcp_state >= CT_SYN_RECV;

	put(e, *ev, f->opened->t_ns, open ? CTE_OPEN : CTE_SYN);
	if (f->closed_ns != T_NEVER)
		put(e, *ev, f->closed_ns, f->tcp_state == CT_CLOSE ? CTE_RESET : CTE_CLOSE);
}

static void flow_end(struct watch_load *l, const struct flow *f, uint64_t end_ns)
{
	const struct watch_seen *s = f->opened;
	struct ct_event ev = {.client = s->client, .server = s->server, .proto = s->proto, .zone = s->zone};

	l->n_flows++;
	l->n_dns += s->server.port == 53;
	l->n_gone += f->gone_ns != T_NEVER;
	l->n_unanswered += f->answered_ns == T_NEVER;
	l->n_begun += f->assured_ns == T_NEVER && f->gone_ns == T_NEVER;
	l->n_left_assured += f->assured_ns != T_NEVER && f->gone_ns == T_NEVER;
	if (s->proto == CT_UDP) {
		put_udp(&l->once, f, &ev, end_ns);
		return;
	}
	put_tcp(&l->once, f, &ev);
	l->n_left_open += f->closed_ns == T_NEVER && f->gone_ns == T_NEVER;
}

static void flow_event(struct flow *f, const struct watch_seen *s)
{
	if (s->replied && f->answered_ns == T_NEVER)
		f->answered_ns = s->what == CTNL_DESTROY ? f->opened->t_ns : s->t_ns;
	if (s->assured && f->assured_ns == T_NEVER)
		f->assured_ns = s->what == CTNL_DESTROY ? f->opened->t_ns : s->t_ns;
	if (s->what == CTNL_DESTROY)
		f->gone_ns = s->t_ns;
	if (s->tcp_state == CT_NONE || s->what == CTNL_DESTROY)
		return;
	f->tcp_state = s->tcp_state;
	if (s->tcp_state >= CT_FIN_WAIT && s->tcp_state <= CT_CLOSE)
		f->closed_ns = s->t_ns;
}

/* Times of entries that came and went, for the samples. */
struct tally {
	uint64_t *new_ns, *gone_ns;
	size_t n_new, n_gone;
};

static void flows_make(struct watch_load *l, const struct watch *w, struct tally *t)
{
	uint64_t end_ns = (uint64_t)(w->span_s * 1e9);
	struct flow f = {0};

	for (size_t i = 0; i < w->n_seen; i++) {
		const struct watch_seen *s = &w->seen[i];
		bool goes_on = f.opened && same_tuple(f.opened, s);
		if (f.opened && (!goes_on || s->what == CTNL_NEW)) {
			flow_end(l, &f, end_ns);
			f.opened = NULL;
		}
		if (s->what == CTNL_NEW) {
			f = (struct flow){s, T_NEVER, T_NEVER, T_NEVER, T_NEVER, CT_NONE};
			t->new_ns[t->n_new++] = s->t_ns;
		}
		if (!f.opened) /* of an entry older than the watch */
			continue;
		flow_event(&f, s);
		if (s->what != CTNL_DESTROY)
			continue;
		t->gone_ns[t->n_gone++] = s->t_ns;
		flow_end(l, &f, end_ns);
		f.opened = NULL;
	}
	if (f.opened)
		flow_end(l, &f, end_ns);
}

static int by_number(const void *pa, const void *pb)
{
	uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

	return a < b ? -1 : a > b;
}

static void samples_fill(struct watch *w, struct tally *t)
{
	size_t n = 0, gone = 0;

	qsort(t->new_ns, t->n_new, sizeof(*t->new_ns), by_number);
	qsort(t->gone_ns, t->n_gone, sizeof(*t->gone_ns), by_number);
	for (size_t i = 0; i < w->n_samples; i++) {
		uint64_t at_ns = (uint64_t)(w->sample[i].t_s * 1e9);
		while (n < t->n_new && t->new_ns[n] <= at_ns)
			n++;
		while (gone < t->n_gone && t->gone_ns[gone] <= at_ns)
			gone++;
		w->sample[i].n_new = n;
		w->sample[i].n_gone = gone;
	}
}

/* Look-ups free dead entries one by one; a sweep frees all there are, within a slice. */
static uint64_t sweep_find(const struct tally *t)
{
	size_t most = 0, n;
	uint64_t at_ns = T_NEVER;

	for (size_t i = 0; i < t->n_gone && at_ns == T_NEVER; i += n) {
		for (n = 1; i + n < t->n_gone && t->gone_ns[i + n] < t->gone_ns[i] + BIN_NS; n++)
			;
		if (n >= SWEEP_LEAST && n > 10 * (most + 1))
			at_ns = t->gone_ns[i];
		most = n > most ? n : most;
	}
	return at_ns;
}

/* --- who opens --- */

static int by_flows(const void *pa, const void *pb)
{
	const struct watch_opener *a = pa, *b = pb;

	if (a->flows != b->flows)
		return a->flows > b->flows ? -1 : 1;
	return memcmp(&a->client, &b->client, sizeof(a->client));
}

/* Events are in order of clients. */
static void openers_find(struct watch_load *l, const struct watch *w)
{
	struct watch_opener top[WATCH_OPENERS + 1] = {0};
	size_t n = 0;

	for (size_t i = 0; i < w->n_seen;) {
		struct watch_opener *o = &top[n];
		*o = (struct watch_opener){.client = w->seen[i].client.ip};
		for (; i < w->n_seen && memcmp(&w->seen[i].client.ip, &o->client, sizeof(o->client)) == 0; i++) {
			o->flows += w->seen[i].what == CTNL_NEW;
			o->dns += w->seen[i].what == CTNL_NEW && w->seen[i].server.port == 53;
		}
		if (!o->flows)
			continue;
		n++;
		qsort(top, n, sizeof(*top), by_flows);
		n = n > WATCH_OPENERS ? WATCH_OPENERS : n;
	}
	memcpy(l->opener, top, sizeof(l->opener));
	l->n_openers = n;
}

int watch_load_make(struct watch_load *ret, struct watch *w)
{
	struct watch_load l = {.sweep_ns = T_NEVER};
	struct tally t = {.new_ns = malloc((w->n_seen + 1) * sizeof(uint64_t)),
			  .gone_ns = malloc((w->n_seen + 1) * sizeof(uint64_t))};
	int rc = t.new_ns && t.gone_ns ? 0 : ERR_NOMEM;

	if (rc == 0) {
		if (w->n_seen)
			qsort(w->seen, w->n_seen, sizeof(*w->seen), by_tuple);
		flows_make(&l, w, &t);
		samples_fill(w, &t);
		l.sweep_ns = sweep_find(&t);
		openers_find(&l, w);
		/* a load that has stopped is dead entries as well: the walk goes on to the end of the watch */
		l.once.end_ns = (uint64_t)(w->span_s * 1e9);
		uint64_t known = l.n_flows - l.n_gone, count = w->n_samples ? w->sample[w->n_samples - 1].count : 0;
		uint64_t others = count > known ? count - known : 0, first = w->n_samples ? w->sample[0].count : 0;
		l.n_older = others < first ? others : first;
		l.n_untold = others - l.n_older;
		ct_events_sort(&l.once);
		rc = l.once.err;
	}
	free(t.new_ns);
	free(t.gone_ns);
	if (rc < 0)
		watch_load_release(&l);
	else
		*ret = l;
	return rc;
}

#define EVICTION_RANGE 8 /* buckets: NF_CT_EVICTION_RANGE */

uint64_t watch_evictable(const struct watch *w, const struct watch_load *l, enum watch_evidence *ret)
{
	const struct watch_counters *c = w->n_samples ? &w->sample[w->n_samples - 1].c : NULL;
	double older = (double)l->n_older;

	*ret = WATCH_NO_EVIDENCE;
	if (w->live.cpu_s >= 0) {
		uint64_t assured = w->live.assured > l->n_left_assured ? w->live.assured - l->n_left_assured : 0;
		*ret = WATCH_BY_DUMP;
		return l->n_older > assured ? l->n_older - assured : 0;
	}
	if (!watch_was_full(w))
		return 0;
	*ret = WATCH_BY_COUNTERS;
	double evicted = (double)c->early_drop, away = (double)watch_turned_away(w);
	if (evicted <= 0)
		return 0;
	/* of those that found it full this share found none that could go: exp(-there * 2 * range / buckets) */
	double there = away > 0 ? log((evicted + away) / away) * w->node.table.buckets / (2 * EVICTION_RANGE) : older;
	there -= away > 0 ? (double)l->n_begun / 2 : 0; /* those made meanwhile were among them, in the mean half */
	return there <= 0 ? 0 : there >= older ? l->n_older : (uint64_t)there;
}

void watch_load_release(struct watch_load *l)
{
	ct_events_release(&l->once);
}

/* --- again and again --- */

#define PORT_LOW 1024
#define PORT_STEP 40503 /* shares no factor with the number of ports: all come by */

static uint16_t port_again(uint16_t port, unsigned k)
{
	uint32_t n = 65536 - PORT_LOW;

	return port < PORT_LOW ? port : (uint16_t)(PORT_LOW + ((port - PORT_LOW) + (uint64_t)k * PORT_STEP) % n);
}

static bool closes(uint8_t kind)
{
	return kind == CTE_CLOSE || kind == CTE_RESET;
}

static int by_flow(const struct ct_event *a, const struct ct_event *b)
{
	int c = memcmp(&a->client.ip, &b->client.ip, sizeof(a->client.ip));

	c = c ? c : (int)a->client.port - b->client.port;
	c = c ? c : memcmp(&a->server.ip, &b->server.ip, sizeof(a->server.ip));
	return c ? c : (int)a->server.port - b->server.port;
}

static int by_flow_and_time(const void *pa, const void *pb)
{
	const struct ct_event *a = *(const struct ct_event *const *)pa, *b = *(const struct ct_event *const *)pb;
	int c = by_flow(a, b);

	return c ? c : a->t_ns < b->t_ns ? -1 : a->t_ns > b->t_ns ? 1 : (int)a->seq - (int)b->seq;
}

/* Connections without an end: an end one watched time after their beginning. */
static int ends_add(struct ct_events *to, const struct ct_events *once, uint64_t span_ns)
{
	const struct ct_event **v = malloc((once->n + 1) * sizeof(*v));
	size_t n = 0;

	if (!v)
		return ERR_NOMEM;
	for (size_t i = 0; i < once->n; i++)
		if (once->ev[i].proto == CT_TCP && (once->ev[i].kind == CTE_OPEN || closes(once->ev[i].kind)))
			v[n++] = &once->ev[i];
	qsort(v, n, sizeof(*v), by_flow_and_time);
	for (size_t i = 0; i < n; i++) {
		bool ended = i + 1 < n && closes(v[i + 1]->kind) && by_flow(v[i], v[i + 1]) == 0;
		if (v[i]->kind == CTE_OPEN && !ended)
			put(to, *v[i], v[i]->t_ns + span_ns, CTE_CLOSE);
	}
	free(v);
	return 0;
}

int watch_load_repeat(struct ct_events *to, const struct watch_load *l, double span_s, unsigned times)
{
	uint64_t span_ns = (uint64_t)(span_s * 1e9);
	struct ct_events window = {0};
	int rc = times > 1 ? ends_add(&window, &l->once, span_ns) : 0;

	for (size_t i = 0; i < l->once.n; i++)
		ct_events_add(&window, &l->once.ev[i]);
	for (unsigned k = 0; k < times && !window.err; k++)
		for (size_t i = 0; i < window.n; i++) {
			struct ct_event ev = window.ev[i];
			ev.client.port = port_again(ev.client.port, k);
			put(to, ev, ev.t_ns + k * span_ns, (enum ct_event_kind)ev.kind);
		}
	rc = rc ? rc : window.err ? window.err : to->err;
	ct_events_release(&window);
	uint64_t end_ns = times * span_ns;
	while (rc == 0 && (ct_events_sort(to), to->n) && to->ev[to->n - 1].t_ns > end_ns)
		to->n--;
	to->end_ns = end_ns;
	return rc;
}
