/* SPDX-License-Identifier: Apache-2.0 */
/* A text file, whole. */
#ifndef NODENS_FILE_H
#define NODENS_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "lib/base/err.h"

/* Whole file, NUL-terminated; files above `max` octets are refused. */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len, struct diag *d);
/* For a reader that must not wait: a FIFO in a folder is refused, since opening one waits for
 * a writer. A pipe of this process (/dev/stdin, a shell's <(...)) is no such thing. */
FILE *file_open_ready(const char *path, struct diag *d); /* NULL: `d` says why */
int file_read_ready(const char *path, size_t max, char **ret_text, size_t *ret_len, struct diag *d);
/* Written beside and renamed over, so that a reader sees the old or the new. */
int file_write_atomic(const char *path, const char *text, size_t len, struct diag *d);
/* Before a program ends: has all that was printed got out? */
int file_stdout_done(struct diag *d);

#endif
