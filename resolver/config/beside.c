/* SPDX-License-Identifier: Apache-2.0 */
/* Both are redone whenever a configuration is taken. */
#include "resolver/config/beside.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"

int config_rendered_write(const struct config_source *s, const struct config *c, struct diag *d)
{
	const char *path = s->flags->conf;
	char *old = NULL;
	struct diag ignored;
	if (!c->rendered || !*path || strcmp(path, "stdin") == 0)
		return 0;
	bool same = file_read(path, COREFILE_MAX, &old, NULL, &ignored) == 0 && strcmp(old, c->text) == 0;
	free(old);
	return same ? 0 : file_write_atomic(path, c->text, c->len, d);
}

size_t config_files(const struct config_source *s, const struct config *c, const struct config_refused *why,
		    const char **ret, size_t max)
{
	const char *dir = config_kubedns_dir(s->flags);
	size_t n = 0;
	if (strcmp(s->flags->conf, "stdin") != 0 && n + 1 < max)
		ret[n++] = c->rendered || !c->name ? s->flags->base_corefile : c->name;
	if (dir && n + 1 < max)
		ret[n++] = dir;
	for (size_t i = 0; c->plan && i < c->plan->n_files && n + 1 < max; i++)
		ret[n++] = c->plan->file[i].path;
	for (size_t i = 0; i < why->missing.n && n + 1 < max; i++)
		ret[n++] = why->missing.entry[i].key;
	ret[n] = NULL;
	return n;
}
