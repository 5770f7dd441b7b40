/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences, each once. */
#include "reports/judge/remarks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void remarks_add(struct remarks *r, const char *fmt, ...)
{
	char text[sizeof(r->text[0])];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->text[i], text))
			return;
	if (r->n == REMARKS_MAX)
		r->untold++;
	else
		strcpy(r->text[r->n++], text);
}
