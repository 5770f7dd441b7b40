/* SPDX-License-Identifier: Apache-2.0 */
/* A cell's result record (docs/formats.md), opened before it stands, closed when it is judged. */
#ifndef NODENS_KIND_E2E_CELL_RECORD_H
#define NODENS_KIND_E2E_CELL_RECORD_H

#include "kind-e2e/check/judge.h"
#include "lib/record/result.h"

int record_cell_open(struct result **ret, const struct lab *lab, const struct cell_spec *spec,
		     struct diag *d);
/* What the load measured. */
void record_load_numbers(struct result *r, const struct cell *c, const struct totals *t);
/* What was found; frees `r` in any case. */
int record_cell_close(struct result *r, const struct findings *f, struct diag *d);

#endif
