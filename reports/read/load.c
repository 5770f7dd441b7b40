/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for records: a folder with run.json is one, any other is looked into, to a
 * depth. Of a record all is read here once: what a later reader would pass over in silence,
 * because it is damaged, is an error that names file and line. A folder in which a tool began to write and never ended is a run that was
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
#include "lib/record/table.h"

static bool below(char path[4096], const char *dir, const char *name)
{
	return snprintf(path, 4096, "%s/%s", dir, name) < 4096;
}

static bool has(const char *dir, const char *name)
{
	char path[4096];
	return below(path, dir, name) && access(path, F_OK) == 0;
}

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void note_missing(struct book *b, const struct record *r)
{
	const char *name;
	char file[128];
	for (size_t i = 0; (name = record_hist_name(r, i)); i++) {
		snprintf(file, sizeof(file), "hist-%.100s.csv", name);
		if (!has(record_dir(r), file) && b->n_notes < BOOK_NOTES_MAX)
			snprintf(b->note[b->n_notes++], sizeof(b->note[0]),
				 "%.300s: %s is named in run.json and is not there: no curve of it, no intervals.", record_dir(r), file);
	}
}

/* The middle of "hist-NAME.csv"; NULL: the file is none of that kind. */
static char *name_in(char *file, const char *head)
{
	size_t len = strlen(file), from = strlen(head);
	if (len <= from + 4 || strncmp(file, head, from) || strcmp(file + len - 4, ".csv"))
		return NULL;
	file[len - 4] = '\0';
	return file + from;
}

static int check_file(const struct record *r, char *file, struct diag *d)
{
	static struct hist h;
	struct table t = { 0 };
	char *name = name_in(file, "hist-");
	if (name)
		return record_hist_load(r, name, &h, d);
	name = name_in(file, "table-");
	int rc = name ? record_table(r, name, &t, d) : 0;
	table_release(&t);
	return rc;
}

static int check_files(struct book *b, const struct record *r, struct diag *d)
{
	struct dirent **list;
	int rc = 0, n = scandir(record_dir(r), &list, no_dots, alphasort);
	for (int i = 0; i < n; i++) {
		rc = rc ? rc : check_file(r, list[i]->d_name, d);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	note_missing(b, r);
	return rc;
}

static int load_one(struct book *b, const char *dir, struct diag *d)
{
	if (b->n_records == BOOK_RECORDS_MAX)
		return diag_set(d, ERR_LIMIT, "%s: more than %d records", dir, BOOK_RECORDS_MAX);
	int rc = record_load(&b->record[b->n_records], dir, d);
	if (rc)
		return rc;
	const struct record *r = b->record[b->n_records++];
	return check_files(b, r, d);
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
