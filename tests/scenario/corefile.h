/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration from a Corefile written into the scenario:
 *
 *   corefile
 *   . {
 *       cache
 *       forward . 10.0.0.1
 *   }
 *   end
 *
 * Its upstreams are called u1, u2, ... in the order in which they appear first.
 * Nothing of the machine is read. Hedging is off unless the Corefile sets it.
 */
#ifndef NODENS_SCENARIO_COREFILE_H
#define NODENS_SCENARIO_COREFILE_H

#include <stdio.h>

#include "tests/scenario/world.h"

/* Reads the lines up to `end` from `f`, as they stand, and configures from them. */
void config_corefile_read(struct world *w, FILE *f);

#endif
