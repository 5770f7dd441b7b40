/* SPDX-License-Identifier: Apache-2.0 */
/* A list of sentences about the records, each written where it is found out. */
#ifndef NODENS_REPORTS_REMARKS_H
#define NODENS_REPORTS_REMARKS_H

#include <stddef.h>

#define REMARKS_MAX 64

struct remarks {
	size_t n, untold; /* untold: more than there was room for */
	char text[REMARKS_MAX][400];
};

void remarks_add(struct remarks *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
