/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the `log` plugin prints for a finished query, in CoreDNS's words,
 * because people's dashboards parse them. The first `log` of the block whose
 * names hold the query's name decides: its classes, its share, its format.
 */
#ifndef NODENS_LOG_QUERY_H
#define NODENS_LOG_QUERY_H

#include "resolver/core/core.h"
#include "resolver/corefile/corefile.h"
#include "resolver/observe/log_format.h"
#include "resolver/observe/log_out.h"

struct log_query;

/* *ret is NULL when no block logs anything. The plan must outlive it. */
int log_query_new(struct log_query **ret, const struct corefile_plan *p, struct log_out *out,
		  struct diag *d);
void log_query_free(struct log_query *l);
void log_query_add(struct log_query *l, const struct core_client *c, const struct core_done *done);

#endif
