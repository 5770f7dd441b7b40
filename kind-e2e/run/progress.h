/* SPDX-License-Identifier: Apache-2.0 */
/* How far a run is: a bar on a terminal, a plain line a phase otherwise. */
#ifndef NODENS_KIND_E2E_PROGRESS_H
#define NODENS_KIND_E2E_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

struct progress {
	FILE *out;
	bool tty;
	unsigned n_cells, cell; /* cell: the one that runs, from 0 */
	const char *name;	/* of that cell */
	char last[64];		/* phase last named in plain lines */
};

void progress_init(struct progress *p, FILE *out, unsigned n_cells);
/* `share` of this cell's load that is done. */
void progress_show(void *progress, double share, const char *phase);
/* The cell is over: its last line stays. */
void progress_done(struct progress *p, const char *verdict);

#endif
