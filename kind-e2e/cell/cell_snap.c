/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at a cell. While the load runs only the number of table entries is
 * read (a few microseconds); a dump walks the whole hash with soft interrupts
 * off, some 10 ms on a machine with 262,144 buckets, and would be seen in the
 * very latencies that are measured. It also frees expired entries. So dumps are
 * taken right before and right after.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/cell/cell.h"
#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"
#include "kind-e2e/measure/prom.h"
#include "lib/base/clock.h"
#include "lib/base/http_get.h"
#include "lib/dns/wire.h"

#define SETTLE_LIMIT_NS (3 * NS_PER_S)
#define METRICS_URL "http://localhost:9253/metrics"

struct splitting {
	const struct cell *c;
	struct ct_split split;
};

static void split_entry(const struct ctnl_entry *e, void *arg)
{
	struct splitting *s = arg;
	const struct topo *t = &s->c->topo;
	int f = e->src.family == AF_INET6 ? TOPO_V6 : TOPO_V4;

	if (e->dport != DNS_PORT) {
		s->split.other++;
		return;
	}
	for (unsigned i = 0; i < t->n_pods; i++)
		if (addr_eq(&e->src, &t->side[f].pod[i]) &&
		    !addr_eq(&e->dst, &t->side[f].upstream)) {
			s->split.client++;
			return;
		}
	s->split.upstream++;
}

/* A packet that slipped past NOTRACK in the wrong direction would show as an
 * entry whose source port is 53: it counts as "other" and makes that grow. */
int cell_split(struct cell *c, struct ct_split *ret, struct diag *d)
{
	struct splitting s = {.c = c};
	int code = ctnl_dump(c->ct, split_entry, &s, d);

	if (!code)
		*ret = s.split;
	return code;
}

int cell_pod_tcp(unsigned pod, uint64_t *ret_out, uint64_t *ret_in, struct diag *d)
{
	uint64_t in = 0, out = 0, again = 0;
	char ns[32], *text, *at;
	int code;

	topo_pod_ns(ns, pod);
	code = netns_enter(ns, d);
	if (code)
		return code;
	text = proc_slurp("/proc/self/net/snmp");
	netns_leave();
	at = text ? strstr(text, "\nTcp: ") : NULL;
	at = at ? strstr(at + 1, "\nTcp: ") : NULL; /* the second line has the numbers */
	if (at)
		sscanf(at,
		       " Tcp: %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64 " %" SCNu64,
		       &in, &out, &again);
	free(text);
	if (!at)
		return diag_set(d, ERR_SYS, "/proc/self/net/snmp: no TCP counters");
	*ret_in = in;
	*ret_out = out + again;
	return 0;
}

static int pods_tcp(struct cell *c, struct snap *s, struct diag *d)
{
	int code = 0;

	for (unsigned i = 0; !code && i < c->topo.n_pods; i++) {
		uint64_t in = 0, out = 0;

		code = cell_pod_tcp(i, &out, &in, d);
		s->pod_tcp_in += in;
		s->pod_tcp_out += out;
	}
	return code;
}

static char *frozen;

int cell_metrics_freeze(const char *more, struct diag *d)
{
	char *text = NULL, *all;
	int code = cell_metrics(&text, d);

	if (code)
		return code;
	all = realloc(text, strlen(text) + strlen(more) + 1);
	if (!all) {
		free(text);
		return diag_set(d, ERR_NOMEM, "no memory");
	}
	strcat(all, more);
	free(frozen);
	frozen = all;
	return 0;
}

int cell_metrics(char **ret_text, struct diag *d)
{
	static const struct http_get page = {.url = METRICS_URL, .timeout_ns = 3 * NS_PER_S, .max_bytes = 16 << 20};
	int code = frozen ? 0 : netns_enter(NETNS_NODE, d);

	if (frozen) {
		*ret_text = strdup(frozen);
		return *ret_text ? 0 : diag_set(d, ERR_NOMEM, "no memory");
	}
	if (code)
		return code;
	code = http_get(&page, ret_text, NULL, d);
	netns_leave();
	return code;
}

int cell_notrack(struct notrack *ret, struct diag *d)
{
	int code = netns_enter(NETNS_NODE, d);

	if (code)
		return code;
	code = notrack_read(ret, d);
	netns_leave();
	return code;
}

