/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How near predictions of latency came: each p50 and p99 of dns-sim's records of a scenario beside the lab's, of
 * one run or several. The status is that of the rows.
 *
 *   nearness SIM LAB...     folders of records, a cell each
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/record/result.h"
#include "sim/answer/numbers.h"

static unsigned n_rows, n_off, n_noise;
static struct {
	const char *name;
	unsigned rows, off;
	double p50_sum; /* of errors' sizes */
	unsigned p50s;
} dialect[] = {{.name = "iptables"}, {.name = "nftables"}};
#define DIALECTS (sizeof(dialect) / sizeof(dialect[0]))

#define LABS_MAX 8
static const char *const lab_cells[] = {"iptables-nocache", "iptables-cache", "nftables-nocache", "nftables-cache"};

/* One quantile of one load: predicted, of all the lab's runs together, and of each of them. An error beyond the band
 * that is within what the lab's runs differ by, or within what so few lookups as the lab's would differ by were the
 * prediction true (two standard deviations of the quantile's rank), says nothing about the prediction. */
static void latency_row(const char *cell, const char *name, double q, const struct hist *sim, const struct hist *lab, unsigned n)
{
	static struct hist all;
	double low = INFINITY, high = 0, predicted = numbers_quantile(sim, q);

	hist_init(&all);
	for (unsigned i = 0; i < n; i++) {
		double ns = numbers_quantile(&lab[i], q);
		low = ns < low ? ns : low;
		high = ns > high ? ns : high;
		hist_merge(&all, &lab[i]);
	}
	double truth = numbers_quantile(&all, q), error = predicted / truth - 1;
	double sigma = sqrt(q * (1 - q) / (double)all.n); /* of the share that the lab's quantile really is of */
	bool near = fabs(error) <= 0.1, within = predicted >= low && predicted <= high;
	within |= truth >= numbers_quantile(sim, q - 2 * sigma) && truth <= numbers_quantile(sim, fmin(q + 2 * sigma, 1));
	printf("%-5s %-16s %-18s p%-3g %9.0f %9.0f %+8.1f %%   %.0f .. %.0f, %+.0f %%\n", near ? "ok" : within ? "noise" : "OFF", cell, name,
	       100 * q, predicted / 1e3, truth / 1e3, 100 * error, low / 1e3, high / 1e3, 100 * (high / low - 1));
	n_rows++;
	n_off += !near && !within;
	n_noise += !near && within;
	for (size_t i = 0; i < DIALECTS; i++) {
		if (strncmp(cell, dialect[i].name, strlen(dialect[i].name)) != 0)
			continue;
		dialect[i].rows++;
		dialect[i].off += !near && !within;
		dialect[i].p50_sum += q == 0.5 ? fabs(error) : 0;
		dialect[i].p50s += q == 0.5;
	}
}

static void latency(const char *sim, char **labs, int n_labs)
{
	static const char *const names[] = {"latency.all", "latency.udp_new", "latency.udp_same", "latency.tcp",
					    "latency.new", "latency.same"};
	static struct hist lab[LABS_MAX], one;

	printf("%-5s %-16s %-18s %-4s %9s %9s %10s   %s\n", "", "cell", "us", "", "predicted", "lab", "error", "lab's runs, their spread");
	for (size_t c = 0; c < sizeof(lab_cells) / sizeof(lab_cells[0]); c++) {
		char dir[4200];
		struct record *p, *m[LABS_MAX] = {NULL};
		struct diag d = {{0}};
		unsigned n = 0;
		snprintf(dir, sizeof(dir), "%s/%s", sim, lab_cells[c]);
		if (record_load(&p, dir, &d) < 0)
			continue; /* not a cell of this scenario */
		for (int i = 0; i < n_labs && n < LABS_MAX; i++) {
			snprintf(dir, sizeof(dir), "%s/%s", labs[i], lab_cells[c]);
			if (record_load(&m[n], dir, &d) == 0)
				n++;
		}
		for (size_t k = 0; n && k < sizeof(names) / sizeof(names[0]); k++) {
			const char *name = names[k];
			unsigned have = 0;
			if (!record_hist(p, name, &one))
				continue;
			while (have < n && record_hist(m[have], name, &lab[have]))
				have++;
			if (have < n)
				continue;
			latency_row(lab_cells[c], name, 0.5, &one, lab, n);
			latency_row(lab_cells[c], name, 0.99, &one, lab, n);
		}
		record_free(p);
		for (unsigned i = 0; i < n; i++)
			record_free(m[i]);
	}
	printf("%u rows, %u off, %u by more than 10 %% but no more than the lab's runs or samples of their size differ\n", n_rows, n_off, n_noise);
	for (size_t i = 0; i < DIALECTS; i++)
		if (dialect[i].p50s)
			printf("%s: %u rows, %u off, medians %.1f %% away in the mean\n", dialect[i].name, dialect[i].rows, dialect[i].off,
			       100 * dialect[i].p50_sum / dialect[i].p50s);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: nearness SIM LAB...\n");
		return 2;
	}
	latency(argv[1], argv + 2, argc - 2);
	return n_off || !n_rows ? 1 : 0;
}
