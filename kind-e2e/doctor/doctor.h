/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb `doctor`: looks at a node, at a pod, or from away at a cluster, reading only, and says
 * what is wrong with its DNS. Texts (texts.h) are gathered, or come from a folder; facts are read
 * from them; probes judge facts; the verdicts are printed. It is the lab "here": an existing node
 * instead of one that is made.
 *
 * Exit status: 0 nothing fails, 1 something does (--strict: or warns), 3 wrong usage or input.
 */
#ifndef NODENS_KIND_E2E_DOCTOR_H
#define NODENS_KIND_E2E_DOCTOR_H

#include "lib/base/opt.h"

extern const struct opt_prog doctor_prog;
int doctor_cmd(int argc, char **argv);

#endif
