/* SPDX-License-Identifier: Apache-2.0 */
/* Only files that a record consists of are touched: a lab keeps its captures
 * and logs in the same folder. */
#include "lib/record/result_dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP RESULT_TEMP

int dirs_make(const char *path, struct diag *d)
{
	char *copy = strdup(path), *p = copy;
	int rc = copy ? 0 : diag_set(d, ERR_NOMEM, "no memory");
	while (!rc && p) {
		p = strchr(p + 1, '/');
		if (p)
			*p = '\0';
		if (mkdir(copy, 0777) && errno != EEXIST && errno != EISDIR)
			rc = diag_errno(d, "%s", copy);
		if (p)
			*p = '/';
	}
	free(copy);
	return rc;
}

static bool is_record_file(const char *name)
{
	size_t len = strlen(name);
	return !strcmp(name, RESULT_RUN) || !strcmp(name, RESULT_SERIES) ||
	       (!strncmp(name, "table-", 6) && len > 10 && !strcmp(name + len - 4, ".csv")) ||
	       (!strncmp(name, "hist-", 5) && len > 9 &&
		(!strcmp(name + len - 4, ".csv") || !strcmp(name + len - 5, ".hgrm")));
}

/* Calls `each` for every record file in `path`; stops at its first error. */
static int each_file(const char *path, int (*each)(int dir_fd, const char *name, void *arg), void *arg,
		     struct diag *d)
{
	struct dirent *e;
	DIR *dir = opendir(path);
	int rc = 0;
	if (!dir)
		return diag_errno(d, "%s", path);
	while (!rc && (e = readdir(dir)))
		if (is_record_file(e->d_name) && each(dirfd(dir), e->d_name, arg))
			rc = diag_errno(d, "%s/%s", path, e->d_name);
	closedir(dir);
	return rc;
}

static int remove_file(int dir_fd, const char *name, void *arg)
{
	(void)arg;
	return unlinkat(dir_fd, name, 0);
}

/* run.json stays behind: it goes last, and by itself. */
static int move_file(int dir_fd, const char *name, void *arg)
{
	return strcmp(name, RESULT_RUN) ? renameat(dir_fd, name, *(int *)arg, name) : 0;
}

static void release(struct result_dir *rd)
{
	free(rd->path);
	free(rd->temp);
	*rd = (struct result_dir){ NULL, NULL };
}

int result_dir_open(struct result_dir *ret, const char *path, struct diag *d)
{
	struct result_dir rd = { strdup(path), NULL };
	int rc = rd.path ? dirs_make(path, d) : diag_set(d, ERR_NOMEM, "no memory");
	if (!rc && asprintf(&rd.temp, "%s/" TEMP, path) < 0) {
		rd.temp = NULL;
		rc = diag_set(d, ERR_NOMEM, "no memory");
	}
	if (!rc && mkdir(rd.temp, 0777) && errno != EEXIST)
		rc = diag_errno(d, "%s", rd.temp);
	if (!rc)
		rc = each_file(rd.temp, remove_file, NULL, d);
	if (rc)
		release(&rd);
	else
		*ret = rd;
	return rc;
}

FILE *result_dir_create(const struct result_dir *rd, const char *name, struct diag *d)
{
	char *path;
	FILE *f = NULL;
	if (asprintf(&path, "%s/%s", rd->temp, name) < 0) {
		diag_set(d, ERR_NOMEM, "no memory");
		return NULL;
	}
	f = fopen(path, "we");
	if (!f)
		diag_errno(d, "%s", path);
	free(path);
	return f;
}

static int commit(struct result_dir *rd, int dir_fd, struct diag *d)
{
	if (unlinkat(dir_fd, RESULT_RUN, 0) && errno != ENOENT)
		return diag_errno(d, "%s/" RESULT_RUN, rd->path);
	int rc = each_file(rd->path, remove_file, NULL, d);
	if (!rc)
		rc = each_file(rd->temp, move_file, &dir_fd, d);
	if (!rc && renameat(dir_fd, TEMP "/" RESULT_RUN, dir_fd, RESULT_RUN))
		rc = diag_errno(d, "%s/" RESULT_RUN, rd->path);
	if (!rc)
		rmdir(rd->temp);
	return rc;
}

int result_dir_commit(struct result_dir *rd, struct diag *d)
{
	DIR *dir = opendir(rd->path);
	int rc = dir ? commit(rd, dirfd(dir), d) : diag_errno(d, "%s", rd->path);
	if (dir)
		closedir(dir);
	if (rc)
		result_dir_abandon(rd);
	else
		release(rd);
	return rc;
}

void result_dir_abandon(struct result_dir *rd)
{
	if (!rd->temp)
		return;
	each_file(rd->temp, remove_file, NULL, NULL);
	rmdir(rd->temp);
	rmdir(rd->path); /* only succeeds when nothing else is in it */
	release(rd);
}
