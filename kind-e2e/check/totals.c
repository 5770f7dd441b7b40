/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over the pods' shared memory, differences between two snapshots. */
#include "kind-e2e/check/totals.h"

#include <string.h>

#include "lib/base/clock.h"

#define UDP_TIMEOUT_NS (30 * NS_PER_S) /* nf_conntrack_udp_timeout */

static void add_servers(struct totals *t, const struct load_shared *p)
{
	for (uint64_t i = 0; i < p->n_servers; i++) {
		if (!strcmp(p->server[i].id, "node-cache"))
			t->by_cache += p->server[i].n;
		else if (!strncmp(p->server[i].id, "backend-", 8))
			t->by_backend += p->server[i].n;
		else
			t->by_other += p->server[i].n;
	}
}

static void add_pod(struct totals *t, const struct load_shared *p)
{
	t->total += p->total;
	t->ok += p->ok;
	t->notfound += p->notfound;
	t->lost += p->lost;
	t->warmup += p->warmup;
	t->partial += p->partial;
	t->queries += p->queries;
	t->retried += p->retried;
	t->udp_sent += p->udp_sent;
	t->udp_received += p->udp_received;
	t->connections += p->connections;
	t->tuples += p->tuples;
	t->send_errors += p->send_errors;
	t->unmatched += p->unmatched;
	t->verified += p->verified;
	t->wrong += p->wrong;
	t->cpu_ns += p->cpu_ns;
	t->sleeps += p->sleeps;
	t->answered += p->udp_received + p->tcp_received;
	if (!*t->why_wrong)
		t->why_wrong = p->why_wrong;
	add_servers(t, p);
}

void totals_make(const struct cell *c, struct totals *ret)
{
	static struct hist late;
	const struct snap *a = &c->before, *b = &c->after;
	struct totals t = {.why_wrong = ""};
	unsigned n = c->topo.n_backends;

	hist_init(&late);
	for (unsigned i = 0; i < c->topo.n_pods; i++) {
		uint64_t p99 = hist_quantile(&c->loads[i].late, 0.99);

		add_pod(&t, &c->loads[i]);
		hist_merge(&late, &c->loads[i].late);
		if (p99 > t.late_pod_p99_ns) {
			t.late_pod_p99_ns = p99;
			t.late_pod = i;
		}
	}
	t.late_p99_ns = hist_quantile(&late, 0.99);
	t.tcp_out = b->pod_tcp_out - a->pod_tcp_out;
	t.tcp_in = b->pod_tcp_in - a->pod_tcp_in;
	t.notrack_in = b->notrack.packets_in - a->notrack.packets_in;
	t.notrack_out = b->notrack.packets_out - a->notrack.packets_out;
	t.rule_in = (b->notrack.rule_in - a->notrack.rule_in) -
		    (b->notrack.rule_host - a->notrack.rule_host);
	t.external = b->served[n] - a->served[n];
	for (unsigned i = 0; i <= n; i++)
		t.served += b->served[i] - a->served[i];
	*ret = t;
}

bool totals_nothing_expired(const struct cell *c)
{
	return c->load_ns + 2 * NS_PER_S < UDP_TIMEOUT_NS;
}
