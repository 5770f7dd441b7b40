/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of the window; sorted when asked, which is seldom. */
#include "lib/record/sli.h"

#include <stdlib.h>
#include <string.h>

#define LOST UINT64_MAX

void sli_add(struct sli *s, uint64_t took_ns, bool lost)
{
	if (s->n == SLI_WINDOW)
		s->n_lost -= s->took_ns[s->next] == LOST;
	else
		s->n++;
	s->took_ns[s->next] = lost || took_ns >= SLI_TIMEOUT_NS ? LOST : took_ns;
	s->n_lost += s->took_ns[s->next] == LOST;
	s->next = (s->next + 1) % SLI_WINDOW;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

uint64_t sli_p99_ns(const struct sli *s)
{
	uint64_t sorted[SLI_WINDOW];
	if (!s->n)
		return 0;
	memcpy(sorted, s->took_ns, s->n * sizeof(sorted[0]));
	qsort(sorted, s->n, sizeof(sorted[0]), ascending);
	uint64_t v = sorted[(s->n * 99 + 99) / 100 - 1]; /* rank ceil(0.99 n) */
	return v == LOST ? SLI_TIMEOUT_NS : v;
}

double sli_lost_share(const struct sli *s)
{
	return s->n ? (double)s->n_lost / s->n : 0;
}
