/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to a configuration that can be served. It has three parts that
 * people change apart from each other: the Corefile (or its template), the
 * kube-dns ConfigMap, and the files that the Corefile names. Everything is read,
 * rendered, compiled and checked before anything is replaced, and here alone it is decided which part
 * is at fault: that one stays what it was when the running configuration was
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
#include <stddef.h>

#include "lib/base/err.h"
#include "resolver/config/config_texts.h"
#include "resolver/corefile/corefile.h"
#include "resolver/config/flags.h"
#include "resolver/config/kubedns.h"
#include "resolver/corefile/loops.h"

struct config {
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

enum config_part { CONFIG_COREFILE, CONFIG_KUBEDNS, CONFIG_FILES, CONFIG_PARTS };

/* What of the newest could not be taken. */
struct config_refused {
	struct diag part[CONFIG_PARTS];   /* why; "": it was */
	bool unread;                      /* the template could not even be read */
	struct config_texts missing;      /* keys are paths that may appear later */
};
void config_refused_release(struct config_refused *r);

struct config_source {
	const struct node_flags *flags;
	uint16_t private_port;        /* of corefile_env */
	const struct loopcheck_shared *loops; /* upstreams to leave out, or NULL */
	char *stdin_text;             /* can be read only once */
};

void config_source_init(struct config_source *s, const struct node_flags *f);
void config_source_release(struct config_source *s);
/* The directory of the kube-dns ConfigMap, or NULL. */
const char *config_kubedns_dir(const struct node_flags *f);

/* `last` is the running configuration, NULL at start; with `keep_corefile` its
 * Corefile is kept, whatever is newer. What was refused is in *why, the
 * caller's in either case. An error: nothing can be served, or nothing can be told (no memory). */
int config_read(struct config_source *s, const struct config *last, bool keep_corefile, struct config *ret,
		struct config_refused *why, struct diag *d);
/* The file on disk is for people and for other tools: ours is in memory, so
 * that a read-only file system only costs a message. */
int config_rendered_write(const struct config_source *s, const struct config *c, struct diag *d);
void config_release(struct config *c);

/* Paths whose change calls for config_read: NULL-terminated, pointers into the
 * flags, the plan and `why`. `ret` has room for `max`. A path that is a directory
 * stands for all that is in it. */
size_t config_files(const struct config_source *s, const struct config *c, const struct config_refused *why,
		    const char **ret, size_t max);

#endif
