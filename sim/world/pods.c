/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods: the workload starts lookups, lib/world/stub says what each one does next, and
 * its sockets are slots here. The loop is the load program's of the lab, with
 * packets in place of sockets.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/world/answers.h"
#include "sim/world/net.h"
#include "sim/world/probers.h"

#define SYN_TRIES 6
#define GEN_MASK 0xffffffu /* it travels in the core's cookie */

static void next_lookup(struct world *w)
{
	w->have_next = workload_next(w->load, &w->next);
	if (!w->have_next)
		return;
	w->next.node -= w->c->first_node;
	evq_push(&w->q, w->next.t_ns, EV_LOOKUP, 0, NULL);
}

int pods_init(struct world *w, struct diag *d)
{
	for (size_t i = 0; i < w->s->n_loads; i++) {
		int rc = stub_conf_from_scenario(&w->stub_conf[i], w->s, &w->s->load[i]);
		if (rc < 0)
			return diag_set(d, rc, "load %s: a search domain is not a name",
					w->s->load[i].name);
	}
	w->free_run = UINT32_MAX;
	w->load = workload_new_nodes(w->s, w->c->same_lookups ? w->s->seed : w->seed, w->c->first_node, w->n_nodes);
	if (!w->load)
		return diag_set(d, ERR_NOMEM, "out of memory");
	next_lookup(w);
	return 0;
}

void pods_release(struct world *w)
{
	for (uint32_t i = 0; i < w->n_runs; i++)
		free(w->run[i]);
	free(w->run);
	workload_free(w->load);
}

static struct stream_state *stream_of(struct world *w, const struct lookup *l)
{
	return &w->node[l->node].stream[l->pod * w->s->n_loads + l->load];
}

/* --- the pool of lookups --- */

static bool pool_grow(struct world *w)
{
	if (w->n_runs == w->cap_runs) {
		uint32_t cap = w->cap_runs ? w->cap_runs * 2 : 256;
		struct lookup_run **p = realloc(w->run, cap * sizeof(*p));
		if (!p)
			return false;
		w->run = p;
		w->cap_runs = cap;
	}
	struct lookup_run *l = calloc(1, sizeof(*l) + stub_sizeof());
	if (!l)
		return false;
	l->stub = (struct stub *)(l + 1);
	l->next_free = w->free_run;
	w->free_run = w->n_runs;
	w->run[w->n_runs++] = l;
	return true;
}

static bool run_take(struct world *w, uint32_t *ret)
{
	if (w->free_run == UINT32_MAX && !pool_grow(w))
		return false;
	*ret = w->free_run;
	struct lookup_run *l = w->run[*ret];
	w->free_run = l->next_free;
	l->gen = (l->gen + 1) & GEN_MASK;
	l->active = true;
	l->expire_at_ns = T_NEVER;
	l->cause = CAUSE_LATE;
	l->n_again = 0;
	l->missed = l->outside = false;
	for (unsigned i = 0; i < STUB_SLOTS_MAX; i++)
		l->slot[i].open = false; /* the rest is set when it is opened */
	w->n_active++;
	return true;
}

static void run_give(struct world *w, uint32_t id)
{
	struct lookup_run *l = w->run[id];

	l->active = false;
	l->next_free = w->free_run;
	w->free_run = id;
	w->n_active--;
}

static struct lookup_run *run_of(struct world *w, uint32_t id, uint32_t gen)
{
	struct lookup_run *l = w->run[id];

	return l->active && l->gen == gen ? l : NULL;
}

/* --- sockets --- */

static void pending_drop(struct world *w, struct slot *s)
{
	while (s->pending) {
		struct pkt *p = s->pending;
		s->pending = p->next;
		pkt_free(w, p);
	}
}

static void slot_up(struct world *w, struct lookup_run *l, struct slot *s)
{
	struct pkt *p = s->pending, *next;

	s->up = true;
	s->pending = NULL;
	for (; p; p = next) {
		next = p->next;
		net_pod_send(w, l, p);
	}
}

static void slot_connect(struct world *w, uint32_t id, unsigned slot)
{
	struct lookup_run *l = w->run[id];
	struct slot *s = &l->slot[slot];

	if (net_pod_connect(w, l, slot)) {
		struct node *n = &w->node[l->what.node];
		if (n->processors)
			processor_open(w, n, l->what.pod, id, l->gen, slot, s);
		else
			slot_up(w, l, s);
		s->opens_ns = 0;
		return;
	}
	uint64_t wait_ns = w->c->costs->syn_rto_ns << s->n_syn;
	if (++s->n_syn < SYN_TRIES)
		evq_push(&w->q, w->now_ns + wait_ns, EV_SYN, id,
			 (void *)((uintptr_t)l->gen << 8 | slot));
}

