/* SPDX-License-Identifier: Apache-2.0 */
/* Growing reads, and a write that is renamed into place. */
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What a shell or a parent made, and has no name in any folder. */
static bool is_unnamed_pipe(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC;
}

FILE *file_open_ready(const char *path, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	FILE *f;

	if (fd < 0) {
		diag_errno(d, "%s", path);
		return NULL;
	}
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
		if (!is_unnamed_pipe(fd)) {
			diag_set(d, ERR_SYS, "%s: is a FIFO, which may keep a reader waiting", path);
			close(fd);
			return NULL;
		}
		fcntl(fd, F_SETFL, 0);
	}
	f = fdopen(fd, "r");
	if (!f) {
		diag_errno(d, "%s", path);
		close(fd);
	}
	return f;
}

/* All of it; closes it. NULL: could not be opened, and `d` says why. */
static int read_all(FILE *f, const char *path, size_t max, char **ret_text, size_t *ret_len, struct diag *d)
{
	size_t len = 0, cap = 4096, n;
	char *text = f ? malloc(cap + 1) : NULL;
	int err = 0;

	if (!f)
		return ERR_SYS;
	while (text && (n = fread(text + len, 1, cap - len, f)) > 0) {
		len += n;
		if (len < cap)
			continue;
		cap *= 2;
		char *more = len > max ? NULL : realloc(text, cap + 1);

		if (!more)
			break;
		text = more;
	}
	if (ferror(f))
		err = diag_errno(d, "%s", path);
	fclose(f);
	if (!err && len > max)
		err = diag_set(d, ERR_LIMIT, "%s: larger than %zu octets", path, max);
	if (!err && (!text || len == cap))
		err = diag_set(d, ERR_NOMEM, "%s: out of memory", path);
	if (!err && memchr(text, '\0', len))
		err = diag_set(d, ERR_SYNTAX, "%s: contains a NUL octet, this is no text", path);
	if (err) {
		free(text);
		return err;
	}
	text[len] = '\0';
	*ret_text = text;
	if (ret_len)
		*ret_len = len;
	return 0;
}

int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len, struct diag *d)
{
	FILE *f = fopen(path, "re");

	return f ? read_all(f, path, max, ret_text, ret_len, d) : diag_errno(d, "%s", path);
}

int file_read_ready(const char *path, size_t max, char **ret_text, size_t *ret_len, struct diag *d)
{
	return read_all(file_open_ready(path, d), path, max, ret_text, ret_len, d);
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_write_atomic(const char *path, const char *text, size_t len, struct diag *d)
{
	char tmp[4096];
	int fd, err = 0;

	if ((size_t)snprintf(tmp, sizeof tmp, "%s.%d.tmp", path, (int)getpid()) >= sizeof tmp)
		return diag_set(d, ERR_LIMIT, "%s: path too long", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return diag_errno(d, "%s", tmp);
	if (write_all(fd, text, len))
		err = diag_errno(d, "%s", tmp);
	if (close(fd) && !err)
		err = diag_errno(d, "%s", tmp);
	if (!err && rename(tmp, path))
		err = diag_errno(d, "%s", path);
	if (err)
		unlink(tmp);
	return err;
}

int file_stdout_done(struct diag *d)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	errno = errno ? errno : EIO;
	return diag_errno(d, "standard output");
}
