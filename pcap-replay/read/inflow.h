/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a capture file, whatever it was packed with: plain, gzip, zstd, lz4
 * or xz, told apart by their magic numbers. A packed stream that ends early or
 * is damaged is an error, never the end of the file.
 */
#ifndef NODENS_INFLOW_H
#define NODENS_INFLOW_H

#include <stddef.h>

#include "lib/base/err.h"

struct inflow;
/* `path` "-" is standard input. */
int inflow_open(struct inflow **ret, const char *path, struct diag *d);
/* Fills up to `n` octets; fewer only at the end. Negative on error. */
long inflow_read(struct inflow *f, void *buf, size_t n, struct diag *d);
void inflow_close(struct inflow *f);

#endif
