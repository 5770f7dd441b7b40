/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns-sim cliff: where retries keep an overload alive. At each level of load the cell is run twice, in
 * calm and with a surge that ends: what is well in calm and not well long after the surge is
 * metastable. Then single changes are tried on the first such level: which of them lets it recover?
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "sim/answer/trial.h"

#define LEVELS 14
#define LEVEL_FIRST 0.3 /* of what the servers can do */
#define LEVEL_LAST 1.15
#define WELL_LOST 0.01	/* more lost than this, beyond what is lost whatever the load, is not well */
#define WELL_TIMES 20	/* nor is a mean so many times that of the calm before */
#define GROWTH_LEAST 1e-3 /* less is no load */
#define WINDOW 4	/* before: the first quarter of the load; after: the last */

struct window {
	double lost, mean_ms, retried;
	double asked; /* lookups */
};
struct level {
	double growth, utilisation;
	struct window before, during, after;
	double recovered_s; /* after the surge's end; < 0: not within the run */
	bool calm_well, surge_well, table; /* table: in calm a node's connection table was full */
};

struct search {
	struct sim_ask *a;
	size_t cell;
	double growth, capacity; /* capacity: the growth at which the servers are all used */
	double surge_at_s, surge_for_s, end_s;
	double always_lost; /* share, by links or by servers that are dead: far below the cliff as well */
	FILE *csv;
	char name[32];
};

static const char *state_of(const struct level *l)
{
	if (!l->calm_well)
		return "overloaded";
	return l->surge_well ? "steady" : "metastable";
}

/* --- what a run says between two times --- */

static struct window window_of(const struct sim_result *r, double from_s, double to_s)
{
	const struct sim_sample *a = NULL, *b = NULL;

	for (size_t i = 0; i < r->n_samples; i++) {
		double t_s = (double)r->sample[i].t_ns / 1e9;
		if (t_s <= from_s || !a)
			a = &r->sample[i];
		if (t_s <= to_s)
			b = &r->sample[i];
	}
	if (!a || !b || b <= a)
		return (struct window){0};
	double done = (double)(b->done - a->done), asked = (double)(b->lookups - a->lookups);
	double queries = (double)(b->queries - a->queries);
	/* A lookup that has not ended is no better than one that was lost; but some always are under way (Little), at the
	 * window's beginning and its end not equally many, and of few lookups these few are a large share. */
	double late_s = (double)(b->late_ns - a->late_ns) / 1e9, span_s = (double)(b->t_ns - a->t_ns) / 1e9;
	double open = asked - done - 3 * sqrt(2 * late_s / span_s + 1);
	open = open > 0 ? open : 0;
	return (struct window){
		.asked = asked,
		.lost = asked > 0 ? ((double)(b->lost - a->lost) + open) / fmax(asked, done) : 0,
		.mean_ms = done > 0 ? (double)(b->late_ns - a->late_ns) / done / 1e6 : INFINITY,
		.retried = queries > 0 ? (double)(b->retried - a->retried) / queries : 0,
	};
}

/* `always`: the share lost whatever the load; of few lookups it may be three deviations more. */
static bool is_well(double always, const struct window *w, double calm_ms)
{
	double more = w->asked > 0 ? 3 * sqrt(always * (1 - always) / w->asked) : 0;

	return w->lost <= always + more + WELL_LOST && w->mean_ms <= calm_ms * WELL_TIMES + 5;
}

static double recovery(const struct search *s, const struct sim_result *r, double always, double calm_ms)
{
	double end_s = s->surge_at_s + s->surge_for_s, step_s = (s->end_s - end_s) / 40;
	double well_since = -1;

	for (double t = end_s; t + step_s <= s->end_s; t += step_s) {
		struct window w = window_of(r, t, t + step_s);
		if (!is_well(always, &w, calm_ms))
			well_since = -1;
		else if (well_since < 0)
			well_since = t - end_s;
	}
	return well_since;
}

/* --- a level --- */

static void with_surge(const struct search *s, struct trial *t)
{
	trial_set(t, "surges=[{at: %.0fms, for: %.0fms, times: %g}]", 1000 * s->surge_at_s, 1000 * s->surge_for_s,
		  s->a->surge_times);
}

static void level_trial(const struct search *s, struct trial *t, double growth, const char *change)
{
	trial_set(t, "growth=%.9g", growth);
	with_surge(s, t);
	if (change)
		trial_set(t, "%s", change);
}

