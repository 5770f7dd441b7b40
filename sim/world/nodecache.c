/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's cache: the daemon's core behind one processor. A message waits
 * for the processor, costs it time, and what the core says leaves when that
 * time is over. Datagrams beyond the socket's buffer are lost, as the kernel's
 * would be.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/corefile/sealed.h"
#include "sim/world/net.h"
#include "sim/world/original.h"

#define WORLD_RESOLVER "172.18.0.1"

/* --- configuration --- */

char *sim_corefile(const struct scenario *s, enum scen_proxy proxy)
{
	char local[INET_ADDRSTRLEN], service[INET_ADDRSTRLEN], upstream[INET_ADDRSTRLEN], bind[64];
	struct corefile_stock stock = {
		.domain = s->domain,
		.bind = bind,
		.upstream = upstream,
		.resolver = WORLD_RESOLVER,
		.success = s->cache_success,
		.denial = s->cache_denial,
		.ttl_s = s->cache_ttl_s,
		.negative_ttl_s = s->cache_negative_ttl_s,
	};

	inet_ntop(AF_INET, &s->local_dns, local, sizeof(local));
	inet_ntop(AF_INET, &s->cluster_dns, service, sizeof(service));
	inet_ntop(AF_INET, &s->upstream_dns, upstream, sizeof(upstream));
	snprintf(bind, sizeof(bind), proxy == SCEN_IPVS ? "%s" : "%s %s", local, service);
	return corefile_stock_text(&stock);
}

static int compile(struct world *w, struct diag *d)
{
	char *text = sim_corefile(w->s, w->c->proxy);

	if (!text)
		return diag_set(d, ERR_NOMEM, "out of memory");
	int rc = corefile_compile_sealed(&w->plan, "Corefile", text, d);
	free(text);
	if (rc < 0)
		return rc;
	w->core_conf = &w->plan->conf;
	struct in6_addr asked =
		addr_of(w->c->proxy == SCEN_IPVS ? w->s->local_dns : w->s->cluster_dns);
	for (size_t i = 0; i < w->core_conf->n_listeners; i++)
		if (memcmp(&w->core_conf->listener[i].addr, &asked, sizeof(asked)) == 0)
			w->listener = (uint8_t)i;
	return 0;
}

/* --- what the core wants --- */

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len)
{
	struct node *n = ctx;

	net_cache_reply(n->w, n, c, bytes, len, false);
}

static void on_ask(void *ctx, const struct core_ask *a)
{
	struct node *n = ctx;

	net_ask(n->w, n, a);
}

static void on_cancel(void *ctx, uint32_t ask_id)
{
	struct node *n = ctx;

	net_cancel(n->w, n, ask_id);
}

static int node_init(struct world *w, struct node *n, struct diag *d)
{
	struct core_ops ops = {.ctx = n, .reply = on_reply, .ask = on_ask, .cancel = on_cancel};
	struct hash_key key = {rng_u64(&n->rng), rng_u64(&n->rng)};

	n->stats = malloc(sizeof(*n->stats));
	n->up = calloc(w->core_conf->n_upstreams + 1, sizeof(*n->up));
	n->asked = calloc(ASKED_N, sizeof(*n->asked));
	if (!n->stats || !n->up || !n->asked)
		return diag_set(d, ERR_NOMEM, "out of memory");
	memset(n->stats, 0, offsetof(struct core_stats, server)); /* of its two MiB of rows the core clears those it uses */
	return core_new(&n->core, w->core_conf, &ops, n->stats, &key, rng_u64(&n->rng), d);
}

int nodecache_init(struct world *w, struct diag *d)
{
	int rc = w->c->cache == SIM_CACHE ? compile(w, d) : 0;

	for (unsigned i = 0; i < w->n_nodes && rc == 0; i++) {
		struct node *n = &w->node[i];
		n->queue_end = &n->queue;
		n->tick_at_ns = T_NEVER;
		if (w->c->cache == SIM_CACHE) {
			rc = node_init(w, n, d);
			continue;
		}
		n->original = original_new(w, n);
		if (!n->original)
			rc = diag_set(d, ERR_NOMEM, "out of memory");
	}
	return rc;
}

void nodecache_release(struct world *w)
{
	for (unsigned i = 0; i < w->n_nodes; i++) {
		struct node *n = &w->node[i];
		while (n->queue) {
			struct pkt *p = n->queue;
			n->queue = p->next;
			pkt_free(w, p);
		}
		core_free(n->core);
		original_free(w, n->original);
		free(n->asked);
		free(n->stats);
		free(n->up);
	}
	corefile_plan_free(w->plan);
}

/* --- one processor --- */

static void schedule_tick(struct world *w, struct node *n)
{
	uint64_t at_ns = core_deadline(n->core);

	if (at_ns >= n->tick_at_ns)
		return;
	n->tick_at_ns = at_ns > w->now_ns ? at_ns : w->now_ns;
	evq_push(&w->q, n->tick_at_ns, EV_TICK, n->index, NULL);
}

