/* SPDX-License-Identifier: Apache-2.0 */
/* A whole run: the cells of a scenario, one after the other, in one sandbox. */
#ifndef NODENS_KIND_E2E_RUN_H
#define NODENS_KIND_E2E_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/opt.h"

struct run_options {
	const char *scenario, *out;
	struct opt_list cells, include, exclude; /* empty: all, nothing */
	const char *junit, *tap, *collect;	 /* files, or NULL */
	uint64_t tries;				 /* of a check that fails */
	bool strict;				 /* a flaky check is a failed one */
	const char *original;			 /* NodeLocal DNSCache's node-cache, for cells of its own */
	const char *image;			 /* archive of `make image` in place of the node-cache beside us */
	const char *sabotage;			 /* "CHECK: WHAT", see kind-e2e/check/sabotage.h; or NULL */
	uint64_t duration_ns;  /* 0: the scenario's */
	bool keep;
	const char *lab;    /* "netns", "vm" */
	const char *kernel; /* vm: what lab/vm/kernel made; NULL: beside the programs */
	const char *clock;  /* vm: "real", "counted"; NULL: real where there is kvm */
	uint64_t limit_ns;  /* vm: and not longer */
};

/* Exit status: 0 every check passed, 1 a check failed or a cell broke, 3 the
 * scenario or an option is wrong. */
int run_main(const struct run_options *o, int argc, char **argv);

/* The folder this program was started from. */
void run_bin_dir(char *ret, size_t size);

#endif
