/* SPDX-License-Identifier: Apache-2.0 */
/* One small file a key. */
#include "resolver/config/kubedns_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"

#define VALUE_MAX (1 << 20) /* a whole ConfigMap may not be larger */

/* NULL text when the key is not there. */
static int key_read(const char *dir, const char *key, char **ret, struct diag *d)
{
	char path[4096];
	struct stat st;

	*ret = NULL;
	if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, key) >= sizeof path)
		return diag_set(d, ERR_LIMIT, "%s: path too long", dir);
	if (stat(path, &st) && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	return file_read(path, VALUE_MAX, ret, NULL, d);
}

int kubedns_text_read(const char *dir, struct kubedns_text *ret, struct diag *d)
{
	struct kubedns_text t = {0};
	int err = key_read(dir, "stubDomains", &t.stubs, d);

	if (!err)
		err = key_read(dir, "upstreamNameservers", &t.upstreams, d);
	if (err)
		kubedns_text_release(&t);
	else
		*ret = t;
	return err;
}

int kubedns_text_copy(const struct kubedns_text *t, struct kubedns_text *ret)
{
	struct kubedns_text c = {t->stubs ? strdup(t->stubs) : NULL, t->upstreams ? strdup(t->upstreams) : NULL};

	if ((t->stubs && !c.stubs) || (t->upstreams && !c.upstreams)) {
		kubedns_text_release(&c);
		return ERR_NOMEM;
	}
	*ret = c;
	return 0;
}

void kubedns_text_release(struct kubedns_text *t)
{
	free(t->stubs);
	free(t->upstreams);
	*t = (struct kubedns_text){0};
}

static bool text_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool kubedns_text_same(const struct kubedns_text *a, const struct kubedns_text *b)
{
	return text_eq(a->stubs, b->stubs) && text_eq(a->upstreams, b->upstreams);
}