static uint64_t serve_query(struct world *w, struct node *n, const struct pkt *p)
{
	const struct sim_costs *k = w->c->costs;
	uint64_t more_ns = !p->tcp ? 0 : n->processors ? net_tcp_ns(w, 1, TCP_MESSAGE) : k->tcp_cpu_ns;
	uint64_t made = n->stats->shield_synth;
	struct core_client cl = {
		.addr = pod_addr(p->pod),
		.local = w->core_conf->listener[w->listener].addr,
		.cookie = (uint64_t)p->lookup << 32 | (uint64_t)p->gen << 8 | p->slot,
		.port = p->port,
		.proto = p->tcp ? CORE_TCP : CORE_UDP,
		.listener = w->listener,
	};
	size_t len = 0;

	more_ns += net_octets_ns(w, p->data, p->len);
	enum core_verdict verdict =
		core_query(n->core, w->now_ns, &cl, p->data, p->len, w->scratch, &len);
	n->out_ns = w->now_ns + k->miss_cpu_ns + more_ns;
	if (core_deadline(n->core) == 0)
		core_tick(n->core, w->now_ns); /* its asks leave when it has been paid for */
	if (verdict != CORE_REPLY)
		return k->miss_cpu_ns + more_ns;
	more_ns += n->stats->shield_synth > made ? k->cut_cpu_ns : 0;
	n->out_ns = w->now_ns + k->hit_cpu_ns + more_ns;
	net_cache_reply(w, n, &cl, w->scratch, len, true);
	return k->hit_cpu_ns + more_ns;
}

static uint64_t serve_answer(struct world *w, struct node *n, struct pkt *p)
{
	uint64_t cpu_ns = w->c->costs->answer_cpu_ns + net_octets_ns(w, p->data, p->len);

	n->out_ns = w->now_ns + cpu_ns;
	if (net_node_reply(w, p))
		core_answer(n->core, w->now_ns, p->ask_id, p->data, p->len);
	return cpu_ns;
}

uint64_t nodecache_works(struct world *w, struct node *n, struct pkt *p)
{
	uint64_t cpu_ns;

	if (n->original)
		cpu_ns = p->from_node ? original_answer(w, n, p) : original_query(w, n, p);
	else
		cpu_ns = p->from_node ? serve_answer(w, n, p) : serve_query(w, n, p);

	pkt_free(w, p);
	w->r->cache_cpu_ns += cpu_ns;
	if (n->core)
		schedule_tick(w, n);
	n->n_queue -= n->processors != NULL;
	return cpu_ns;
}

static void serve(struct world *w, struct node *n, struct pkt *p)
{
	n->busy = true;
	evq_push(&w->q, w->now_ns + nodecache_works(w, n, p), EV_CACHE_FREE, n->index, NULL);
}

void nodecache_receive(struct world *w, struct pkt *p)
{
	struct node *n = &w->node[p->node];

	if (!n->busy && !n->processors) {
		serve(w, n, p);
		return;
	}
	if (n->n_queue >= w->c->costs->cache_queue && !p->tcp) {
		net_drop(w, p, CAUSE_CACHE_QUEUE);
		return;
	}
	p->next = NULL;
	n->n_queue++;
	if (n->processors) {
		processor_cache(w, n, p);
	} else {
		*n->queue_end = p;
		n->queue_end = &p->next;
	}
	if (n->n_queue > w->r->cache_queue_peak)
		w->r->cache_queue_peak = n->n_queue;
}

void nodecache_free(struct world *w, uint32_t node)
{
	struct node *n = &w->node[node];
	struct pkt *p = n->queue;

	n->busy = false;
	if (!p)
		return;
	n->queue = p->next;
	if (!n->queue)
		n->queue_end = &n->queue;
	n->n_queue--;
	serve(w, n, p);
}

void nodecache_tick(struct world *w, uint32_t node, uint64_t t_ns)
{
	struct node *n = &w->node[node];

	if (n->tick_at_ns != t_ns)
		return; /* an earlier one took its place */
	n->tick_at_ns = T_NEVER;
	n->out_ns = w->now_ns;
	core_tick(n->core, w->now_ns);
	schedule_tick(w, n);
}

void nodecache_acted(struct world *w, struct node *n)
{
	n->out_ns = w->now_ns;
	if (core_deadline(n->core) == 0)
		core_tick(n->core, w->now_ns);
	schedule_tick(w, n);
}

void nodecache_count(struct world *w)
{
	struct sim_result *r = w->r;

	for (unsigned i = 0; i < w->n_nodes; i++) {
		const struct core_stats *s = w->node[i].stats;
		if (w->node[i].original)
			original_count(w->node[i].original, r);
		for (uint32_t k = 0; s && k < s->n_servers; k++) {
			r->cache_queries += s->server[k].cache_requests;
			r->cache_hits +=
				s->server[k].cache_hits_success + s->server[k].cache_hits_denial;
			r->cache_misses += s->server[k].cache_misses;
		}
	}
}
