/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to a configuration that can be served, one way down:
 *
 *   config_newest_read   what people wrote, as it is now               newest.h
 *   config_choose        what of it is served; for each candidate      here
 *     config_attempt       values -> text -> plan -> checked           attempt.h
 *
 * and then the supervisor's one switch. It has three parts that
 * people change apart from each other: the Corefile (or its template), the
 * kube-dns ConfigMap, and the files that the Corefile names. Everything is read,
 * rendered, compiled and checked before anything is replaced, and here alone it is decided
 * which part is at fault: that one stays what it was when the running configuration was
 * read, or at start is done without, and the others are taken.
 *
 *   newest Corefile + newest ConfigMap
 *   newest Corefile + ConfigMap as it was   the ConfigMap is refused
 *   Corefile as it was + newest ConfigMap   the Corefile is refused
 *   both as they were                       both are
 *
 * At start "as it was" is: no ConfigMap, and no Corefile, so that one which
 * cannot be compiled ends the start. A file that cannot be read is what it was;
 * at start the Corefile is served without what needs it.
 */
#ifndef NODENS_CONFIG_H
#define NODENS_CONFIG_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "resolver/config/attempt.h"
#include "resolver/config/newest.h"

enum config_part { CONFIG_COREFILE, CONFIG_KUBEDNS, CONFIG_FILES, CONFIG_PARTS };

/* What of the newest could not be taken. */
struct config_refused {
	struct diag part[CONFIG_PARTS];   /* why; "": it was */
	bool unread;                      /* the template could not even be read */
	struct config_texts missing;      /* keys are paths that may appear later */
};
void config_refused_release(struct config_refused *r);

/* The best of what was read and what runs (`last`, NULL at start); with `keep_corefile` the
 * running Corefile, whatever is newer. What was refused is in *why, the caller's in either
 * case. An error: nothing can be served, or nothing can be told (no memory). */
int config_choose(const struct config_source *s, const struct config_newest *n, const struct config *last,
		  bool keep_corefile, struct config *ret, struct config_refused *why, struct diag *d);

#endif
