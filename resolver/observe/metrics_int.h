/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of the exporter: a family is one row of a table, and its
 * emit function writes all its series from the merged counters.
 */
#ifndef NODENS_METRICS_INT_H
#define NODENS_METRICS_INT_H

#include <stdbool.h>

#include "resolver/observe/metrics.h"
#include "resolver/observe/metrics_text.h"

struct metrics_page {
	const struct metrics_input *in;
	const struct core_stats *sum; /* of all workers */
	FILE *out;
	bool *hidden;                 /* per row of sum->server: block without prometheus */
	bool *no_memory;              /* set: it ended while something was looked up, and there is no page */
};

struct metrics_family {
	const char *name, *type, *help;
	void (*emit)(const struct metrics_page *p, const struct metrics_family *f);
	size_t at, at2; /* offsets; of what, emit knows */
	const char *label; /* "name=\"value\"" of a constant label, or NULL */
};
extern const struct metrics_family metrics_coredns[], metrics_own[], metrics_process[];

#define METRICS_LABEL_MAX 600
/* The `plugin` label of a row's replies; "" when none is told. */
const char *metrics_plugin_label(const struct metrics_page *p, const struct stats_server *row);

void emit_core(const struct metrics_page *p, const struct metrics_family *f);   /* scalar of core_stats */
void emit_driver(const struct metrics_page *p, const struct metrics_family *f); /* scalar of metrics_driver */
void emit_row(const struct metrics_page *p, const struct metrics_family *f);
void emit_row_duration(const struct metrics_page *p, const struct metrics_family *f);
void emit_row_size(const struct metrics_page *p, const struct metrics_family *f);
void emit_requests(const struct metrics_page *p, const struct metrics_family *f);
void emit_responses(const struct metrics_page *p, const struct metrics_family *f);
void emit_cache(const struct metrics_page *p, const struct metrics_family *f);
void emit_cache_typed(const struct metrics_page *p, const struct metrics_family *f);
void emit_cache_entries(const struct metrics_page *p, const struct metrics_family *f);
void emit_upstream(const struct metrics_page *p, const struct metrics_family *f);
void emit_upstream_conns(const struct metrics_page *p, const struct metrics_family *f);
void emit_upstream_duration(const struct metrics_page *p, const struct metrics_family *f);
void emit_upstream_plain(const struct metrics_page *p, const struct metrics_family *f);
void emit_upstream_fails(const struct metrics_page *p, const struct metrics_family *f);
void emit_event(const struct metrics_page *p, const struct metrics_family *f); /* at: enum stats_event_what */
void emit_loops(const struct metrics_page *p, const struct metrics_family *f);
void emit_doh_faults(const struct metrics_page *p, const struct metrics_family *f);
void emit_rejected(const struct metrics_page *p, const struct metrics_family *f);
void emit_plugins(const struct metrics_page *p, const struct metrics_family *f);

#endif
