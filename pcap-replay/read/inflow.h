/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a capture file, whatever it was packed with: plain, gzip, zstd, lz4
 * or xz, told apart by their magic numbers. A packed stream that ends early or
 * is damaged is an error, never the end of the file.
 */
#ifndef NODENS_INFLOW_H
#define NODENS_INFLOW_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct inflow;
/* `path` "-" is standard input, which the first SIGINT ends, unless the caller ignores or handles that. */
int inflow_open(struct inflow **ret, const char *path, struct diag *d);
/* So does this signal, from now on and in children, and as often as it comes. */
void inflow_stdin_ends_by(int sig);
/* Now, as a signal's handler may. */
void inflow_stdin_end(void);
/* What was taken from standard input to see what it is comes first again. */
void inflow_stdin_put_back(uint8_t octet);
/* The next `n` octets in one piece at *ret, without a copy where they lie so already, and
 * taken; fewer only at the end. Valid until the next call. Negative on error. */
long inflow_take(struct inflow *f, size_t n, const uint8_t **ret, struct diag *d);
/* What is packed so begins with these octets; NULL: none that is known. */
const char *inflow_packing(const uint8_t octets[4]);
void inflow_close(struct inflow *f);

#endif