static void calm_trial(struct trial *t, double growth)
{
	trial_set(t, "growth=%.9g", growth);
	trial_set(t, "surges=[]");
}

static struct window calm_first(const struct search *s, const struct trial *t)
{
	return window_of(&t->out.sum, s->surge_at_s / 2, s->surge_at_s);
}

static struct window calm_last(const struct search *s, const struct trial *t)
{
	return window_of(&t->out.sum, s->end_s - s->end_s / WINDOW, s->end_s);
}

/* What is lost at the lowest level, where nothing is full, is lost at all of them, and no sign of a cliff. */
static double lost_always(const struct search *s, const struct trial *lowest)
{
	static const enum sim_cause full[] = {CAUSE_TABLE, CAUSE_REPLICA_QUEUE, CAUSE_CACHE_QUEUE, CAUSE_OUTSIDE, CAUSE_BACKLOG};

	for (size_t i = 0; i < sizeof(full) / sizeof(full[0]); i++)
		if (lowest->out.sum.dropped[full[i]])
			return 0;
	return fmax(calm_first(s, lowest).lost, calm_last(s, lowest).lost);
}

static void judge_calm(const struct search *s, struct level *l, const struct trial *t, double *ret_ms)
{
	struct window first = calm_first(s, t), last = calm_last(s, t);

	*ret_ms = first.mean_ms;
	l->utilisation = trial_number(t, "utilisation").mean;
	l->table = t->out.sum.dropped[CAUSE_TABLE] > 0;
	l->calm_well = is_well(s->always_lost, &last, first.mean_ms) && is_well(s->always_lost, &first, first.mean_ms);
}

static void judge_surge(const struct search *s, struct level *l, const struct trial *t, double always, double calm_ms)
{
	const struct sim_result *r = &t->out.sum;
	double end_s = s->surge_at_s + s->surge_for_s;

	l->before = window_of(r, s->surge_at_s / 2, s->surge_at_s);
	l->during = window_of(r, s->surge_at_s, end_s);
	l->after = window_of(r, s->end_s - (s->end_s - end_s) / WINDOW, s->end_s);
	l->recovered_s = recovery(s, r, always, calm_ms);
	l->surge_well = is_well(always, &l->after, calm_ms);
}

/* The run with the surge, to be drawn. */
static int write_level(const struct search *s, const struct level *l, const struct trial *t, struct diag *d)
{
	char dir[4200], point[64];

	if (file_stdout_done(d) < 0)
		return ERR_SYS;
	if (!s->a->out)
		return 0;
	snprintf(point, sizeof(point), "growth=%.4g", l->growth);
	snprintf(dir, sizeof(dir), "%s/growth-%.4g", s->a->out, l->growth);
	return ask_record(s->a, &t->out, &t->l.cell[t->cell], point, dir, d);
}

static void tell(struct search *s, const struct level *l)
{
	char recovered[32] = "-";

	if (l->recovered_s >= 0)
		snprintf(recovered, sizeof(recovered), "%.1f", l->recovered_s);
	printf("%8.3f %6.0f %%  %-11s %9.2f %9.2f %9.2f %9.1f %10s\n", l->growth, 100 * l->utilisation, state_of(l),
	       100 * l->before.lost, 100 * l->during.lost, 100 * l->after.lost, 100 * l->after.retried, recovered);
	if (s->csv)
		fprintf(s->csv, "%s,%.6g,%.6g,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%s\n", s->name, l->growth, l->utilisation, state_of(l),
			l->before.lost, l->during.lost, l->after.lost, l->after.mean_ms, l->after.retried,
			l->recovered_s < 0 ? "" : recovered);
}

/* --- what would help --- */

static const struct {
	const char *what, *set;
} changes[] = {
	{"applications do not ask again", "pods.retries=0"},
	{"stubs ask once", "pods.attempts=1"},
	{"no CPU limit", "cluster.replica.cpu_limit=0"},
	{"a short queue (64)", "cluster.replica.queue=64"},
	{"one worker more", NULL},
	{"one replica more", NULL},
	{"half the load for good", NULL},
};

#define CHANGES (sizeof(changes) / sizeof(changes[0]))

