/* SPDX-License-Identifier: Apache-2.0 */
/* The engines' command lines, and what their records say. */
#include "reports/plan/work.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/record/metrics_common.h"
#include "lib/record/result.h"
#include "lib/record/result_dir.h"
#include "reports/plan/child.h"

const char *plan_cell(const struct plan_input *in, bool cache, char buf[40])
{
	snprintf(buf, 40, "%s-%s", in->word[PW_PROXY], cache ? "cache" : "nocache");
	return buf;
}

static double num(const struct record *r, const char *metric)
{
	double v;
	return record_num(r, metric, &v) ? v : NAN;
}

/* Questions a second that reached the cluster's servers after the warm-up. The share of those that went
 * outside the cluster is that of the whole run. */
static double cluster_rate(const struct record *r, const struct plan_share *s)
{
	const double *t = record_column(r, SERIES_T_S), *up = record_column(r, SERIES_UPSTREAM);
	size_t n = record_rows(r), from = 0;
	double all = num(r, "upstream.queries"), world = num(r, "upstream.external");
	if (!t || !up || n < 2)
		return NAN;
	while (from + 2 < n && t[from] < s->warmup_s)
		from++;
	return (up[n - 1] - up[from]) / (t[n - 1] - t[from]) * (all > 0 && world > 0 ? 1 - world / all : 1);
}

static int read_cell(const struct plan_work *w, const struct plan_input *in, const struct plan_share *s, const char *out, bool on,
		     double f[PF_COUNT], struct diag *d)
{
	char dir[4200], cell[40];
	struct record *r;
	snprintf(dir, sizeof(dir), "%s/%s/%s", w->dir, out, plan_cell(in, on, cell));
	int rc = record_load(&r, dir, d);
	if (rc)
		return rc;
	double total = num(r, "lookups.total"), took = s->warmup_s + s->load_s;
	f[PF_P50_OFF + on] = num(r, "latency.all.p50");
	f[PF_P99_OFF + on] = num(r, "latency.all.p99");
	f[PF_P999_OFF + on] = num(r, "latency.all.p999");
	f[PF_LOST_OFF + on] = total > 0 ? num(r, "lookups.lost") / total : NAN;
	f[PF_UP_OFF + on] = cluster_rate(r, s);
	f[PF_CT_OFF + on] = num(r, "conntrack.peak");
	if (on) {
		f[PF_HITS] = num(r, "cache.hits") / num(r, "cache.queries");
		f[PF_CPU] = num(r, "cache.cpu_s") / took / in->number[PN_NODES];
	}
	record_free(r);
	return 0;
}

/* The first node's streams, of less time. */
static int write_streams(const struct plan_work *w, const struct plan_share *s, char *file, struct diag *d)
{
	char qs[4200], warmup[40], duration[40];
	snprintf(qs, sizeof(qs), "%s/qs", w->dir);
	snprintf(warmup, sizeof(warmup), "warmup=%.0fms", s->begin_s * 1e3);
	snprintf(duration, sizeof(duration), "duration=%.0fms", 2 * s->begin_s * 1e3);
	char *argv[] = { (char *)"dns-sim", (char *)"--scenario", file, (char *)"--nodes", (char *)"1", (char *)"--out", (char *)"streams",
			 (char *)"--no-verify", (char *)"--set", warmup, (char *)"--set", duration, (char *)"--qs", (char *)"qs", NULL };
	int rc = dirs_make(qs, d);
	rc = rc ? rc : program_run(w->bin, argv, w->dir, w->limit_ns, d);
	plan_remove(w, "streams");
	return rc;
}

int plan_simulate(const struct plan_work *w, const struct plan_input *in, const struct plan_share *s, const char *name,
		  const char *out, bool streams, double ret[PF_COUNT], struct diag *d)
{
	char file[300], nodes[16];
	snprintf(file, sizeof(file), "%s.yaml", name);
	snprintf(nodes, sizeof(nodes), "%u", s->nodes);
	char *argv[] = { (char *)"dns-sim", (char *)"--scenario", file, (char *)"--nodes", nodes, (char *)"--out", (char *)out, (char *)"--no-verify", NULL };
	int rc = streams ? write_streams(w, s, file, d) : 0;
	rc = rc ? rc : program_run(w->bin, argv, w->dir, w->limit_ns, d);
	for (int i = 0; i < PF_COUNT; i++)
		ret[i] = NAN;
	for (int on = 0; on < 2 && !rc; on++)
		rc = read_cell(w, in, s, out, on, ret, d);
	return rc;
}

int plan_table(const struct plan_work *w, const struct plan_input *in, bool cache, const char *qs, struct diag *d)
{
	char file[4200], out[100], cell[40], kernel[32], cores[16], ram[16], labels[3][80], backends[16];
	plan_cell(in, cache, cell);
	snprintf(file, sizeof(file), "%s", qs);
	snprintf(out, sizeof(out), "model/%s", cell);
	snprintf(kernel, sizeof(kernel), "%s", in->word[PW_KERNEL]);
	snprintf(cores, sizeof(cores), "%.0f", in->number[PN_CORES]);
	snprintf(ram, sizeof(ram), "%.0f", in->number[PN_RAM]);
	snprintf(backends, sizeof(backends), "%.0f", fmin(in->number[PN_REPLICAS], 64));
	snprintf(labels[0], sizeof(labels[0]), LABEL_CELL "=%s", cell);
	snprintf(labels[1], sizeof(labels[1]), LABEL_PROXY "=%s", in->word[PW_PROXY]);
	snprintf(labels[2], sizeof(labels[2]), LABEL_CACHE "=%s", cache ? "on" : "off");
	char *argv[32] = { (char *)"conntrack-model", (char *)"--qs", file, (char *)"--out", out, (char *)"--kernel", kernel, (char *)"--cores", cores,
			   (char *)"--ram", ram, (char *)"--label", (char *)LABEL_SCENARIO "=plan", (char *)"--label", labels[0],
			   (char *)"--label", labels[1], (char *)"--label", labels[2], (char *)"--backends", backends,
			   (char *)"--sensitivity", (char *)"--what-if" };
	if (cache) { /* the node cache's rules */
		argv[23] = (char *)"--notrack", argv[24] = (char *)"169.254.20.10";
		argv[25] = (char *)"--notrack", argv[26] = (char *)"10.96.0.10";
	}
	return program_run(w->bin, argv, w->dir, w->limit_ns, d);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

void plan_remove(const struct plan_work *w, const char *name)
{
	char path[4200];
	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
