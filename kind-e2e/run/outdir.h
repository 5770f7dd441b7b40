/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder a run writes to. One run at a time may have it (a lock the kernel
 * drops with its holder); what a killed run left half written in it is swept
 * away by the next, or by `kind-e2e clean`.
 */
#ifndef NODENS_KIND_E2E_OUTDIR_H
#define NODENS_KIND_E2E_OUTDIR_H

#include <stddef.h>

#include "lib/base/err.h"

struct outdir {
	char path[4096 - 128]; /* absolute */
	int lock;
};

int outdir_open(struct outdir *ret, const char *path, struct diag *d);
/* Removes temporary files of cells; returns how many there were. */
unsigned outdir_sweep(const struct outdir *o);
void outdir_close(struct outdir *o);

#endif
