/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of make validate: predicted beside what is known, each with the band that it may not leave. One table for all
 * kinds of truth; each kind is a file.
 */
#ifndef NODENS_BENCH_TRUTH_H
#define NODENS_BENCH_TRUTH_H

#include "sim/answer/cells.h"

/* `band`: of the truth, or absolute when it is negative. */
void row(const char *what, double predicted, double truth, double band, const char *source);
void row_skip(const char *what, const char *why);
void rows_begin(void);
/* Says how many there were. The exit status. */
int rows_end(void);

/* One cell of a scenario that is text here; what cannot be had ends the program. */
struct bench {
	struct scenario *s;
	struct zone *zone;
	struct sim_costs costs;
	struct cell_outcome out;
};
void begin(struct bench *b, const char *yaml);
/* Nothing takes time but what the row is about. */
void free_of_charge(struct bench *b);
const struct sim_result *go(struct bench *b, enum sim_cache cache, unsigned reps);
/* So many nodes at a time; 0: as many as dns-sim would. */
const struct sim_result *go_parts(struct bench *b, enum sim_cache cache, unsigned reps, unsigned part);
void end(struct bench *b);
/* Of the first load's lookups, the share that took from_s to until_s. */
double between(const struct sim_result *r, double from_s, double until_s);

#define HEAD "scenario: 1\nname: v\nseed: 5\n"
#define A_LOAD(rate) "loads:\n  - {name: a, transport: new-port, rate: " rate ", family: a}\n"
#define WEB "  records:\n    - web.default.svc.cluster.local. 30 A 10.96.10.1\n" \
	    "    - web.default.svc.cluster.local. 30 AAAA 2001:db8::1\n"

void truth_closed(void);
void truth_stubs(void);
void truth_kernel(void);
void truth_published(void);
/* Records of a lab, and of dns-sim; what the lab runs for the first besides quickstart. */
int truth_fresh_scenarios(const char *dir);
void truth_fresh(const char *lab);
void truth_lab(const char *lab, const char *sim);

#endif
