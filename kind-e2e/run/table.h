/* SPDX-License-Identifier: Apache-2.0 */
/* The cells of a run as a table on standard output, read back from the records. */
#ifndef NODENS_KIND_E2E_TABLE_H
#define NODENS_KIND_E2E_TABLE_H

#include <stdbool.h>

void table_row(const char *out, const char *cell, bool with_head);

#endif
