/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step 2 of a reload: one Corefile with one ConfigMap, all the way to a plan: values are
 * parsed, the template is filled in, the text is compiled with the files it names, and the
 * files of TLS are tried. What fails fails here, before anything is replaced.
 */
#ifndef NODENS_CONFIG_ATTEMPT_H
#define NODENS_CONFIG_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "resolver/config/config_texts.h"
#include "resolver/config/kubedns_text.h"
#include "resolver/config/newest.h"
#include "resolver/corefile/corefile.h"

struct config { /* can be served */
	char *name;                 /* of the Corefile: for messages and relative imports */
	char *text;
	size_t len;
	struct corefile_plan *plan;
	bool rendered;              /* from the template; else read from -conf */
	bool lenient;               /* what needs some file is left out */
	/* what it was made from */
	char *source;               /* the template, or the Corefile */
	struct kubedns_text kubedns;
	struct config_texts files;
};
void config_release(struct config *c);

/* What it is made from; all borrowed. */
struct config_attempt {
	const struct config_source *source;
	const struct config *last;  /* the running one, or NULL: of what cannot be read now its files are taken */
	const char *name, *corefile;
	const struct kubedns_text *kubedns;
	bool rendered, lenient;
};

/* 0: *ret is the caller's, and `stale` says which file was not what it is now. Paths that
 * were looked for in vain are put into `missing` in either case. */
int config_attempt(const struct config_attempt *a, struct config *ret, struct config_texts *missing,
		   struct diag *stale, struct diag *d);

#endif
