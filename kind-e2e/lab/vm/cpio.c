/* SPDX-License-Identifier: Apache-2.0 */
/* Writes an initramfs front to back. */
#include "kind-e2e/lab/vm/cpio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct cpio {
	FILE *out;
	char path[4096];
	char **name;
	size_t n_names, cap;
	unsigned ino;
	int code;
	struct diag diag;
};

int cpio_open(struct cpio **ret, const char *path, struct diag *d)
{
	struct cpio *c = calloc(1, sizeof *c);

	if (!c)
		return diag_set(d, ERR_NOMEM, "%s: no memory", path);
	snprintf(c->path, sizeof c->path, "%s", path);
	c->out = fopen(path, "we");
	if (!c->out) {
		free(c);
		return diag_errno(d, "%s", path);
	}
	*ret = c;
	return 0;
}

bool cpio_has(const struct cpio *c, const char *name)
{
	for (size_t i = 0; i < c->n_names; i++)
		if (!strcmp(c->name[i], name))
			return true;
	return false;
}

static void remember(struct cpio *c, const char *name)
{
	if (c->n_names == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 256;
		char **more = realloc(c->name, cap * sizeof more[0]);

		if (!more) {
			c->code = diag_set(&c->diag, ERR_NOMEM, "%s: no memory", c->path);
			return;
		}
		c->name = more;
		c->cap = cap;
	}
	c->name[c->n_names] = strdup(name);
	if (!c->name[c->n_names])
		c->code = diag_set(&c->diag, ERR_NOMEM, "%s: no memory", c->path);
	else
		c->n_names++;
}

static void pad(struct cpio *c)
{
	while (ftell(c->out) % 4)
		putc('\0', c->out);
}

/* Thirteen fields of eight hex digits, of which a kernel reads inode, mode,
 * links, size and length of the name. */
static void head(struct cpio *c, const char *name, unsigned mode, size_t size)
{
	fprintf(c->out, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", ++c->ino,
		mode, 0u, 0u, 1u, 0u, size, 0u, 0u, 0u, 0u, strlen(name) + 1, 0u);
	fwrite(name, 1, strlen(name) + 1, c->out);
	pad(c);
}

static bool begin(struct cpio *c, const char *name)
{
	char parent[4096];

	if (c->code || cpio_has(c, name))
		return false;
	snprintf(parent, sizeof parent, "%s", name);
	if (strrchr(parent, '/')) {
		*strrchr(parent, '/') = '\0';
		cpio_dir(c, parent);
	}
	remember(c, name);
	return !c->code;
}

void cpio_dir(struct cpio *c, const char *name)
{
	if (begin(c, name))
		head(c, name, S_IFDIR | 0755, 0);
}

static void body(struct cpio *c, const char *name, unsigned mode, const char *text)
{
	if (!begin(c, name))
		return;
	head(c, name, mode, strlen(text));
	fwrite(text, 1, strlen(text), c->out);
	pad(c);
}

void cpio_text(struct cpio *c, const char *name, unsigned mode, const char *text)
{
	body(c, name, S_IFREG | mode, text);
}

void cpio_link(struct cpio *c, const char *name, const char *target)
{
	body(c, name, S_IFLNK | 0777, target);
}

void cpio_file(struct cpio *c, const char *name, const char *from)
{
	FILE *in = fopen(from, "re");
	struct stat st;
	char buf[65536];
	off_t left;

	if (!in || fstat(fileno(in), &st) || !S_ISREG(st.st_mode)) {
		if (!c->code)
			c->code = in ? diag_set(&c->diag, ERR_SYS, "%s: not a plain file", from)
				     : diag_errno(&c->diag, "%s", from);
	} else if (begin(c, name)) {
		head(c, name, st.st_mode & (S_IFMT | 0777), (size_t)st.st_size);
		for (left = st.st_size; left > 0;) {
			size_t n = fread(buf, 1, sizeof buf, in);

			if (!n || (off_t)n > left) {
				c->code =
					diag_set(&c->diag, ERR_SYS, "%s: changed while read", from);
				break;
			}
			fwrite(buf, 1, n, c->out);
			left -= (off_t)n;
		}
		pad(c);
	}
	if (in)
		fclose(in);
}

int cpio_close(struct cpio *c, struct diag *d)
{
	int code;

	if (!c->code)
		head(c, "TRAILER!!!", 0, 0);
	if ((ferror(c->out) | fclose(c->out)) && !c->code)
		c->code = diag_errno(&c->diag, "%s", c->path);
	code = c->code;
	if (code)
		*d = c->diag;
	for (size_t i = 0; i < c->n_names; i++)
		free(c->name[i]);
	free(c->name);
	free(c);
	return code;
}