void pods_syn(struct world *w, uint32_t run, uint32_t gen, unsigned slot)
{
	struct lookup_run *l = run_of(w, run, gen);

	if (l && l->slot[slot].open && l->slot[slot].tcp && !l->slot[slot].up)
		slot_connect(w, run, slot);
}

void pods_opened(struct world *w, uint32_t run, uint32_t gen, unsigned slot)
{
	struct lookup_run *l = run_of(w, run, gen);

	if (l && l->slot[slot].open && l->slot[slot].tcp && !l->slot[slot].up)
		slot_up(w, l, &l->slot[slot]);
}

static void qs_put(struct world *w, const struct lookup_run *l, const struct slot *s, char kind,
		   const uint8_t *msg, size_t len)
{
	struct qrec r;
	struct dns_msg m;

	if (!w->qs || l->what.node != 0)
		return;
	qrec_clear(&r);
	r.t_ns = w->now_ns;
	r.kind = kind;
	r.proto = s->tcp ? QS_TCP : QS_UDP;
	r.client = (struct qs_addr){pod_addr(l->what.pod), s->port};
	r.server = (struct qs_addr){addr_of(w->s->cluster_dns), DNS_PORT};
	if (msg && dns_msg_parse(&m, msg, len) == 0) {
		r.id = m.h.id;
		name_copy(&r.qname, m.q.name);
		r.qtype = m.q.qtype;
		r.flags = m.h.flags & 0x87f0;
		r.len = (int32_t)len;
		if (kind == QS_REPLY) {
			r.rcode = m.rcode;
			r.ttl_s = m.min_ttl_s == UINT32_MAX ? -1 : (int64_t)m.min_ttl_s;
		}
	}
	qs_writer_put(w->qs, &r);
}

static void slot_open(struct world *w, uint32_t id, unsigned slot, bool tcp)
{
	struct lookup_run *l = w->run[id];
	struct stream_state *st = stream_of(w, &l->what);
	bool same = w->s->load[l->what.load].transport == SCEN_SAME_SOCKET && slot == 0 && !tcp;

	l->slot[slot] = (struct slot){.open = true, .tcp = tcp, .new_ns = T_NEVER, .sent_ns = T_NEVER};
	l->slot[slot].port = same ? st->same_port : port_draw(&st->rng);
	if (!same && w->node[l->what.node].processors)
		l->slot[slot].opens_ns = w->c->costs->socket_ns;
	else
		l->slot[slot].ready_ns = w->now_ns + (same ? 0 : w->c->costs->socket_ns);
	if (!tcp)
		return;
	qs_put(w, l, &l->slot[slot], QS_OPEN, NULL, 0);
	slot_connect(w, id, slot);
}

static void slot_close(struct world *w, struct lookup_run *l, unsigned slot)
{
	struct slot *s = &l->slot[slot];

	if (!s->open)
		return;
	if (s->tcp) {
		qs_put(w, l, s, QS_CLOSE, NULL, 0);
		pending_drop(w, s);
		net_pod_close(w, l, slot);
	}
	s->open = false;
}

/* Where processors are shared, closing a connection is work, and the lookup goes on when it has been done. */
static bool closing(struct world *w, uint32_t id, unsigned slot)
{
	struct lookup_run *l = w->run[id];
	struct node *n = &w->node[l->what.node];
	const struct slot *s = &l->slot[slot];

	if (!n->processors || !s->open || !s->tcp || !s->up)
		return false;
	uint64_t cache_ns = node_has_cache(n) ? net_tcp_ns(w, s->n_sent, TCP_END) : 0;
	w->r->cache_cpu_ns += cache_ns;
	processor_close(w, n, l->what.pod, id, l->gen, s->closes_ns, cache_ns);
	return true;
}

static void slot_send(struct world *w, uint32_t id, const struct stub_action *a)
{
	struct lookup_run *l = w->run[id];
	struct slot *s = &l->slot[a->slot];

	if (!s->open)
		slot_open(w, id, a->slot, false);
	struct pkt *p = pkt_refill(w, NULL, a->query, a->len);
	if (!p)
		return;
	p->lookup = id;
	p->gen = l->gen;
	p->slot = (uint8_t)a->slot;
	p->node = l->what.node;
	p->pod = (uint16_t)l->what.pod;
	p->port = s->port;
	p->tcp = s->tcp;
	w->r->queries++;
	s->n_sent++;
	qs_put(w, l, s, QS_QUESTION, a->query, a->len);
	if (!s->tcp || s->up) {
		net_pod_send(w, l, p);
		return;
	}
	struct pkt **at = &s->pending;
	while (*at)
		at = &(*at)->next;
	p->next = NULL;
	*at = p;
}

