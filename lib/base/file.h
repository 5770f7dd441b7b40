/* SPDX-License-Identifier: Apache-2.0 */
/* A text file, whole. */
#ifndef NODENS_FILE_H
#define NODENS_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "lib/base/err.h"

/* Whole file, NUL-terminated; files above `max` octets are refused, and what file_open refuses. */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len, struct diag *d);
/* Of standard input, which whoever started this may keep waiting. */
int file_read_stdin(size_t max, char **ret_text, size_t *ret_len, struct diag *d);
/* Not to wait: a FIFO in a folder is refused, since opening one waits for a writer. A pipe of
 * this process (/dev/stdin, a shell's <(...)) is no such thing. NULL: `d` says why. */
FILE *file_open(const char *path, struct diag *d);
/* For what is read more than once: a pipe of any kind, a device, a folder are refused too. */
FILE *file_open_regular(const char *path, struct diag *d);
/* For who has it opened by a library: 0, or what file_open says. */
int file_check(const char *path, struct diag *d);
/* Written beside and renamed over, so that a reader sees the old or the new. */
int file_write_atomic(const char *path, const char *text, size_t len, struct diag *d);
/* Before a program ends: has all that was printed got out? */
int file_stdout_done(struct diag *d);

#endif