/* What would change nothing, or cannot be had, is left out. */
static bool applies(const char *what, const struct scenario *s)
{
	if (strcmp(what, "applications do not ask again") == 0)
		return s->retries > 0;
	if (strcmp(what, "stubs ask once") == 0)
		return s->attempts > 1;
	if (strcmp(what, "no CPU limit") == 0)
		return s->replica.cpu_limit > 0;
	if (strcmp(what, "a short queue (64)") == 0)
		return s->replica.queue > 64;
	if (strcmp(what, "one worker more") == 0)
		return s->replica.workers < SCEN_WORKERS_MAX;
	if (strcmp(what, "one replica more") == 0)
		return s->scaler.kind == SCEN_FIXED && s->n_backends < SCEN_BACKENDS_MAX;
	return true;
}

struct change {
	const char *what;
	char text[64];
};

static int change_texts(struct search *s, double growth, struct change ret[CHANGES], size_t *ret_n, struct diag *d)
{
	struct loaded l;
	int rc = ask_load(&l, s->a, NULL, 0, d);

	*ret_n = 0;
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < CHANGES; i++) {
		if (!applies(changes[i].what, l.s))
			continue;
		struct change *c = &ret[(*ret_n)++];
		c->what = changes[i].what;
		if (changes[i].set)
			snprintf(c->text, sizeof(c->text), "%s", changes[i].set);
		else if (strstr(c->what, "worker"))
			snprintf(c->text, sizeof(c->text), "cluster.replica.workers=%u", l.s->replica.workers + 1);
		else if (strstr(c->what, "replica"))
			snprintf(c->text, sizeof(c->text), "cluster.backends=%u", l.s->n_backends + 1);
		else
			snprintf(c->text, sizeof(c->text), "growth=%.9g", growth / 2);
	}
	ask_release(&l);
	return 0;
}

static int try_changes(struct search *s, const struct level *first, double calm_ms, struct diag *d)
{
	struct trial *t = calloc(CHANGES, sizeof(*t)); /* they hold histograms */
	struct change change[CHANGES];
	size_t n = 0;
	int rc = t ? change_texts(s, first->growth, change, &n, d) : diag_set(d, ERR_NOMEM, "out of memory");

	for (size_t i = 0; rc == 0 && i < n; i++)
		level_trial(s, &t[i], first->growth, change[i].text);
	if (rc == 0)
		rc = trials_run(t, n, s->a, s->cell, s->name, d);
	if (rc == 0)
		printf("\nAt %.3f, the same surge with one thing changed:\n", first->growth);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct level at = {.growth = first->growth};
		/* with the change more may be lost always: what a try repaired before */
		struct window before = window_of(&t[i].out.sum, s->surge_at_s / 2, s->surge_at_s);
		judge_surge(s, &at, &t[i], fmax(s->always_lost, before.lost), calm_ms);
		printf("  %-32s %s (lost %.2f %% after)\n", change[i].what, at.surge_well ? "recovers" : "stays down",
		       100 * at.after.lost);
		if (s->csv)
			fprintf(s->csv, "%s,%.6g,,%s,,,%.6g,%.6g,,\"%s\"\n", s->name, at.growth,
				at.surge_well ? "change recovers" : "change stays down", at.after.lost, at.after.mean_ms,
				change[i].text);
		trial_release(&t[i]);
	}
	free(t);
	return rc;
}

/* --- a cell --- */

/* Share of the servers that the load times `growth` uses. */
static int used_at(struct search *s, double growth, double *ret, struct diag *d)
{
	struct trial t = {0};

	trial_set(&t, "growth=%.9g", growth);
	trial_set(&t, "surges=[]");
	int rc = trial_run(&t, s->a, s->cell, d);
	if (rc == 0)
		*ret = trial_number(&t, "utilisation").mean;
	trial_release(&t);
	return rc;
}

/* The growth at which the servers would be all used. Under a load that is too much for them they say only that
 * they are: less is tried. */
static int find_capacity(struct search *s, struct diag *d)
{
	double used = 1, growth = s->growth;
	int rc = 0;

	for (; rc == 0 && growth > GROWTH_LEAST; growth /= 4) {
		rc = used_at(s, growth, &used, d);
		if (used <= 0.9)
			break;
		if (rc == 0 && growth == s->growth)
			log_warn("%s: the load as given uses %.0f %% already", s->name, 100 * used);
	}
	if (rc < 0)
		return rc;
	if (used <= 0)
		return diag_set(d, ERR_MISSING, "cliff: the servers are never busy: give cluster.replica.service");
	s->capacity = growth / used;
	if (s->capacity * LEVEL_LAST > SCEN_GROWTH_MAX)
		return diag_set(d, ERR_RANGE, "cliff: it takes %.3g times the load to use all servers", s->capacity / s->growth);
	return 0;
}

