/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a walk to advice: what the table will hold, what it will throw away,
 * what it costs, and the nf_conntrack_max to set. Printed for a person and
 * written as a result record for the report.
 */
#ifndef NODENS_CT_PREDICT_H
#define NODENS_CT_PREDICT_H

#include <stdbool.h>
#include <stdio.h>

#include "conntrack-model/closed.h"
#include "conntrack-model/settings.h"
#include "conntrack-model/variants.h"
#include "conntrack-model/walk.h"
#include "lib/base/opt.h"
#include "lib/record/result.h"

#define SENSITIVITY_TIMEOUTS 3
#define SENSITIVITY_GROWTHS 3

struct predict_conf {
	struct walk_conf walk;
	double headroom;  /* advised max = unlimited peak times this */
	bool sensitivity; /* walk other timeouts and growths as well */
	bool what_if;	  /* and each variant of variants.h */
	bool ipvs;	  /* IPVS's table beside */
	struct variant_conf variant;
	const struct ct_synth *loads; /* the load is made of these alone: the closed form speaks too */
	size_t n_loads;
	const struct ct_other *other;
	int settings_form; /* enum settings_form, or -1: one line */
	bool upstream;	  /* the stream was taken between node and backends */
};

struct prediction {
	struct walk walk; /* with the table as it is */
	const struct walk_track *track; /* of it: the namespace asked for */
	struct walk_range range;
	double peak_at_s;
	uint64_t peak_free; /* nf_conntrack_count's peak had there been no limit */
	struct settings settings;
	struct closed_form closed; /* period_s 0: there is none, closed_why says why */
	struct diag closed_why;
	struct walk_range steady; /* the walk where the closed form speaks; n 0: it is too short */
	uint64_t ipvs_peak;
	struct variant_result variant[VARIANTS_MAX];
	size_t n_variants;
	uint64_t bytes_peak;
	uint64_t sensitivity[SENSITIVITY_TIMEOUTS][SENSITIVITY_GROWTHS]; /* peaks, no limit */
};
extern const unsigned sensitivity_timeout_s[SENSITIVITY_TIMEOUTS];
extern const unsigned sensitivity_growth[SENSITIVITY_GROWTHS];

int predict(struct prediction *ret, const struct predict_conf *c, const struct ct_events *e);
void predict_release(struct prediction *p);
void predict_print(const struct prediction *p, const struct predict_conf *c, FILE *out);

/* What the record says about where it came from. */
struct predict_source {
	const char *qs_path;	       /* or NULL */
	const struct opt_list *labels; /* "key=value" */
	int argc;
	char **argv;
	void (*more)(struct result *r, void *arg); /* or NULL: writes what else there is */
	void *more_arg;
};
int predict_write(const struct prediction *p, const struct predict_conf *c,
		  const struct predict_source *src, const char *dir, struct diag *d);

#endif
