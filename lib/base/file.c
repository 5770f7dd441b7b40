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

static const char *kind_of(mode_t mode)
{
	return S_ISFIFO(mode) ? "a pipe" : S_ISDIR(mode) ? "a folder" : S_ISSOCK(mode) ? "a socket" : "a device";
}

static FILE *open_as(const char *path, bool regular, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	FILE *f = NULL;

	if (fd < 0 || fstat(fd, &st) < 0) {
		diag_errno(d, "%s", path);
	} else if (S_ISFIFO(st.st_mode) && !is_unnamed_pipe(fd)) {
		diag_set(d, ERR_SYS, "%s: expected a file, found a FIFO, which may keep a reader waiting", path);
	} else if (regular && !S_ISREG(st.st_mode)) {
		diag_set(d, ERR_SYS, "%s: expected a file, which can be read twice, found %s", path, kind_of(st.st_mode));
	} else {
		fcntl(fd, F_SETFL, 0); /* what waits from here on was asked for */
		f = fdopen(fd, "r");
		if (!f)
			diag_errno(d, "%s", path);
	}
	if (!f && fd >= 0)
		close(fd);
	return f;
}

FILE *file_open(const char *path, struct diag *d)
{
	return open_as(path, false, d);
}

FILE *file_open_regular(const char *path, struct diag *d)
{
	return open_as(path, true, d);
}

int file_check(const char *path, struct diag *d)
{
	FILE *f = file_open(path, d);

	if (!f)
		return ERR_SYS;
	fclose(f);
	return 0;
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
	return read_all(file_open(path, d), path, max, ret_text, ret_len, d);
}

int file_read_stdin(size_t max, char **ret_text, size_t *ret_len, struct diag *d)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (!f) {
		int rc = diag_errno(d, "standard input");
		if (fd >= 0)
			close(fd);
		return rc;
	}
	return read_all(f, "standard input", max, ret_text, ret_len, d);
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
