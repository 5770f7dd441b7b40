/* SPDX-License-Identifier: Apache-2.0 */
/* Formats as in CoreDNS's plugin/log: see the header. */
#include "resolver/log_query.h"

#include <stdlib.h>

struct log_query {
	const struct corefile_plan *plan;
};

int log_query_new(struct log_query **ret, const struct corefile_plan *p, struct diag *d)
{
	(void)p;
	(void)d;
	*ret = NULL;
	return 0;
}

void log_query_free(struct log_query *l)
{
	free(l);
}

void log_query_write(struct log_query *l, const struct core_client *c, const struct core_done *done)
{
	(void)l;
	(void)c;
	(void)done;
}