/* --- a lookup's life --- */

/* The application asks once more. */
static bool again(struct world *w, uint32_t id)
{
	struct lookup_run *l = w->run[id];

	if (l->n_again >= w->s->retries)
		return false;
	l->n_again++;
	l->cause = CAUSE_LATE;
	l->expire_at_ns = T_NEVER;
	l->gen = (l->gen + 1) & GEN_MASK; /* answers to the first try are nobody's */
	w->r->again++;
	evq_push(&w->q, w->now_ns + w->s->retry_ns, EV_BEGIN, id, (void *)(uintptr_t)l->gen);
	return true;
}

static void count_lost(struct world *w, const struct lookup_run *l)
{
	const struct node *n = &w->node[l->what.node];
	uint8_t cause = l->cause;

	if (cause == CAUSE_LATE && node_has_cache(n))
		cause = n->cause; /* what became of the cache's own questions lately */
	w->r->lost++;
	w->r->lost_by[cause]++;
}

static enum sim_path path_of(const struct world *w, const struct lookup_run *l)
{
	bool has_cache = node_has_cache(&w->node[l->what.node]);

	if (has_cache && !l->missed)
		return SIM_PATH_HIT;
	if (l->outside)
		return SIM_PATH_OUTSIDE;
	return has_cache ? SIM_PATH_MISS : SIM_PATH_CLUSTER_DNS;
}

static void finish(struct world *w, uint32_t id)
{
	struct lookup_run *l = w->run[id];
	struct sim_result *r = w->r;
	const struct stub_outcome *o = stub_outcome_see(l->stub);

	r->retried += o->n_retries;
	for (unsigned i = 0; i < STUB_SLOTS_MAX; i++)
		slot_close(w, l, i);
	if (o->result == STUB_FAIL && again(w, id))
		return;
	w->n_done++;
	w->late_ns += w->now_ns - l->what.t_ns;
	if (!l->what.counted) {
		r->warmup++;
	} else {
		r->total++;
		r->partial += o->partial;
		if (o->result == STUB_FAIL)
			count_lost(w, l);
		r->ok += o->result == STUB_OK;
		r->notfound += o->result == STUB_NOTFOUND;
		hist_record(&r->latency[l->what.load], w->now_ns - l->what.t_ns);
		hist_record(&r->path[path_of(w, l)], w->now_ns - l->what.t_ns);
		heat_record(&r->heat, l->what.t_ns, w->now_ns - l->what.t_ns);
		probers_took(w, &l->what, w->now_ns - l->what.t_ns, o->result != STUB_OK);
	}
	run_give(w, id);
}

static void pull(struct world *w, uint32_t id)
{
	struct lookup_run *l = w->run[id];
	struct stub_action a;

	for (;;) {
		stub_next(l->stub, w->now_ns, &a);
		switch (a.act) {
		case STUB_OPEN:
			slot_open(w, id, a.slot, a.tcp);
			break;
		case STUB_SEND:
			slot_send(w, id, &a);
			break;
		case STUB_CLOSE: {
			bool work = closing(w, id, a.slot);
			slot_close(w, l, a.slot);
			if (work)
				return;
			break;
		}
		case STUB_WAIT:
			l->deadline_ns = a.deadline_ns;
			if (l->deadline_ns <
			    l->expire_at_ns) { /* else the event on its way will do */
				l->expire_at_ns = l->deadline_ns;
				evq_push_timeout(&w->q, l->deadline_ns, EV_EXPIRE, id,
						 (void *)(uintptr_t)l->gen);
			}
			return;
		case STUB_DONE:
			finish(w, id);
			return;
		}
	}
}

void pods_begin(struct world *w, uint32_t run, uint32_t gen)
{
	struct lookup_run *l = run_of(w, run, gen);

	if (!l)
		return;
	struct stream_state *st = stream_of(w, &l->what);
	const struct scen_ask *ask = &w->s->ask[l->what.ask];
	int rc = stub_start_known(l->stub, &w->stub_conf[l->what.load], &st->thread, &st->rng,
				  ask->name, ask->wire, w->now_ns);
	if (rc < 0) {
		w->err = rc;
		run_give(w, run);
		return;
	}
	pull(w, run);
}

void pods_closed(struct world *w, uint32_t run, uint32_t gen)
{
	if (run_of(w, run, gen))
		pull(w, run);
}

static void count_late(struct world *w, const struct lookup_run *l, uint64_t late_ns)
{
	if (l->what.counted)
		hist_record(&w->r->late, late_ns);
}

