/* SPDX-License-Identifier: Apache-2.0 */
/* What the lab measures on this machine, now. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/record/result.h"
#include "tests/bench/truth/truth.h"

#define LOSSY(stub) HEAD "duration: 12s\npods: {per_node: 10, stub: " stub ", timeout: 1s, attempts: 2, search: []}\n" \
	"loads:\n  - {name: a, transport: new-port, rate: 20/s}\n" \
	"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  loss: 5%\n" WEB \
	"cells: {proxy: iptables, cache: off}\n"
static const struct fresh {
	const char *name, *yaml;
	double retry_s;
} fresh[] = {{"glibc", LOSSY("glibc"), 1}, {"musl", LOSSY("musl"), 0.5}, {"go", LOSSY("go"), 1}};
#define FRESH_N (sizeof(fresh) / sizeof(fresh[0]))

/* The scenarios that the lab runs for these rows, one a file. */
int truth_fresh_scenarios(const char *dir)
{
	for (size_t i = 0; i < FRESH_N; i++) {
		char path[4200];
		snprintf(path, sizeof(path), "%s/loss-%s.yaml", dir, fresh[i].name);
		FILE *f = fopen(path, "we");
		if (!f || fputs(fresh[i].yaml, f) < 0 || fclose(f) != 0) {
			perror(path);
			return 2;
		}
	}
	return 0;
}

/* The tails of loss again, over this kernel's sockets and its netem, of so many lookups as they took part. */
void truth_fresh(const char *lab)
{
	for (size_t i = 0; i < FRESH_N; i++) {
		char dir[4200], what[64];
		static struct sim_result m;
		struct record *rec;
		struct diag d = {{0}};
		struct bench b;
		snprintf(dir, sizeof(dir), "%s/loss-%s/iptables-nocache", lab, fresh[i].name);
		if (record_load(&rec, dir, &d) < 0 || !record_hist(rec, "latency.a", &m.latency[0])) {
			snprintf(what, sizeof(what), "%s loss tail, lab", fresh[i].name);
			row_skip(what, d.text);
			continue;
		}
		double measured = between(&m, 0.9 * fresh[i].retry_s, 1.8 * fresh[i].retry_s), n = (double)m.latency[0].n;
		begin(&b, fresh[i].yaml);
		const struct sim_result *r = go(&b, SIM_NOCACHE, 20);
		double got = between(r, 0.9 * fresh[i].retry_s, 1.8 * fresh[i].retry_s);
		snprintf(what, sizeof(what), "%s, 5%% loss: lookups with one repeat", fresh[i].name);
		row(what, got, measured, -3 * sqrt(got * (1 - got) / n), "lab, now");
		end(&b);
		record_free(rec);
	}
}

static const char *const lab_cells[] = {"iptables-nocache", "iptables-cache", "nftables-nocache", "nftables-cache"};

void truth_lab(const char *lab, const char *sim)
{
	static const struct {
		const char *metric, *cells;
		double band;
	} rows[] = {{"lookups.total", "", 0.001},     {"lookups.lost", "", -0.5},
		    {"queries.sent", "", 0.01},	      {"upstream.queries", "", 0.05},
		    {"conntrack.created", "", 0.03},  {"conntrack.peak", "-nocache", 0.03},  {"cache.queries", "-cache", 0.01},
		    {"cache.misses", "-cache", 0.10}, {"notrack.packets_in", "-cache", 0.05}};
	for (size_t c = 0; c < 4; c++) {
		char dir[4200], what[96];
		struct record *m, *p;
		struct diag d = {{0}};
		snprintf(dir, sizeof(dir), "%s/%s", lab, lab_cells[c]);
		int rc = record_load(&m, dir, &d);
		snprintf(dir, sizeof(dir), "%s/%s", sim, lab_cells[c]);
		if (rc < 0 || record_load(&p, dir, &d) < 0) {
			row_skip(lab_cells[c], d.text);
			continue;
		}
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			double measured, predicted;
			if (!strstr(lab_cells[c], rows[i].cells) || !record_num(m, rows[i].metric, &measured) ||
			    !record_num(p, rows[i].metric, &predicted))
				continue;
			snprintf(what, sizeof(what), "%s: %s", lab_cells[c], rows[i].metric);
			row(what, predicted, measured, rows[i].band, "lab, now");
		}
		record_free(m);
		record_free(p);
	}
}
