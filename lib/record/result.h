/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Result record: one folder a run, `run.json` (schema, tool, version, arguments,
 * seed, input digest, host facts, flat metrics with unit and merge rule),
 * `series.csv` (first column t_s, units in the names), `hist-<name>.csv` and
 * `.hgrm`. Every tool writes one, `reports/` reads nothing else, and because
 * they share names, predicted and measured meet in one picture.
 * docs/formats.md is normative. Door to the JSON library (jansson).
 */
#ifndef NODENS_RESULT_H
#define NODENS_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "lib/base/hist.h"

enum merge_rule { MERGE_SUM, MERGE_MIN, MERGE_MAX, MERGE_SAME, MERGE_LAST };

/* A tool declares its metrics once, in a table that ends with a NULL name; a
 * metric that is not in the table cannot be written. */
struct metric_def {
	const char *name; /* dotted: "lookups.lost" */
	const char *unit; /* "1", "ns", "bytes", "entries", "queries/s", ... */
	enum merge_rule merge;
	const char *help;
};

struct result; /* errors stick; result_close reports the first */
/* Makes `dir` (parents too). An existing record there is replaced at close, and
 * only when everything was written. */
int result_open(struct result **ret, const char *dir, const char *tool,
		const struct metric_def *defs, int argc, char **argv, struct diag *d);
void result_seed(struct result *r, uint64_t seed);
void result_input(struct result *r, const char *path); /* name and SHA-256; a remark of what is no file */
void result_label(struct result *r, const char *key, const char *value); /* "cell": "iptables-cache" */
void result_num(struct result *r, const char *metric, double value);
/* One histogram: hist-<name>.csv/.hgrm and metrics <name>.{n,mean,p50,p90,p99,p999,max}. Values in ns. */
void result_hist(struct result *r, const char *name, const struct hist *h);
/* A skip or remark the report must show: kind "skip" or "note". */
void result_remark(struct result *r, const char *kind, const char *text);
/* A named check: the report draws these as a table. */
void result_check(struct result *r, const char *name, bool passed, const char *detail);
/* Series: declare columns once ("t_s", "entries", ...), then rows in order of t. */
void result_columns(struct result *r, const char *const *names); /* NULL-terminated */
void result_row(struct result *r, const double *values);
/* A further file of the record; NULL: the error sticks. Ended by result_file_end. */
FILE *result_file(struct result *r, const char *name);
void result_file_end(struct result *r, FILE *f, const char *name);
int result_close(struct result *r, struct diag *d);
void result_abandon(struct result *r); /* leaves nothing behind; NULL allowed */

/* --- reading --- */
struct record; /* whole run in memory */
int record_load(struct record **ret, const char *dir, struct diag *d);
void record_free(struct record *r);
const char *record_tool(const struct record *r);
const char *record_dir(const struct record *r);
const char *record_label(const struct record *r, const char *key);       /* or NULL */
const char *record_fact(const struct record *r, const char *key);        /* version, host, kernel, cpus, start, args, seed, input */
bool record_num(const struct record *r, const char *metric, double *ret);
const char *record_unit(const struct record *r, const char *metric);     /* or NULL */
bool record_hist(const struct record *r, const char *name, struct hist *ret);
/* The same with its reason: ERR_MISSING when there is no such file, other errors name file and line. */
int record_hist_load(const struct record *r, const char *name, struct hist *ret, struct diag *d);
/* Those that run.json names; NULL past the end. */
const char *record_hist_name(const struct record *r, size_t i);
/* i-th remark or check; false past the end. */
bool record_remark(const struct record *r, size_t i, const char **ret_kind, const char **ret_text);
bool record_check(const struct record *r, size_t i, const char **ret_name, bool *ret_passed, const char **ret_detail);
/* Series as columns: NULL when there is none. */
size_t record_rows(const struct record *r);
const double *record_column(const struct record *r, const char *name);   /* n = record_rows */
/* Iterate metric names; NULL past the end. */
const char *record_metric_name(const struct record *r, size_t i);

#endif