static int cache_metrics(struct snap *s, struct diag *d)
{
	char *text = NULL;
	int code = cell_metrics(&text, d);

	if (code)
		return code;
	s->cache_queries = prom_sum(text, "coredns_cache_requests_total", NULL);
	s->cache_hits = prom_sum(text, "coredns_cache_hits_total", NULL);
	s->cache_misses = prom_sum(text, "coredns_cache_misses_total", NULL);
	s->cache_again = prom_sum(text, "nodens_hedges_total", NULL) +
			 prom_sum(text, "nodens_retries_total", NULL) +
			 prom_sum(text, "nodens_prefetches_total", NULL) +
			 prom_sum(text, "nodens_shield_confirmations_total", NULL);
	free(text);
	return 0;
}

static int node_side(struct cell *c, struct snap *s, struct diag *d)
{
	int code = cell_notrack(&s->notrack, d);

	if (code || !c->spec.with_cache)
		return code;
	s->cpu_ns = proc_cpu_ns(c->cache);
	pid_t worker = proc_find(c->cache, CACHE_WORKER);
	s->worker_cpu_ns = worker ? proc_cpu_ns(worker) : 0;
	s->worker_sleeps = worker ? proc_sleeps(worker) : 0;
	s->rss_bytes = proc_rss_bytes(c->cache);
	return cache_metrics(s, d);
}

int snap_take(struct cell *c, struct snap *ret, struct diag *d)
{
	struct snap s = {0};
	int code = node_side(c, &s, d);

	code = code ? code : pods_tcp(c, &s, d);
	for (unsigned i = 0; i <= c->topo.n_backends; i++)
		s.served[i] = c->served[i].udp + c->served[i].tcp;
	for (unsigned i = 0; i <= c->topo.n_backends; i++)
		s.servers_cpu_ns += proc_cpu_ns(c->server[i]);
	code = code ? code : ctnl_stats(c->ct, &s.ct, d);
	code = code ? code : cell_split(c, &s.split, d);
	if (!code)
		*ret = s;
	return code;
}

static int same(const struct snap *x, const struct snap *y)
{
	return x->notrack.packets_in == y->notrack.packets_in &&
	       x->notrack.packets_out == y->notrack.packets_out && x->pod_tcp_in == y->pod_tcp_in &&
	       x->pod_tcp_out == y->pod_tcp_out && x->cache_queries == y->cache_queries &&
	       !memcmp(x->served, y->served, sizeof x->served);
}

int snap_settle(struct cell *c, struct snap *ret, struct diag *d)
{
	uint64_t until = clock_mono_ns() + SETTLE_LIMIT_NS;
	struct snap last, now;
	int code = snap_take(c, &last, d);

	while (!code) {
		poll(NULL, 0, 50);
		code = snap_take(c, &now, d);
		if (!code && (same(&last, &now) || clock_mono_ns() > until))
			break;
		last = now;
	}
	if (code)
		return code;
	now.ct = last.ct; /* the earlier look: nearer to the load's end */
	now.split = last.split;
	now.cpu_ns = last.cpu_ns;
	now.worker_cpu_ns = last.worker_cpu_ns;
	now.worker_sleeps = last.worker_sleeps;
	now.servers_cpu_ns = last.servers_cpu_ns;
	*ret = now;
	return 0;
}

int cell_sample(struct cell *c, struct diag *d)
{
	struct ctnl_stats st;
	struct sample s = {.t_s = (double)(clock_mono_ns() - c->t0_ns) / 1e9};
	int code = ctnl_stats(c->ct, &st, d);

	if (code)
		return code;
	s.entries = st.entries;
	for (unsigned i = 0; i < c->topo.n_pods; i++) {
		s.begun += __atomic_load_n(&c->loads[i].begun, __ATOMIC_RELAXED);
		s.lost += __atomic_load_n(&c->loads[i].lost, __ATOMIC_RELAXED);
	}
	for (unsigned i = 0; i <= c->topo.n_backends; i++)
		s.upstream += c->served[i].udp + c->served[i].tcp - c->before.served[i];
	if (c->n_samples % 256 == 0) {
		struct sample *more =
			realloc(c->samples, (c->n_samples + 256) * sizeof c->samples[0]);

		if (!more)
			return diag_set(d, ERR_NOMEM, "samples: no memory");
		c->samples = more;
	}
	c->samples[c->n_samples++] = s;
	return 0;
}
