/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --cell, --include, --exclude: patterns (as a shell's) of cells' names and of checks'. What a
 * pattern is meant for is seen from what it matches; one that matches nothing is a mistake.
 */
#ifndef NODENS_KIND_E2E_SELECT_H
#define NODENS_KIND_E2E_SELECT_H

#include "kind-e2e/check/check.h"
#include "lib/base/opt.h"

#define CELLS_MAX 32

struct selection {
	const struct opt_list *cells, *include, *exclude;
	bool original; /* cells of the original, too */
};

/* The scenario's cells in order, the self-check first, those that are wanted; their number, or
 * ERR_UNKNOWN with a diag that says what there is. */
int select_cells(const struct selection *sel, const struct scenario *s,
		 struct cell_spec ret[CELLS_MAX], struct diag *d);
bool select_check(const struct selection *sel, const char *id);
/* Does any wanted check look at the scenario's load in such a cell? */
bool select_load(const struct selection *sel, const struct cell_spec *spec,
		 const struct scenario *s);

#endif
