/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file whose text is kept in memory, and which is whole or none. The C library's
 * open_memstream leaves out what there was no memory for and says so to whoever wrote it
 * only: its ferror and fclose report success, and a configuration or a transaction with a
 * piece missing in the middle looks like any other.
 */
#ifndef NODENS_BASE_TEXT_H
#define NODENS_BASE_TEXT_H

#include <stdio.h>

/* NULL: no memory. fclose sets *ret to the text, which is the caller's, a NUL behind its
 * *ret_len octets; or it fails, and *ret is NULL. */
FILE *text_open(char **ret, size_t *ret_len);

#endif
