/* SPDX-License-Identifier: Apache-2.0 */
/* The cells of a run in the guest of lab/vm: the same run, with the same options,
 * in there. */
#ifndef NODENS_KIND_E2E_RUN_VM_H
#define NODENS_KIND_E2E_RUN_VM_H

#include "kind-e2e/run/probe.h"

struct run_options;

/* Options that exclude each other in a guest. */
int run_vm_options(const struct run_options *o, struct diag *d);
void run_vm_probe(const struct run_options *o, const char *bin, struct probe *ret);
/* As sandbox_run; `out` absolute. */
int run_vm(const struct run_options *o, const char *bin, const char *out, struct diag *d);

#endif
