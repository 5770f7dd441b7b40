/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scenario's cells, each a line for a person and a record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "sim/answer/ask.h"

struct run {
	struct loaded l;
	char qs[ASK_CELLS_MAX][4200];
	struct cell_outcome out[ASK_CELLS_MAX]; /* they hold histograms */
};

/* Hidden (.CELL.qs) until they are whole. */
static int name_streams(struct run *r, const struct sim_ask *a, struct diag *d)
{
	char name[32];
	int rc = 0;

	for (size_t i = 0; rc == 0 && a->qs && i < r->l.n_cells; i++) {
		snprintf(r->qs[i], sizeof(r->qs[i]), "%s/.%s.qs", a->qs,
			 sim_cell_str(r->l.cell[i].proxy, r->l.cell[i].cache, name));
		r->l.cell[i].qs_path = r->qs[i];
		rc = interrupt_file(r->qs[i], d);
	}
	return rc;
}

/* They get their names, or go. The first error. */
static int show_streams(struct run *r, const struct sim_ask *a, int rc, struct diag *d)
{
	char path[sizeof(r->qs[0])];

	interrupt_hold();
	for (size_t i = 0; a->qs && i < r->l.n_cells; i++) {
		snprintf(path, sizeof(path), "%s/%s", a->qs, r->qs[i] + strlen(a->qs) + 2);
		if (rc < 0)
			unlink(r->qs[i]);
		else if (rename(r->qs[i], path) < 0)
			rc = diag_errno(d, "%s", path);
	}
	interrupt_files_forget();
	interrupt_release();
	return rc;
}

static int show(struct run *r, struct sim_ask *a, double took_s, struct diag *d)
{
	uint64_t events = 0;
	struct rusage u;
	int rc = 0;

	for (size_t i = 0; i < r->l.n_cells; i++)
		events += r->out[i].sum.events;
	getrusage(RUSAGE_SELF, &u);
	double cpu_s = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	log_info("%.0f events in %.2f s, %.0f a second; %.2f s of processors, %.0f MiB at most", (double)events, took_s,
		 (double)events / (took_s > 0 ? took_s : 1), cpu_s, (double)u.ru_maxrss / 1024);
	sim_print_head(stdout);
	for (size_t i = 0; i < r->l.n_cells; i++) {
		sim_print_row(&r->out[i], &r->l.cell[i], stdout);
		if (a->out && rc == 0)
			rc = ask_record(a, &r->out[i], &r->l.cell[i], NULL, a->out, d);
		cell_outcome_release(&r->out[i]);
	}
	return rc;
}

int ask_predict(struct sim_ask *a, struct diag *d)
{
	struct run *r = calloc(1, sizeof(*r));
	uint64_t start_ns = clock_mono_ns();

	if (!r)
		return diag_set(d, ERR_NOMEM, "out of memory");
	int rc = ask_load(&r->l, a, NULL, 0, d);
	if (rc == 0) {
		rc = a->out ? ask_out_ready(a, d) : 0;
		if (rc == 0)
			rc = name_streams(r, a, d);
		if (rc == 0)
			rc = cells_run(r->l.cell, r->l.n_cells, ask_threads(a), r->l.s->name, r->out, NULL, d);
		rc = show_streams(r, a, rc, d);
		if (rc == 0)
			rc = show(r, a, (double)(clock_mono_ns() - start_ns) / 1e9, d);
		ask_release(&r->l);
	}
	free(r);
	return rc;
}
