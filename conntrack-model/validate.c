// SPDX-License-Identifier: Apache-2.0
/*
 * Cases and their measured values, one row a case: the error table of
 * docs/conntrack.md is this table, run.
 */
#include "conntrack-model/validate.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack-model/walk.h"
#include "lib/base/clock.h"

struct truth_case {
	const char *name;
	enum truth_kind kind;
	uint64_t max;
	uint32_t buckets;
	double rate;	      /* offered, new flows a second */
	unsigned assured;     /* standing ASSURED entries */
	double other_walks;   /* estimated from the run itself, see docs */
	double first_sweep_s; /* when the run saw its first gc sweep; below 0: seeded */
	double ahead_s;	      /* the load was this old when the run's clock started */
	unsigned load_s;
	double from_s, until_s; /* window, on the run's clock */
	uint8_t mixed;		/* namespace counted among the mixed runs; 0: a run of its own */
	struct truth_value measured;
};

#define OCC(file, rate_, buckets_, lo, mean_, hi)                                                  \
	{                                                                                          \
		.name = file, .kind = TRUTH_OCCUPANCY, .max = 262144, .buckets = buckets_,         \
		.rate = rate_, .first_sweep_s = -1, .load_s = 101, .from_s = 45, .until_s = 100,   \
		.measured = {                                                                      \
			.min = lo,                                                                 \
			.mean = mean_,                                                             \
			.max = hi                                                                  \
		}                                                                                  \
	}
#define FULL(file, rate_, buckets_, assured_, lost_, early)                                        \
	{                                                                                          \
		.name = file, .kind = TRUTH_LOSS, .max = 4096, .buckets = buckets_, .rate = rate_, \
		.assured = assured_, .first_sweep_s = -1, .load_s = 58, .from_s = 30,              \
		.until_s = 55, .measured = {                                                       \
			.lost = lost_,                                                             \
			.early_per_s = early                                                       \
		}                                                                                  \
	}
/* On a hash so much too large, dead entries decide, and with them the sweeps
 * and whatever else walked the hash: taken from the runs. */
#define WIDE(file, rate_, walks, ahead, lost_, early)                                              \
	{                                                                                          \
		.name = file, .kind = TRUTH_LOSS, .max = 4096, .buckets = 262144, .rate = rate_,   \
		.other_walks = walks, .first_sweep_s = 38 + (ahead), .ahead_s = ahead,             \
		.load_s = 60, .from_s = 30, .until_s = 55, .measured = {                           \
			.lost = lost_,                                                             \
			.early_per_s = early                                                       \
		}                                                                                  \
	}
#define MIXED(file, netns, lo, mean_, hi)                                                          \
	{                                                                                          \
		.name = file, .kind = TRUTH_OCCUPANCY, .max = 262144, .buckets = 262144,           \
		.mixed = netns, .first_sweep_s = 50, .load_s = 170, .from_s = 120, .until_s = 165, \
		.measured = {                                                                      \
			.min = lo,                                                                 \
			.mean = mean_,                                                             \
			.max = hi                                                                  \
		}                                                                                  \
	}

