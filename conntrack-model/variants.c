/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A variant changes the load (a node cache answers from memory and asks upstream in its
 * own way), the table (time-outs), or how many there are. What a cache passes on is drawn
 * query by query; its upstream traffic is the node's own and tracked.
 */
#include "conntrack-model/variants.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "conntrack-model/ipvs.h"
#include "lib/base/clock.h"
#include "lib/base/rng.h"

enum upstream { AS_IS, NONE_TRACKED, UP_UDP, UP_TCP_EACH, UP_TCP_KEPT };

static const struct variant {
	const char *name, *means;
	enum upstream upstream;
	uint32_t udp_s; /* 0: as it is */
	unsigned growth;
	bool ipvs;
} variants[] = {
	{"as-is", "the load as it is; iptables and nftables make one entry a flow alike", AS_IS, 0, 1, false},
	{"ipvs", "kube-proxy in mode ipvs: its own table beside, and this one as well", AS_IS, 0, 1, true},
	{"ipvs-untracked", "the same with net.ipv4.vs.conntrack = 0: its own table alone", NONE_TRACKED, 0, 1, true},
	{"cache-udp", "node cache, NOTRACK to it, a UDP port for each upstream question", UP_UDP, 0, 1, false},
	{"cache-tcp-each", "node cache, NOTRACK, a TCP connection for each upstream question", UP_TCP_EACH, 0, 1, false},
	{"cache-tcp-kept", "node cache, NOTRACK, upstream over TCP connections that are kept", UP_TCP_KEPT, 0, 1, false},
	{"notrack", "only what pods send, untracked: the floor", NONE_TRACKED, 0, 1, false},
	{"udp-10s", "nf_conntrack_udp_timeout 10", AS_IS, 10, 1, false},
	{"udp-5s", "nf_conntrack_udp_timeout 5", AS_IS, 5, 1, false},
	{"load-x2", "every client twice", AS_IS, 0, 2, false},
	{"load-x4", "every client four times", AS_IS, 0, 4, false},
	{"load-x4-cache", "every client four times, with the cache and kept connections", UP_TCP_KEPT, 0, 4, false},
};
#define N_VARIANTS (sizeof(variants) / sizeof(variants[0]))
_Static_assert(N_VARIANTS <= VARIANTS_MAX, "rows");

#define KEPT 2 /* connections, as node-cache has them to a Service of two listeners */

/* The node asks the cluster DNS itself: 172.18.0.2 and a port of its own. */
static struct ct_event upstream_flow(const struct ct_event *of, uint8_t proto, uint16_t port)
{
	struct ct_event ev = *of;
	uint32_t ip = htonl(0xac120002u);

	memset(&ev.client, 0, sizeof(ev.client));
	ev.client.ip.s6_addr[10] = ev.client.ip.s6_addr[11] = 0xff;
	memcpy(&ev.client.ip.s6_addr[12], &ip, 4);
	ev.client.port = port;
	ev.proto = proto;
	ev.zone = 0;
	return ev;
}

static void put(struct ct_events *to, struct ct_event ev, enum ct_event_kind kind, uint64_t after_ns)
{
	ev.kind = (uint8_t)kind;
	ev.t_ns += after_ns;
	ct_events_add(to, &ev);
}

static void put_question(struct ct_events *to, const struct ct_event *of, enum upstream how, uint64_t i, struct rng *r)
{
	uint64_t half_ms = NS_PER_MS / 2;
	uint16_t fresh = (uint16_t)(32768 + rng_below(r, 28232));
	struct ct_event ev;

	switch (how) {
	case UP_UDP:
		ev = upstream_flow(of, CT_UDP, fresh);
		break;
	case UP_TCP_EACH:
		ev = upstream_flow(of, CT_TCP, fresh & 0xfffe);
		put(to, ev, CTE_OPEN, 0);
		break;
	default:
		ev = upstream_flow(of, CT_TCP, (uint16_t)(50001 + 2 * (i % KEPT)));
		if (i < KEPT)
			put(to, ev, CTE_OPEN, 0);
		break;
	}
	put(to, ev, CTE_QUERY, 0);
	put(to, ev, CTE_REPLY, half_ms);
	if (how == UP_TCP_EACH)
		put(to, ev, CTE_CLOSE, 2 * half_ms);
}

