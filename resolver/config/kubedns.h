/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kube-dns ConfigMap as kubelet mounts it: a directory with one file per
 * key, of which `stubDomains` and `upstreamNameservers` matter. It is taken as a
 * whole or not at all, as the original does.
 */
#ifndef NODENS_KUBEDNS_H
#define NODENS_KUBEDNS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "resolver/config/render.h"

#define KUBEDNS_UPSTREAMS_MAX 3 /* the original's limit */

struct kubedns_conf {
	size_t n_stubs;
	struct render_stub *stub; /* sorted by domain */
	size_t n_upstreams;
	char *upstream[KUBEDNS_UPSTREAMS_MAX];
};

struct kubedns_text { /* the two values as they are; NULL: no such key */
	char *stubs, *upstreams;
};

/* Reads the directory. A missing directory is one without keys. */
int kubedns_text_read(const char *dir, struct kubedns_text *ret, struct diag *d);
int kubedns_text_copy(const struct kubedns_text *t, struct kubedns_text *ret);
void kubedns_text_release(struct kubedns_text *t);

/* No key is an empty configuration; anything invalid is an error and leaves
 * *ret alone. Either may be NULL. */
int kubedns_parse(const char *stub_json, const char *upstream_json, struct kubedns_conf *ret,
		  struct diag *d);
void kubedns_release(struct kubedns_conf *c);

#endif
