/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the `errors` plugin, consolidated where the Corefile says so:
 * matching ones are counted and told once a period, as CoreDNS does.
 */
#ifndef NODENS_LOG_ERRORS_H
#define NODENS_LOG_ERRORS_H

#include "resolver/corefile/corefile.h"
#include "resolver/loop.h"

struct log_errors;

/* *ret is NULL when nothing is consolidated. The plan must outlive it. */
int log_errors_new(struct log_errors **ret, const struct corefile_plan *p, struct loop *loop,
		   struct diag *d);
/* What was counted and not told yet is told. */
void log_errors_free(struct log_errors *l);
/* `text` is a whole line "plugin/errors: ...". True: it was taken care of. */
bool log_errors_take(struct log_errors *l, const char *text);

#endif
