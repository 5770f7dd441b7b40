/* SPDX-License-Identifier: Apache-2.0 */
/* The texts in memory, and as a folder. */
#include "kind-e2e/doctor/texts.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"

#define ABSENT ".absent"

void texts_release(struct texts *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free(s->t[i].body);
	s->n = 0;
}

static struct text *slot(struct texts *s, const char *name)
{
	struct text *t = (struct text *)texts_find(s, name);

	if (!t && s->n < TEXTS_MAX) {
		t = &s->t[s->n++];
		memset(t, 0, sizeof *t);
		snprintf(t->name, sizeof t->name, "%s", name);
	}
	if (t) {
		free(t->body);
		t->body = NULL;
		t->len = 0;
	}
	return t;
}

void texts_lack(struct texts *s, const char *name, const char *why)
{
	struct text *t = slot(s, name);

	if (!t)
		return;
	snprintf(t->why, sizeof t->why, "%.*s", (int)strcspn(why, "\n"), why);
}

void texts_take(struct texts *s, const char *name, char *body)
{
	size_t len = strlen(body);
	struct text *t = len <= TEXT_SIZE_MAX ? slot(s, name) : NULL;
	char why[80];

	if (t) {
		t->body = body;
		t->len = len;
		return;
	}
	free(body);
	snprintf(why, sizeof why, "longer than %u octets", TEXT_SIZE_MAX);
	texts_lack(s, name, why);
}

const struct text *texts_find(const struct texts *s, const char *name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!strcmp(s->t[i].name, name))
			return &s->t[i];
	return NULL;
}

const char *texts_get(const struct texts *s, const char *name, const char **ret_why)
{
	const struct text *t = texts_find(s, name);

	if (ret_why)
		*ret_why = !t ? "it was not looked at" : t->why;
	return t ? t->body : NULL;
}

int texts_save(const struct texts *s, const char *dir, struct diag *d)
{
	int rc = mkdir(dir, 0755) && errno != EEXIST ? diag_errno(d, "%s", dir) : 0;
	char path[4096];

	for (unsigned i = 0; !rc && i < s->n; i++) {
		const struct text *t = &s->t[i];

		if (snprintf(path, sizeof path, "%s/%s%s", dir, t->name, t->body ? "" : ABSENT) >=
		    (int)sizeof path)
			return diag_set(d, ERR_LIMIT, "%.80s...: the name is too long", dir);
		rc = file_write_atomic(path, t->body ? t->body : t->why,
				       t->body ? t->len : strlen(t->why), d);
	}
	return rc;
}

static int load_one(struct texts *s, const char *dir, const char *file, struct diag *d)
{
	size_t len = strlen(file), tail = strlen(ABSENT);
	bool absent = len > tail && !strcmp(file + len - tail, ABSENT);
	char path[4096], name[TEXT_NAME_MAX], *body;
	struct stat st;
	int rc;

	len -= absent ? tail : 0;
	if (len >= sizeof name)
		return diag_set(d, ERR_LIMIT, "%s/%.80s: a name of more than %zu octets", dir, file,
				sizeof name - 1);
	if (s->n == TEXTS_MAX)
		return diag_set(d, ERR_LIMIT, "%s: more than %d files", dir, TEXTS_MAX);
	snprintf(name, sizeof name, "%.*s", (int)len, file);
	if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
		return diag_set(d, ERR_LIMIT, "%.80s...: the name is too long", dir);
	if (!stat(path, &st) && !S_ISREG(st.st_mode)) /* a FIFO would be waited for */
		return diag_set(d, ERR_SYNTAX, "%s: not a file", path);
	rc = file_read(path, TEXT_SIZE_MAX, &body, NULL, d);
	if (rc)
		return rc;
	if (!absent) {
		texts_take(s, name, body);
		return 0;
	}
	texts_lack(s, name, body);
	free(body);
	return 0;
}

int texts_load(struct texts *s, const char *dir, struct diag *d)
{
	DIR *at = opendir(dir);
	struct dirent *e;
	int rc = 0;

	if (!at)
		return diag_errno(d, "%s", dir);
	while (!rc && (e = readdir(at)))
		if (e->d_name[0] != '.')
			rc = load_one(s, dir, e->d_name, d);
	closedir(at);
	return rc;
}
