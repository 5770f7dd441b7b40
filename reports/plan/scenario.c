/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of a plan as a scenario file. Names: the services, half of them in the pods' own
 * namespace, and fifty names outside; both by Zipf's law (0.9), in the shares that were answered.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/plan/work.h"

#define OUTSIDE_NAMES 50
#define ZIPF          0.9
#define SIM_REPLICAS_MAX 64 /* simulated; they are never busy here, more would do the same */
#define WARM_S           600 /* after so long a cache asks a few percent more than after an hour; after 30 s half as much again */

void plan_share(const struct plan_input *in, double lookups, double warm_lookups, struct plan_share *ret)
{
	/* a lookup outside the cluster costs as many questions as three inside */
	double node_rate = in->number[PN_PODS] * in->number[PN_RATE] * (1 + 2 * in->number[PN_OUTSIDE]), ttl = in->number[PN_TTL];
	double time = fmin(fmax(ttl, 10), 60), load = 2 * time; /* twice the records' lifetime is counted */
	if (node_rate * (time + load) > 2 * lookups) { /* one node is too much: less time */
		load = fmax(2 * lookups / node_rate * 2 / 3, 1);
		time = load / 2;
	}
	double n = fmax(1, fmin(fmin(floor(lookups / (node_rate * (time + load))), 64), in->number[PN_NODES]));
	double warmup = fmax(time, fmin(WARM_S, warm_lookups / (n * node_rate)));
	*ret = (struct plan_share){ .nodes = (unsigned)n,
				    .warmup_s = round(warmup * 1e3) / 1e3,
				    .load_s = round(fmax(load, warmup / 2) * 1e3) / 1e3, /* once it is warm, more is cheap */
				    .begin_s = round(time * 1e3) / 1e3 };
}

static void put_names(FILE *f, unsigned services, double outside)
{
	double sum_in = 0, sum_out = 0;
	for (unsigned i = 1; i <= services; i++)
		sum_in += pow(i, -ZIPF);
	for (unsigned i = 1; i <= OUTSIDE_NAMES; i++)
		sum_out += pow(i, -ZIPF);
	fputs("names:\n  ask:\n", f);
	for (unsigned i = 1; i <= services && outside < 1; i++)
		fprintf(f, "  - {name: app-%u%s, weight: %.6f}\n", i, i % 2 ? "" : ".team", 1e3 * (1 - outside) * pow(i, -ZIPF) / sum_in);
	for (unsigned i = 1; i <= OUTSIDE_NAMES && outside > 0; i++)
		fprintf(f, "  - {name: www.site-%u.example, weight: %.6f}\n", i, 1e3 * outside * pow(i, -ZIPF) / sum_out);
}

static void put_records(FILE *f, unsigned services, unsigned ttl_s)
{
	fputs("  records:\n", f);
	for (unsigned i = 1; i <= services; i++)
		fprintf(f, "  - app-%u.%s.svc.cluster.local. %u A 10.98.%u.%u\n", i, i % 2 ? "default" : "team", ttl_s, i / 256, i % 256);
	for (unsigned i = 1; i <= OUTSIDE_NAMES; i++)
		fprintf(f, "  - www.site-%u.example. 60 A 192.0.2.%u\n", i, i);
}

int plan_scenario(const struct plan_work *w, const struct plan_input *in, const struct plan_share *s, const char *name, struct diag *d)
{
	const double *v = in->number;
	unsigned services = (unsigned)v[PN_SERVICES], ttl_s = (unsigned)v[PN_TTL];
	double max = fmax(131072, 32768 * v[PN_CORES]); /* kube-proxy's default */
	char path[4200];
	snprintf(path, sizeof(path), "%s/%s.yaml", w->dir, name);
	FILE *f = fopen(path, "we");
	if (!f)
		return diag_errno(d, "%s", path);
	fprintf(f, "# SPDX-License-Identifier: Apache-2.0\n# Made by capacity-report plan.\nscenario: 1\nname: plan\n");
	fprintf(f, "about: %.0f nodes of %.0f pods, %g lookups/s each, %g%% of them outside the cluster.\n", v[PN_NODES], v[PN_PODS],
		v[PN_RATE], 100 * v[PN_OUTSIDE]);
	fprintf(f, "seed: %llu\nduration: %.0fms\nwarmup: %.0fms\n\n", (unsigned long long)w->seed, s->load_s * 1e3, s->warmup_s * 1e3);
	fprintf(f, "pods: {nodes: %.0f, per_node: %.0f, stub: %s, ndots: %.0f}\n", v[PN_NODES], v[PN_PODS], in->word[PW_STUB], v[PN_NDOTS]);
	fprintf(f, "loads:\n- {name: udp_new, transport: new-port, rate: %.6g/h}\n", v[PN_RATE] * 3600);
	put_names(f, services, v[PN_OUTSIDE]);
	fprintf(f, "cluster:\n  backends: %.0f\n  ttl: %us\n  backend_delay: {median: %.0fus, p99: %.0fus}\n  loss: %g%%\n",
		fmin(v[PN_REPLICAS], SIM_REPLICAS_MAX), ttl_s, v[PN_DELAY], v[PN_TAIL], 100 * v[PN_LOSS]);
	put_records(f, services, ttl_s);
	fprintf(f, "cells: {proxy: %s, cache: [off, on]}\nconntrack: {max: %.0f, buckets: %.0f}\n", in->word[PW_PROXY], max, max / 4);
	bool bad = ferror(f);
	if (fclose(f) || bad)
		return diag_set(d, ERR_SYS, "cannot write %s", path);
	return 0;
}
