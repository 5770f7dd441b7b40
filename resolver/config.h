/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to a configuration that can be served: template and kube-dns
 * ConfigMap -> Corefile -> plan. Everything is read and checked before anything
 * is replaced, so a bad file leaves the running configuration alone.
 */
#ifndef NODENS_CONFIG_H
#define NODENS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "resolver/corefile/corefile.h"
#include "resolver/flags.h"
#include "resolver/kubedns.h"
#include "resolver/loopcheck.h"

struct config {
	char *name;                 /* of the Corefile: for messages and relative imports */
	char *text;
	size_t len;
	struct corefile_plan *plan;
	bool rendered;              /* from the template; else read from -conf */
};

/* What is remembered from one reading to the next. */
struct config_source {
	const struct node_flags *flags;
	uint16_t private_port;        /* of corefile_env */
	struct kubedns_conf kubedns;  /* the last good one */
	const struct loopcheck_shared *loops; /* upstreams to leave out, or NULL */
	char *stdin_text;             /* can be read only once */
	void (*trouble)(void *ctx, const char *text); /* ConfigMap or file not usable: counted, logged */
	void *ctx;
};

void config_source_init(struct config_source *s, const struct node_flags *f);
void config_source_release(struct config_source *s);
/* The directory of the kube-dns ConfigMap, or NULL. */
const char *config_kubedns_dir(const struct node_flags *f);

int config_read(struct config_source *s, struct config *ret, struct diag *d);
void config_release(struct config *c);

/* Paths whose change calls for config_read: NULL-terminated, pointers into the
 * flags and the plan. `ret` has room for `max`. A path that is a directory
 * stands for all that is in it. */
size_t config_files(const struct config_source *s, const struct config *c, const char **ret, size_t max);

#endif
