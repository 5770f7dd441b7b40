/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader must hold against the page, found in the records themselves. */
#ifndef NODENS_REPORTS_CAVEATS_H
#define NODENS_REPORTS_CAVEATS_H

#include "reports/judge/remarks.h"
#include "reports/read/book.h"

void caveats_find(struct remarks *ret, const struct book *b, const struct book *baseline);

#endif
