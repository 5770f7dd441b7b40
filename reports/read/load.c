/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for records: a folder with run.json is one, any other is looked into, to a
 * depth. A folder in which a tool began to write and never ended is a run that was
 * expected and did not report; saying nothing of it would make the rest look whole.
 */
#include "reports/read/load.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/record/result_dir.h"

static bool below(char path[4096], const char *dir, const char *name)
{
	return snprintf(path, 4096, "%s/%s", dir, name) < 4096;
}

static bool has(const char *dir, const char *name)
{
	char path[4096];
	return below(path, dir, name) && access(path, F_OK) == 0;
}

static int load_one(struct book *b, const char *dir, struct diag *d)
{
	if (b->n_records == BOOK_RECORDS_MAX)
		return diag_set(d, ERR_LIMIT, "%s: more than %d records", dir, BOOK_RECORDS_MAX);
	int rc = record_load(&b->record[b->n_records], dir, d);
	if (!rc)
		b->n_records++;
	return rc;
}

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int look(struct book *b, const char *dir, int depth, struct diag *d);

static int look_below(struct book *b, const char *dir, int depth, struct diag *d)
{
	struct dirent **list;
	char path[4096];
	struct stat st;
	int rc = 0, n = scandir(dir, &list, no_dots, alphasort);
	if (n < 0)
		return depth ? 0 : diag_errno(d, "%s", dir); /* what we may not read was not meant */
	for (int i = 0; i < n; i++) {
		if (!rc && below(path, dir, list[i]->d_name) && !lstat(path, &st) && S_ISDIR(st.st_mode))
			rc = look(b, path, depth + 1, d);
		free(list[i]);
	}
	free(list);
	return rc;
}

static int look(struct book *b, const char *dir, int depth, struct diag *d)
{
	if (has(dir, RESULT_RUN))
		return load_one(b, dir, d);
	if (has(dir, RESULT_TEMP)) {
		if (b->n_silent < BOOK_NOTES_MAX)
			snprintf(b->silent[b->n_silent++], sizeof(b->silent[0]), "%.400s: a run began here and left no record",
				 dir);
		return 0;
	}
	return depth < BOOK_DEPTH_MAX ? look_below(b, dir, depth, d) : 0;
}

static int load(struct book *b, const char *dir, struct diag *d)
{
	size_t records = b->n_records, silent = b->n_silent;
	int rc = look(b, dir, 0, d);
	if (!rc && b->n_records == records && b->n_silent == silent)
		rc = diag_set(d, ERR_MISSING, "%s: no run.json here or in the folders below", dir);
	return rc;
}

int book_load(struct book **ret, char **dirs, size_t n_dirs, struct diag *d)
{
	struct book *b = calloc(1, sizeof(*b));
	int rc = b ? 0 : diag_set(d, ERR_NOMEM, "no memory");
	for (size_t i = 0; !rc && i < n_dirs; i++)
		rc = load(b, dirs[i], d);
	if (rc) {
		book_free(b);
		return rc;
	}
	book_arrange(b);
	*ret = b;
	return 0;
}
