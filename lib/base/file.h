/* SPDX-License-Identifier: Apache-2.0 */
/* A text file, whole. */
#ifndef NODENS_FILE_H
#define NODENS_FILE_H

#include <stddef.h>

#include "lib/base/err.h"

/* Whole file, NUL-terminated; files above `max` octets are refused. */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len, struct diag *d);
/* Written beside and renamed over, so that a reader sees the old or the new. */
int file_write_atomic(const char *path, const char *text, size_t len, struct diag *d);

#endif
