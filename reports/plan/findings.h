/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan found: figures, what follows from them, and which answers matter most; as text,
 * and as a record of its own (label engine=plan) whose tables the page shows.
 */
#ifndef NODENS_REPORTS_FINDINGS_H
#define NODENS_REPORTS_FINDINGS_H

#include "reports/plan/work.h"

/* Processor time of a CoreDNS for a question: 56 to 72 us by three published measurements. */
#define BACKEND_CPU_S 60e-6
#define BUSY_WANTED   0.5 /* of a server, at most: bursts come on top */

#define PLAN_INPUTS      "plan_inputs"
#define PLAN_FIGURES_TAB "plan_figures"
#define PLAN_SENSITIVITY "plan_sensitivity"
#define PLAN_VARIANTS_MAX 64

struct plan_variant { /* one answer other than it is */
	char what[96];  /* "lookups a second of a pod" */
	double value;   /* NAN: a word, which is in `what` */
	double base[PF_COUNT], f[PF_COUNT]; /* on the same small share of the world */
};
struct plan_found {
	struct plan_input in;
	struct plan_share share;
	double f[PF_COUNT];
	double max_advised[2], count_peak[2]; /* of conntrack-model, without and with; NAN: none */
	size_t n_variants;
	struct plan_variant variant[PLAN_VARIANTS_MAX];
	bool captured; /* the table walked a captured stream */
};

/* Simulates each question's answer a step lower and higher. */
int plan_vary(const struct plan_work *w, struct plan_found *p, double lookups, struct diag *d);
/* Servers that BUSY_WANTED asks for. */
double plan_replicas(double queries_per_s);
void plan_text(const struct plan_found *p, FILE *out);
int plan_record(const struct plan_work *w, const struct plan_found *p, int argc, char **argv, struct diag *d);

#endif
