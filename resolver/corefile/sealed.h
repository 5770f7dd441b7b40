/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling a Corefile for a world that is made up: nothing of this machine (its files,
 * interfaces, variables, name servers) may shape the result.
 */
#ifndef NODENS_COREFILE_SEALED_H
#define NODENS_COREFILE_SEALED_H

#include "resolver/corefile/corefile.h"

/* The plan for `text`; errors name `what` and the line. The caller frees the plan. */
int corefile_compile_sealed(struct corefile_plan **ret, const char *what, const char *text, struct diag *d);

/* What the manifest's ConfigMap comes to: a block for the cluster's zone, one for each
 * reverse zone and the root. Addresses as text; `bind` may hold several. */
struct corefile_stock {
	const char *domain, *bind, *upstream, *resolver;
	uint32_t success, denial; /* entries */
	uint32_t ttl_s, negative_ttl_s;
	const char *search_path;  /* arguments of `shield` for the cluster's zone; NULL: not said */
};
/* malloc'd text, or NULL: out of memory. */
char *corefile_stock_text(const struct corefile_stock *s);

#endif
