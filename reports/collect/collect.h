/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `capacity-report collect`: what a running cluster's Prometheus knows of its DNS, as a result
 * record (label engine=cluster). Reads, and asks nothing but queries.
 */
#ifndef NODENS_REPORTS_COLLECT_H
#define NODENS_REPORTS_COLLECT_H

#include "lib/base/opt.h"

extern const struct opt_prog collect_prog;
/* argv[0] is "collect". Returns the exit status. */
int collect_main(int argc, char **argv);

#endif
