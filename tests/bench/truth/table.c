/* SPDX-License-Identifier: Apache-2.0 */
/* The table, and one cell at a time under the simulator. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/truth/truth.h"

static unsigned n_rows, n_off;

void row(const char *what, double predicted, double truth, double band, const char *source)
{
	double off = predicted - truth;
	bool ok = fabs(off) <= (band < 0 ? -band : band * fabs(truth));
	char error[24] = "";

	if (truth != 0)
		snprintf(error, sizeof(error), "%+.2f %%", 100 * off / truth);
	printf("%-4s %-52s %12.6g %12.6g %9s  %s%.3g%s  %s\n", ok ? "ok" : "OFF", what, predicted, truth, error,
	       band < 0 ? "+-" : "", band < 0 ? -band : 100 * band, band < 0 ? "" : " %", source);
	fflush(stdout);
	n_rows++;
	n_off += !ok;
}

void row_skip(const char *what, const char *why)
{
	printf("skip %s: %s\n", what, why);
}

void rows_begin(void)
{
	printf("%-4s %-52s %12s %12s %9s  %s\n", "", "", "predicted", "truth", "error", "band, source");
}

int rows_end(void)
{
	printf("%u rows, %u off\n", n_rows, n_off);
	return n_off ? 1 : 0;
}

/* --- running --- */

void begin(struct bench *b, const char *yaml)
{
	struct diag d = {{0}};

	memset(b, 0, sizeof(*b));
	sim_costs_init(&b->costs);
	if (scenario_parse(&b->s, "validate", yaml, strlen(yaml), &d) < 0 || zone_new(&b->zone, b->s, &d) < 0) {
		fprintf(stderr, "validate: %s\n%s", d.text, yaml);
		exit(2);
	}
}

const struct sim_result *go_parts(struct bench *b, enum sim_cache cache, unsigned reps, unsigned part)
{
	struct cell_job j = {.s = b->s,
			     .zone = b->zone,
			     .costs = &b->costs,
			     .proxy = SCEN_IPTABLES,
			     .cache = cache,
			     .n_nodes = b->s->n_nodes,
			     .part_nodes = part,
			     .n_reps = reps};
	struct diag d = {{0}};

	if (cells_run(&j, 1, 2, NULL, &b->out, NULL, &d) < 0) {
		fprintf(stderr, "validate: %s\n", d.text);
		exit(2);
	}
	return &b->out.sum;
}

const struct sim_result *go(struct bench *b, enum sim_cache cache, unsigned reps)
{
	return go_parts(b, cache, reps, 0);
}

void end(struct bench *b)
{
	cell_outcome_release(&b->out);
	zone_free(b->zone);
	scenario_free(b->s);
}

void free_of_charge(struct bench *b)
{
	memset(&b->costs, 0, sizeof(b->costs));
	b->costs.cache_queue = b->costs.backend_queue = 1 << 24;
}

double between(const struct sim_result *r, double from_s, double to_s)
{
	uint64_t n = 0, low, high;

	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		hist_bounds(i, &low, &high);
		if ((double)low >= from_s * 1e9 && (double)high < to_s * 1e9)
			n += r->latency[0].count[i];
	}
	return (double)n / (double)r->latency[0].n;
}
