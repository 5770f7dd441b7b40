/* SPDX-License-Identifier: Apache-2.0 */
/* The page on paper: printed by a program of the distribution, from the same HTML. */
#ifndef NODENS_REPORTS_PDF_H
#define NODENS_REPORTS_PDF_H

#include "lib/base/err.h"

/* `page` in folder `dir` becomes `pdf` there. `program`: what prints; NULL: the first of those
 * known that can be run. ERR_UNSUPPORTED when none can: the diag names Debian's packages. */
int pdf_print(const char *dir, const char *page, const char *pdf, const char *program, struct diag *d);

#endif