void pods_started(struct world *w, uint32_t run, uint32_t gen)
{
	struct lookup_run *l = run_of(w, run, gen);

	if (!l)
		return;
	count_late(w, l, w->now_ns - l->what.t_ns);
	pods_begin(w, run, gen);
}

void pods_lookup(struct world *w)
{
	uint32_t id;

	if (!run_take(w, &id)) {
		w->err = ERR_NOMEM;
		return;
	}
	struct lookup_run *l = w->run[id];
	l->what = w->next;
	w->begun++;
	struct node *n = &w->node[l->what.node];
	uint64_t late_ns = leg_draw(&w->c->costs->start, &stream_of(w, &l->what)->rng);
	if (n->processors) {
		processor_start(w, n, l->what.pod, id, l->gen, late_ns);
	} else {
		count_late(w, l, late_ns);
		evq_push(&w->q, w->now_ns + late_ns, EV_BEGIN, id, (void *)(uintptr_t)l->gen);
	}
	next_lookup(w);
}

void pods_expire(struct world *w, uint32_t run, uint32_t gen)
{
	struct lookup_run *l = run_of(w, run, gen);

	if (!l || l->expire_at_ns != w->now_ns)
		return;
	l->expire_at_ns = T_NEVER;
	if (l->deadline_ns > w->now_ns) { /* it was moved meanwhile */
		l->expire_at_ns = l->deadline_ns;
		evq_push_timeout(&w->q, l->deadline_ns, EV_EXPIRE, run, (void *)(uintptr_t)gen);
		return;
	}
	stub_expire(l->stub, w->now_ns);
	pull(w, run);
}

/* A reply, read once: by whoever made it, when it is the very same, or here. */
struct read_reply {
	struct dns_msg m;
	bool parsed;
	struct answer_said own, *said;
};

static void reply_read(struct world *w, const struct pkt *p, struct read_reply *r)
{
	r->parsed = false;
	r->said = node_has_cache(&w->node[p->node]) ? NULL : answers_said(w->answers, p->spot, w->c->zone, p->data, p->len);
	if (r->said)
		return;
	r->said = &r->own;
	r->own = (struct answer_said){.judged = false};
	r->parsed = dns_msg_parse(&r->m, p->data, p->len) == 0;
	if (r->parsed)
		stub_said_of(&r->own.stub, &r->m, p->data, p->len);
}

static void judge(struct world *w, const struct pkt *p, const struct read_reply *r)
{
	if (node_has_cache(&w->node[p->node]))
		w->r->by_cache++;
	else
		w->r->by_backend++;
	if (!w->c->verify)
		return;
	if (!r->said->judged)
		r->said->why = r->parsed ? zone_check_parsed(w->c->zone, &r->m, p->data, p->len) : zone_check(w->c->zone, p->data, p->len);
	r->said->judged = true;
	const char *why = r->said->why;
	if (!why)
		w->r->verified++;
	else if (!w->r->wrong++)
		snprintf(w->r->why_wrong, sizeof(w->r->why_wrong), "%s", why);
}

static void note_path(const struct world *w, struct lookup_run *l, const struct pkt *p, const struct read_reply *r)
{
	const uint8_t *name = p->data + DNS_HEADER_LEN; /* the question's, as it was asked */

	l->missed |= !p->at_once;
	l->outside |= !name_within_len(name, r->said->stub.name_len, w->domain.b, w->domain.len);
}

/* The reply crosses the pod's veth first. False: not yet, or never. */
static bool has_come(struct world *w, struct pkt *p)
{
	if (!w->s->packet_ns || p->through)
		return true;
	uint64_t t_ns = softirq_pass(w, &w->node[p->node], p, SOFTIRQ_IN, w->now_ns);
	p->through = true;
	if (t_ns == T_NEVER)
		net_drop(w, p, CAUSE_BACKLOG);
	else
		evq_push(&w->q, t_ns, EV_AT_POD, 0, p);
	return false;
}

void pods_receive(struct world *w, struct pkt *p)
{
	if (!has_come(w, p))
		return;
	bool passed = node_has_cache(&w->node[p->node]) || net_pod_reply(w, p);
	struct lookup_run *l = run_of(w, p->lookup, p->gen);

	if (passed && l && l->slot[p->slot].open) {
		qs_put(w, l, &l->slot[p->slot], QS_REPLY, p->data, p->len);
		struct read_reply r;
		reply_read(w, p, &r);
		if (stub_take(l->stub, w->now_ns, p->slot, p->data, &r.said->stub)) {
			judge(w, p, &r);
			note_path(w, l, p, &r);
			pull(w, p->lookup);
		}
	}
	pkt_free(w, p);
}
