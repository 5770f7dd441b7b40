/* SPDX-License-Identifier: Apache-2.0 */
/* From folders on the command line to a book. */
#ifndef NODENS_REPORTS_LOAD_H
#define NODENS_REPORTS_LOAD_H

#include "reports/read/book.h"

/* Loads every folder; a record that cannot be read is an error. A folder without
 * run.json stands for the records below it; a run that began and left none is named
 * in the book's `silent`. */
int book_load(struct book **ret, char **dirs, size_t n_dirs, struct diag *d);

#endif