static int cliff_cell(struct search *s, struct diag *d)
{
	struct trial *calm = calloc(2 * LEVELS, sizeof(*calm)), *surge = calm + LEVELS;
	struct level first = {0};
	double first_ms = 0, full = 0;
	int rc = calm ? find_capacity(s, d) : diag_set(d, ERR_NOMEM, "out of memory");

	for (unsigned i = 0; rc == 0 && i < LEVELS; i++) {
		double share = LEVEL_FIRST + (LEVEL_LAST - LEVEL_FIRST) * i / (LEVELS - 1);
		calm_trial(&calm[i], s->capacity * share);
		level_trial(s, &surge[i], s->capacity * share, NULL);
	}
	if (rc == 0)
		rc = trials_run(calm, LEVELS, s->a, s->cell, s->name, d);
	if (rc == 0)
		rc = trials_run(surge, LEVELS, s->a, s->cell, s->name, d);
	if (rc == 0) {
		s->always_lost = lost_always(s, &calm[0]);
		printf("\n%s: a surge of x%g for %g s at %g s\n", s->name, s->a->surge_times, s->surge_for_s, s->surge_at_s);
		printf("%8s %8s  %-11s %9s %9s %9s %9s %10s\n", "growth", "used", "state", "before %", "during %", "after %",
		       "repeats %", "recovers s");
	}
	for (unsigned i = 0; rc == 0 && i < LEVELS; i++) {
		struct level l = {.growth = surge[i].l.s->growth};
		double calm_ms;
		judge_calm(s, &l, &calm[i], &calm_ms);
		judge_surge(s, &l, &surge[i], s->always_lost, calm_ms);
		tell(s, &l);
		rc = write_level(s, &l, &surge[i], d);
		full = full ? full : l.table && !l.calm_well ? l.growth : 0;
		if (!first.growth && l.calm_well && !l.surge_well) {
			first = l;
			first_ms = calm_ms;
		}
	}
	for (unsigned i = 0; calm && i < 2 * LEVELS; i++)
		trial_release(&calm[i]);
	free(calm);
	if (rc == 0 && full > 0)
		log_warn("%s: from %.3g on a node's connection table is full in calm: that is no matter of the servers (--set conntrack.max=N)",
			 s->name, full);
	if (rc == 0 && first.growth)
		rc = try_changes(s, &first, first_ms, d);
	else if (rc == 0)
		printf("No level stays down after the surge.\n");
	return rc;
}

static int csv_open(struct search *s, struct diag *d)
{
	int rc = s->a->out ? ask_out_open(s->a, ".cliff.csv", &s->csv, d) : 0;

	if (rc < 0 || !s->csv)
		return rc;
	fprintf(s->csv, "cell,growth,utilisation,state,lost_before,lost_during,lost_after,mean_after_ms,retried_after,note\n");
	return 0;
}

int cliff(struct sim_ask *a, struct diag *d)
{
	struct search s = {.a = a};
	struct loaded l;
	int rc = ask_load(&l, a, NULL, 0, d);

	if (rc < 0)
		return rc;
	s.growth = l.s->growth;
	s.end_s = (double)(l.s->warmup_ns + l.s->duration_ns) / 1e9;
	s.surge_at_s = s.end_s / WINDOW;
	s.surge_for_s = (double)a->surge_ns / 1e9;
	if (s.surge_at_s + s.surge_for_s > s.end_s * 0.7)
		rc = diag_set(d, ERR_RANGE, "cliff: a run of %g s is too short for a surge of %g s: what comes after is what counts",
			      s.end_s, s.surge_for_s);
	if (rc == 0)
		rc = csv_open(&s, d);
	for (size_t i = 0; rc == 0 && i < l.n_cells; i++) {
		s.cell = i;
		sim_cell_str(l.cell[i].proxy, l.cell[i].cache, s.name);
		rc = cliff_cell(&s, d);
	}
	ask_release(&l);
	return s.csv ? ask_out_close(a, ".cliff.csv", s.csv, rc, d) : rc;
}
