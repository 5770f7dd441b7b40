/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kube-dns ConfigMap as kubelet mounts it: a directory with one file per
 * key, of which `stubDomains` and `upstreamNameservers` matter.
 */
#ifndef NODENS_KUBEDNS_TEXT_H
#define NODENS_KUBEDNS_TEXT_H

#include <stdbool.h>

#include "lib/base/err.h"

struct kubedns_text { /* the two values as they are; NULL: no such key */
	char *stubs, *upstreams;
};

/* Reads the directory. A missing directory is one without keys. */
int kubedns_text_read(const char *dir, struct kubedns_text *ret, struct diag *d);
int kubedns_text_copy(const struct kubedns_text *t, struct kubedns_text *ret);
void kubedns_text_release(struct kubedns_text *t);
bool kubedns_text_same(const struct kubedns_text *a, const struct kubedns_text *b);

#endif
