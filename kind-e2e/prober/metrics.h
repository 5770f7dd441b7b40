/* SPDX-License-Identifier: Apache-2.0 */
/* What a prober found, for Prometheus and as a result record. */
#ifndef NODENS_KIND_E2E_PROBER_METRICS_H
#define NODENS_KIND_E2E_PROBER_METRICS_H

#include "kind-e2e/prober/target.h"
#include "lib/base/err.h"

#define PROBER_TARGETS 2

/* Text format, freed by the caller; NULL: no memory. */
char *prober_page(const struct target *t, unsigned n, uint64_t refused);
/* The record; figures of what was asked last (sli.h). */
int prober_record(const struct target *t, unsigned n, const char *dir, int argc, char **argv, struct diag *d);

#endif
