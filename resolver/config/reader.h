/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a Corefile's files (and host names) are read: from the world, remembering what was
 * seen; and what cannot be had now is what it was, where something is known of it.
 */
#ifndef NODENS_CONFIG_READER_H
#define NODENS_CONFIG_READER_H

#include "resolver/config/config_texts.h"
#include "resolver/corefile/corefile.h"

struct config_reader {
	struct corefile_env world;       /* whose hooks are asked */
	const struct config_texts *last; /* for what cannot be had now; or NULL */
	struct config_texts seen, missing; /* of `missing`, paths, only the keys count */
	struct diag stale;               /* the first thing that `last` stood in for; "": none */
};
/* e's hooks ask `r`, which asks e's former ones. */
void config_reader_install(struct config_reader *r, struct corefile_env *e, const struct config_texts *last);

#endif
