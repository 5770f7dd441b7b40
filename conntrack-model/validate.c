/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases and their measured values, one row a case: the error table of
 * docs/conntrack.md is this table, run.
 */
#include "conntrack-model/validate_int.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack-model/walk.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"

/* --- what the model says --- */

#define STAND_S 4 /* flows need 3 s to become ASSURED */
#define LEAD_S  8 /* on the walk's clock, when the runs' clock starts */

static int events_make(struct ct_events *e, const struct truth_group *g)
{
	struct ct_synth load[CT_NETNS_MAX];

	for (size_t i = 0; i < g->n_loads; i++) {
		const struct truth_load *l = &g->load[i];
		uint64_t from_ns = (uint64_t)((LEAD_S - l->age_s) * 1e9);
		load[i] = (struct ct_synth){.kind = l->kind,
					    .rate_per_s = l->rate_per_s,
					    .from_ns = from_ns,
					    .until_ns = (LEAD_S + g->load_s) * NS_PER_S,
					    .netns = (uint8_t)i,
					    .subnet = l->subnet ? l->subnet : (uint8_t)i};
		ct_events_assured(e, l->assured, from_ns - STAND_S * NS_PER_S, (uint8_t)i);
	}
	ct_events_synth(e, load, g->n_loads, 1);
	struct ct_other other = {.n = g->other,
				 .rate_per_s = g->other_rate,
				 .from_ns = NS_PER_S,
				 .until_ns = (LEAD_S + g->load_s) * NS_PER_S};
	ct_events_other(e, &other);
	ct_events_sort(e);
	return e->err;
}

static int group_walk(const struct truth_group *g, unsigned seed, struct walk *ret)
{
	struct ct_events e = {0};
	struct walk_conf wc;

	walk_conf_init(&wc);
	wc.table.max = g->max;
	wc.table.buckets = g->buckets;
	wc.table.seed = seed;
	if (g->callers)
		wc.callers = (struct callers_conf){.n = g->callers,
						   .rate_per_s = g->caller_rate,
						   .from_ns = (uint64_t)((LEAD_S - g->load[0].age_s) * 1e9),
						   .until_ns = (LEAD_S + g->load_s) * NS_PER_S};
	if (g->first_sweep_s >= 0)
		wc.table.gc_first_ns = (uint64_t)((LEAD_S + g->first_sweep_s) * 1e9);
	int rc = events_make(&e, g);
	if (rc == 0)
		rc = walk_run(ret, &wc, &e);
	ct_events_release(&e);
	return rc;
}

static const struct walk_row *row_at(const struct walk_track *k, double t_s)
{
	size_t i = 0;

	while (i + 1 < k->n_rows && k->row[i].t_s < t_s)
		i++;
	return &k->row[i];
}

static void model_add(struct truth_value *ret, const struct truth_case *c, const struct walk *w)
{
	const struct walk_track *k = &w->track[c->load];
	double from_s = c->from_s + LEAD_S, until_s = c->until_s + LEAD_S;
	struct walk_range g = walk_range(k, from_s, until_s);

	double share = 1.0 / c->group->n_seeds;

	ret->min += share * g.min;
	ret->mean += share * g.mean;
	ret->max += share * g.max;
	if (c->kind != TRUTH_LOSS)
		return;
	const struct walk_row *a = row_at(k, from_s), *b = row_at(k, until_s);
	double span_s = b->t_s - a->t_s;
	ret->lost += share * (double)(b->lost - a->lost) / (c->group->load[c->load].rate_per_s * span_s);
	ret->early_per_s += share * (double)(b->early_drop - a->early_drop) / span_s;
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
		ret->lost = (w.last[COL_DROP] - w.first[COL_DROP]) / (c->group->load[c->load].rate_per_s * span_s);
		ret->early_per_s = (w.last[COL_EARLY] - w.first[COL_EARLY]) / span_s;
	}
}

static void measured_case(const struct truth_case *c, const char *dir, struct truth_row *row)
{
	char path[4096];

	row->measured = c->measured;
	if (!dir || snprintf(path, sizeof(path), "%s/%s.csv", dir, c->name) >= (int)sizeof(path))
		return;
	FILE *f = file_open(path, NULL);
	if (!f)
		return;
	measured_from(f, c, &row->measured);
	row->from_file = true;
	fclose(f);
}

/* Cases of one group stand together: c[0..n). */
static int model_group(const struct truth_case *c, size_t n, struct truth_row *rows)
{
	struct walk w;

	for (unsigned seed = 1; seed <= c->group->n_seeds; seed++) {
		int rc = group_walk(c->group, seed, &w);
		if (rc < 0)
			return rc;
		for (size_t i = 0; i < n; i++)
			model_add(&rows[i].model, &c[i], &w);
		walk_release(&w);
	}
	return 0;
}

int validate_run(struct truth_row rows[VALIDATE_ROWS_MAX], size_t *ret_n, const char *dir,
		 struct diag *d)
{
	size_t n, first, next;
	const struct truth_case *c = truth_cases(&n);

	for (first = 0; first < n; first = next) {
		for (next = first; next < n && c[next].group == c[first].group; next++) {
			rows[next] = (struct truth_row){
				.name = c[next].name, .kind = c[next].kind, .tolerance = c[next].tolerance,
				.early_tolerance = c[next].early_tolerance};
			measured_case(&c[next], dir, &rows[next]);
		}
		if (model_group(&c[first], next - first, &rows[first]) < 0)
			return diag_set(d, ERR_NOMEM, "%s: out of memory", c[first].name);
	}
	*ret_n = n;
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

	if (r->kind == TRUTH_PEAK) {
		fprintf(out, "%-28s %23.0f  %23.0f  %17.1f\n", r->name, k->max, m->max, error_percent(m->max, k->max));
		return;
	}
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
		if (rows[i].kind != TRUTH_LOSS)
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
		if (r->kind == TRUTH_PEAK)
			*ret_mean_rel = fmax(*ret_mean_rel, fabs(r->model.max / r->measured.max - 1));
		else if (r->kind == TRUTH_OCCUPANCY)
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

	if (row->early_tolerance > 0 && !near(m->early_per_s, k->early_per_s, row->early_tolerance))
		return false;
	if (row->kind == TRUTH_LOSS)
		return k->lost > TRUTH_LOST_LITTLE ? near(m->lost, k->lost, row->tolerance)
					     : fabs(m->lost - k->lost) < TRUTH_LOST_LITTLE / 2;
	if (row->kind == TRUTH_PEAK)
		return near(m->max, k->max, row->tolerance);
	return near(m->mean, k->mean, row->tolerance) && near(m->min, k->min, TRUTH_ENDS) && near(m->max, k->max, TRUTH_ENDS);
}
