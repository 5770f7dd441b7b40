/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kube-dns ConfigMap says: `stubDomains` and `upstreamNameservers`. It is taken as
 * a whole or not at all, as the original does.
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

/* No key is an empty configuration; anything invalid is an error and leaves
 * *ret alone. Either may be NULL. */
int kubedns_parse(const char *stub_json, const char *upstream_json, struct kubedns_conf *ret,
		  struct diag *d);
void kubedns_release(struct kubedns_conf *c);

#endif
