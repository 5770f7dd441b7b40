/* SPDX-License-Identifier: Apache-2.0 */
/* What goes with a configuration that is served: the file that others read, and the paths
 * that are watched. */
#ifndef NODENS_CONFIG_BESIDE_H
#define NODENS_CONFIG_BESIDE_H

#include "resolver/config/config.h"

/* The file on disk is for people and for other tools: ours is in memory, so
 * that a read-only file system only costs a message. */
int config_rendered_write(const struct config_source *s, const struct config *c, struct diag *d);

/* Paths whose change calls for a reload: NULL-terminated, pointers into the
 * flags, the plan and `why`. `ret` has room for `max`. A path that is a directory
 * stands for all that is in it. */
size_t config_files(const struct config_source *s, const struct config *c, const struct config_refused *why,
		    const char **ret, size_t max);

#endif
