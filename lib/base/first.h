/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of several things that are all done whatever becomes of the others, the first fault counts, and its
 * words are those that are kept.
 */
#ifndef NODENS_FIRST_H
#define NODENS_FIRST_H

#include <stddef.h>

#include "lib/base/err.h"

static inline int err_first(int before, int err)
{
	return before ? before : err;
}

/* For what is done after `before` came of what was done so far. */
static inline struct diag *diag_first(int before, struct diag *d)
{
	return before ? NULL : d;
}

#endif