/* What the node asks when a cache answers the rest; pods' own packets are not in it. */
static int upstream_events(struct ct_events *to, const struct ct_events *from, enum upstream how, unsigned growth,
			   const struct variant_conf *c)
{
	struct rng r;
	uint64_t n = 0;

	rng_seed_stream(&r, 1, 0x6d697373);
	to->end_ns = from->end_ns;
	for (size_t i = 0; i < from->n; i++) {
		if (c->dns_port && from->ev[i].server.port != c->dns_port) {
			ct_events_add(to, &from->ev[i]);
			continue;
		}
		if (how == NONE_TRACKED || from->ev[i].kind != CTE_QUERY)
			continue;
		for (unsigned k = 0; k < growth; k++)
			if (rng_unit(&r) < c->miss_share)
				put_question(to, &from->ev[i], how, n++, &r);
	}
	ct_events_sort(to);
	/* a stream may end with a question, whose answer and close come after it */
	to->end_ns = from->end_ns;
	if (to->n && to->ev[to->n - 1].t_ns > to->end_ns)
		to->end_ns = to->ev[to->n - 1].t_ns;
	return to->err;
}

static int walk_variant(struct variant_result *ret, const struct variant *v, const struct walk_conf *c,
			const struct ct_events *e)
{
	struct walk_conf wc = *c;
	struct walk w;

	if (v->udp_s)
		wc.table.udp_s = v->udp_s;
	wc.growth = v->upstream == AS_IS ? c->growth * v->growth : 1;
	int rc = walk_run(&w, &wc, e);
	if (rc < 0)
		return rc;
	const struct walk_track *k = &w.track[c->netns];
	ret->peak = k->peak;
	ret->live_mean = walk_range(k, 0, INFINITY).live_mean;
	ret->lost_share = k->n_queries ? (double)k->n_lost / (double)k->n_queries : 0;
	ret->early_drop = k->n_rows ? k->row[k->n_rows - 1].early_drop : 0;
	ret->full_at_s = k->full_at_s;
	walk_release(&w);
	wc.table.max = 0;
	rc = walk_run(&w, &wc, e);
	if (rc < 0)
		return rc;
	ret->peak_free = w.track[c->netns].peak;
	walk_release(&w);
	return 0;
}

static int run_one(struct variant_result *ret, const struct variant *v, const struct walk_conf *c,
		   const struct variant_conf *vc, const struct ct_events *e)
{
	struct ct_events up = {0};
	struct ipvs_walk ipvs = {0};
	const struct ct_events *load = v->upstream == AS_IS ? e : &up;
	int rc = v->upstream == AS_IS
			 ? 0
			 : upstream_events(&up, e, v->upstream, c->growth * v->growth, vc);

	*ret = (struct variant_result){.name = v->name, .means = v->means};
	if (rc == 0)
		rc = walk_variant(ret, v, c, load);
	if (rc == 0 && v->ipvs)
		rc = ipvs_walk(&ipvs, e, c->tail_ns); /* its own table has every flow */
	ret->ipvs_peak = ipvs.peak;
	ret->bytes_peak = ctable_bytes(ret->peak, c->table.buckets) + ipvs.peak * IPVS_BYTES_CONN;
	ipvs_walk_release(&ipvs);
	ct_events_release(&up);
	return rc;
}

int variants_run(struct variant_result ret[VARIANTS_MAX], size_t *ret_n, const struct walk_conf *c,
		 const struct variant_conf *v, const struct ct_events *e)
{
	for (size_t i = 0; i < N_VARIANTS; i++) {
		int rc = run_one(&ret[i], &variants[i], c, v, e);
		if (rc < 0)
			return rc;
	}
	*ret_n = N_VARIANTS;
	return 0;
}

void variants_print(const struct variant_result *r, size_t n, FILE *out)
{
	fprintf(out, "\n%-16s %10s %10s %10s %9s %9s %10s %8s\n", "what if", "peak", "no limit", "live", "lost, %",
		"full at", "ip_vs_conn", "MiB");
	for (size_t i = 0; i < n; i++) {
		char full[32] = "-", conns[32] = "-";
		if (r[i].full_at_s >= 0)
			snprintf(full, sizeof(full), "%.0f s", r[i].full_at_s);
		if (r[i].ipvs_peak)
			snprintf(conns, sizeof(conns), "%" PRIu64, r[i].ipvs_peak);
		fprintf(out, "%-16s %10" PRIu64 " %10" PRIu64 " %10.0f %9.3f %9s %10s %8.1f\n", r[i].name, r[i].peak,
			r[i].peak_free, r[i].live_mean, 100 * r[i].lost_share, full, conns,
			(double)r[i].bytes_peak / (1 << 20));
	}
	for (size_t i = 0; i < n; i++)
		fprintf(out, "  %-16s %s\n", r[i].name, r[i].means);
}