static const struct truth_case cases[] = {
	OCC("occ_new_50", 50, 262144, 1508, 1953, 2403),
	OCC("occ_new_200", 200, 262144, 6034, 7797, 9545),
	OCC("occ_new_1000", 1000, 262144, 30371, 38359, 45746),
	OCC("occ_new_3000", 3000, 262144, 92560, 108258, 123908),
	OCC("occ_new_3000_hash32768", 3000, 32768, 91184, 96963, 98295),
	MIXED("clean_stream3x1.5s_50", 1, 6058, 7065, 7950),
	MIXED("clean_onepod_eph_200", 2, 8292, 10426, 12146),
	MIXED("clean_tcp_fin_50", 3, 5583, 6272, 6926),
	MIXED("clean_tcp_persist_50", 4, 1, 1, 1),
	FULL("full_h4096_r400", 400, 4096, 0, 0.0001, 368.1),
	FULL("full_h4096_r800", 800, 4096, 0, 0.0, 795.1),
	FULL("full_h4096_r1600", 1600, 4096, 0, 0.0, 1596.8),
	FULL("full_h4096_r200_assured3072", 200, 4096, 3072, 0.0128, 196.2),
	FULL("full_h4096_r200_assured3584", 200, 4096, 3584, 0.1196, 176.1),
	FULL("full_h4096_r200_assured4000", 200, 4096, 4000, 0.678, 64.4),
	FULL("full_h4096_r200_assured4090", 200, 4096, 4090, 0.9784, 4.3),
	WIDE("full_h262144_r120", 120, 12500, 3.7, 0.0937, 2.0),
	WIDE("full_h262144_r200", 200, 12500, 2.9, 0.3070, 12.8),
	WIDE("full_h262144_r1600", 1600, 0, 4.0, 0.7709, 335.2),
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

/* Six runs were made at once on one machine: one hash and one gc for all. */
static const struct ct_synth mixture[] = {
	{SYNTH_UDP_STREAM, 50, 0, 0, 1}, {SYNTH_UDP_ONE_POD, 200, 0, 0, 2},
	{SYNTH_TCP, 50, 0, 0, 3},	 {SYNTH_TCP_ONE, 50, 0, 0, 4},
	{SYNTH_TCP_RST, 50, 0, 0, 5},	 {SYNTH_UDP_FIXED, 1000, 0, 0, 6},
};

/* --- what the model says --- */

static double load_start_s(const struct truth_case *c)
{
	return c->assured ? 4 : 0; /* standing entries need 3 s to become ASSURED */
}

static void make_events(struct ct_events *e, const struct truth_case *c)
{
	struct ct_synth s = {SYNTH_UDP_NEW, c->rate, 0, 0, 0};
	size_t n = c->mixed ? sizeof(mixture) / sizeof(mixture[0]) : 1;

	if (c->assured)
		ct_events_standing(e, c->assured, 0, CT_UDP);
	for (size_t i = 0; i < n; i++) {
		if (c->mixed)
			s = mixture[i];
		s.from_ns = (uint64_t)(load_start_s(c) * 1e9);
		s.until_ns = s.from_ns + c->load_s * NS_PER_S;
		ct_events_synth(e, &s, 1);
	}
	ct_events_sort(e);
}

static void make_conf(struct walk_conf *wc, const struct truth_case *c)
{
	walk_conf_init(wc);
	wc->table.max = c->max;
	wc->table.buckets = c->buckets;
	wc->table.other_walks_per_s = c->other_walks;
	if (c->first_sweep_s >= 0)
		wc->table.gc_first_ns = (uint64_t)(c->first_sweep_s * 1e9);
	wc->netns = c->mixed;
}

static const struct walk_row *row_at(const struct walk *w, double t_s)
{
	size_t i = 0;

	while (i + 1 < w->n_rows && w->row[i].t_s < t_s)
		i++;
	return &w->row[i];
}

static int model_case(const struct truth_case *c, struct truth_value *ret)
{
	struct ct_events e = {0};
	struct walk_conf wc;
	struct walk w;
	double shift_s = load_start_s(c) + c->ahead_s;

	make_events(&e, c);
	make_conf(&wc, c);
	int rc = e.err ? e.err : walk_run(&w, &wc, &e);
	ct_events_release(&e);
	if (rc < 0)
		return rc;
	struct walk_range g = walk_range(&w, c->from_s + shift_s, c->until_s + shift_s);
	*ret = (struct truth_value){.min = g.min, .mean = g.mean, .max = g.max};
	if (c->kind == TRUTH_LOSS) {
		const struct walk_row *a = row_at(&w, c->from_s + shift_s),
				      *b = row_at(&w, c->until_s + shift_s);
		double span_s = b->t_s - a->t_s;
		ret->lost = (double)(b->lost - a->lost) / (c->rate * span_s);
		ret->early_per_s = (double)(b->early_drop - a->early_drop) / span_s;
	}
	walk_release(&w);
	return 0;
}

/* --- what the kernel did --- */

enum { COL_T, COL_COUNT, COL_DROP, COL_EARLY, COLS };

static void read_header(char *line, int at[COLS])
{
	static const char *const names[COLS] = {"t", "count", "drop", "early_drop"};
	char *save, *f = strtok_r(line, ",\n", &save);

	for (int i = 0; i < COLS; i++)
		at[i] = -1;
	for (int n = 0; f; n++, f = strtok_r(NULL, ",\n", &save))
		for (int i = 0; i < COLS; i++)
			if (strcmp(f, names[i]) == 0)
				at[i] = n;
}

static void read_row(char *line, const int at[COLS], double v[COLS])
{
	char *save, *f = strtok_r(line, ",\n", &save);

	for (int n = 0; f; n++, f = strtok_r(NULL, ",\n", &save))
		for (int i = 0; i < COLS; i++)
			if (at[i] == n)
				v[i] = strtod(f, NULL);
}

struct window {
	double first[COLS], last[COLS], min, max, sum;
	size_t n;
};

static void window_add(struct window *w, const double v[COLS])
{
	if (w->n == 0)
		memcpy(w->first, v, sizeof(w->first));
	if (w->n == 0 || v[COL_COUNT] < w->min)
		w->min = v[COL_COUNT];
	if (v[COL_COUNT] > w->max)
		w->max = v[COL_COUNT];
	memcpy(w->last, v, sizeof(w->last));
	w->sum += v[COL_COUNT];
	w->n++;
}

static void measured_from(FILE *f, const struct truth_case *c, struct truth_value *ret)
{
	char line[256];
	int at[COLS];
	double v[COLS] = {0};
	struct window w = {.n = 0};

	if (!fgets(line, sizeof(line), f))
		return;
	read_header(line, at);
	while (fgets(line, sizeof(line), f)) {
		read_row(line, at, v);
		bool last = v[COL_T] == c->until_s &&
			    c->kind == TRUTH_LOSS; /* differences need both ends */
		if (v[COL_T] >= c->from_s && (v[COL_T] < c->until_s || last))
			window_add(&w, v);
	}
	if (w.n < 2)
		return;
	*ret = (struct truth_value){.min = w.min, .mean = w.sum / (double)w.n, .max = w.max};
	double span_s = w.last[COL_T] - w.first[COL_T];
	if (c->kind == TRUTH_LOSS) {
		ret->lost = (w.last[COL_DROP] - w.first[COL_DROP]) / (c->rate * span_s);
		ret->early_per_s = (w.last[COL_EARLY] - w.first[COL_EARLY]) / span_s;
	}
}

static void measured_case(const struct truth_case *c, const char *dir, struct truth_row *row)
{
	char path[4096];

	row->measured = c->measured;
	if (!dir || snprintf(path, sizeof(path), "%s/%s.csv", dir, c->name) >= (int)sizeof(path))
		return;
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	measured_from(f, c, &row->measured);
	row->from_file = true;
	fclose(f);
}

int validate_run(struct truth_row rows[VALIDATE_ROWS_MAX], size_t *ret_n, const char *dir,
		 struct diag *d)
{
	for (size_t i = 0; i < N_CASES; i++) {
		rows[i] = (struct truth_row){.name = cases[i].name,
					     .kind = cases[i].kind,
					     .shared_gc = cases[i].mixed != 0};
		measured_case(&cases[i], dir, &rows[i]);
		if (model_case(&cases[i], &rows[i].model) < 0)
			return diag_set(d, ERR_NOMEM, "%s: out of memory", cases[i].name);
	}
	*ret_n = N_CASES;
	return 0;
}

/* --- the table --- */

static double error_percent(double model, double measured)
{
	return measured == 0 ? 0 : 100 * (model - measured) / measured;
}

static void print_occupancy(const struct truth_row *r, FILE *out)
{
	const struct truth_value *k = &r->measured, *m = &r->model;

	fprintf(out, "%-28s %7.0f %7.0f %7.0f  %7.0f %7.0f %7.0f  %+5.1f %+5.1f %+5.1f\n", r->name,
		k->min, k->mean, k->max, m->min, m->mean, m->max, error_percent(m->min, k->min),
		error_percent(m->mean, k->mean), error_percent(m->max, k->max));
}

static void print_loss(const struct truth_row *r, FILE *out)
{
	const struct truth_value *k = &r->measured, *m = &r->model;

	fprintf(out, "%-28s %7.2f %9.1f  %7.2f %9.1f  %+6.2f %+9.1f\n", r->name, 100 * k->lost,
		k->early_per_s, 100 * m->lost, m->early_per_s, 100 * (m->lost - k->lost),
		m->early_per_s - k->early_per_s);
}

void validate_print(const struct truth_row *rows, size_t n, FILE *out)
{
	double mean_rel, lost_points;

	fprintf(out, "%-28s %23s  %23s  %17s\n", "nf_conntrack_count", "kernel min/mean/max",
		"model min/mean/max", "error, percent");
	for (size_t i = 0; i < n; i++)
		if (rows[i].kind == TRUTH_OCCUPANCY)
			print_occupancy(&rows[i], out);
	fprintf(out, "\n%-28s %17s  %17s  %16s\n", "table full", "kernel lost %/ed",
		"model lost %/ed", "error, points/ed");
	for (size_t i = 0; i < n; i++)
		if (rows[i].kind == TRUTH_LOSS)
			print_loss(&rows[i], out);
	validate_worst(rows, n, &mean_rel, &lost_points);
	fprintf(out, "\nlargest error: mean occupancy %.1f %%, lost %.2f points\n", 100 * mean_rel,
		lost_points);
}

void validate_worst(const struct truth_row *rows, size_t n, double *ret_mean_rel,
		    double *ret_lost_points)
{
	*ret_mean_rel = *ret_lost_points = 0;
	for (size_t i = 0; i < n; i++) {
		const struct truth_row *r = &rows[i];
		if (r->kind == TRUTH_OCCUPANCY)
			*ret_mean_rel = fmax(*ret_mean_rel, fabs(r->model.mean - r->measured.mean) /
								    r->measured.mean);
		else
			*ret_lost_points = fmax(*ret_lost_points,
						100 * fabs(r->model.lost - r->measured.lost));
	}
}

static bool near(double model, double measured, double tolerance)
{
	return fabs(model - measured) <= tolerance * measured;
}

bool validate_holds(const struct truth_row *row)
{
	const struct truth_value *k = &row->measured, *m = &row->model;
	double tolerance = row->shared_gc ? 0.10 : 0.03;

	if (row->kind == TRUTH_LOSS)
		return fabs(m->lost - k->lost) < 0.05;
	return near(m->min, k->min, tolerance) && near(m->mean, k->mean, tolerance) &&
	       near(m->max, k->max, tolerance);
}
