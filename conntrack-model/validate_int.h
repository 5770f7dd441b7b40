/* SPDX-License-Identifier: Apache-2.0 */
/* What the runs (validate_truth.c) and those who put the model beside them share. */
#ifndef NODENS_CT_VALIDATE_INT_H
#define NODENS_CT_VALIDATE_INT_H

#include <stddef.h>
#include <stdint.h>

#include "conntrack-model/events.h"
#include "conntrack-model/validate.h"

struct truth_load { /* its place in the group is its namespace */
	enum ct_synth_kind kind;
	double rate_per_s;
	double age_s;	  /* when the run's clock started */
	unsigned assured; /* flows that stand beside it, ASSURED and silent */
	uint8_t subnet;	  /* above 0: pods' addresses, when others have the same */
};
struct truth_group { /* what was on one machine at once */
	uint64_t max;
	uint32_t buckets;
	double first_sweep_s; /* on the runs' clock; below 0: not to be seen, drawn from the seed */
	unsigned load_s;      /* from the clock's start on */
	unsigned n_seeds;     /* hashes the model is averaged over */
	const struct truth_load *load;
	size_t n_loads;
	unsigned callers; /* that open TCP connections in the first namespace, */
	double caller_rate; /* each, one after the other */
	unsigned other;	   /* long-lived flows in the first namespace, */
	double other_rate; /* asking so often each */
};
struct truth_case {
	const char *name;
	enum truth_kind kind;
	const struct truth_group *group;
	unsigned load;
	double from_s, until_s; /* window, on the run's clock */
	double tolerance;	/* relative; of a share lost only where it is above 1 % */
	double early_tolerance; /* above 0: of early drops as well */
	struct truth_value measured;
};
const struct truth_case *truth_cases(size_t *ret_n);

#endif
