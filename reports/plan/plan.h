/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `capacity-report plan`: a few answers to a page. Runs dns-sim and conntrack-model, which lie beside
 * this program, and at the end this program itself on their records.
 */
#ifndef NODENS_REPORTS_PLAN_H
#define NODENS_REPORTS_PLAN_H

#include "lib/base/opt.h"

extern const struct opt_prog plan_prog;
/* argv[0] is "plan". Returns the exit status. */
int plan_main(int argc, char **argv);

#endif
