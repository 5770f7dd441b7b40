/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step 1 of a reload: what people wrote, read as it is now. Nothing is judged here but
 * whether it could be read. The files that a Corefile names are read when it is known
 * which these are (reader.h).
 */
#ifndef NODENS_CONFIG_NEWEST_H
#define NODENS_CONFIG_NEWEST_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "resolver/config/flags.h"
#include "resolver/config/kubedns_text.h"
#include "resolver/corefile/loops.h"

#define COREFILE_MAX (16u << 20)

/* Where configuration comes from, and what does not change while we run. */
struct config_source {
	const struct node_flags *flags;
	uint16_t private_port;        /* of corefile_env */
	const struct loopcheck_shared *loops; /* upstreams to leave out, or NULL */
	/* corefile_env's, with its first argument; NULL: names are looked up here, and waited for */
	size_t (*host_addrs)(void *ctx, const char *host, const struct in6_addr *server, const uint16_t *port, size_t n,
			     struct in6_addr *ret, size_t max);
	void *host_ctx;
	char *stdin_text;             /* can be read only once */
	/* for the template; cluster_dns points to what is beside it, or to the environment */
	const char *cluster_dns;      /* NULL: unknown */
	char cluster_dns_env[256];    /* where it was looked for */
	struct flags_ip cluster_literal;
};

void config_source_init(struct config_source *s, const struct node_flags *f);
void config_source_release(struct config_source *s);
/* The directory of the kube-dns ConfigMap, or NULL. */
const char *config_kubedns_dir(const struct node_flags *f);

/* Both parts as they are now, or why they are not. */
struct config_newest {
	const char *name;             /* of the Corefile: for messages and relative imports */
	bool rendered;                /* it is a template; else it is served as it is */
	char *corefile;
	struct kubedns_text kubedns;
	int corefile_rc, kubedns_rc;  /* 0: it was read */
	struct diag corefile_why, kubedns_why;
};

/* `rendered_before`: the running configuration came from the template, so that one which is
 * gone is no reason to take our own rendering for a Corefile. */
void config_newest_read(struct config_source *s, bool rendered_before, struct config_newest *ret);
void config_newest_release(struct config_newest *n);

#endif
