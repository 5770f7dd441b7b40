/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "lib/base/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct text {
	char **ret, *b;
	size_t *ret_len, len, cap;
	bool is_cut; /* something did not fit, once */
};

static bool room_make(struct text *t, size_t n)
{
	size_t cap = t->cap ? t->cap : 512;
	char *b;

	while (cap - t->len <= n)
		cap *= 2;
	if (cap == t->cap)
		return true;
	b = realloc(t->b, cap);
	if (!b)
		return false;
	t->b = b;
	t->cap = cap;
	return true;
}

static ssize_t text_write(void *cookie, const char *from, size_t n)
{
	struct text *t = cookie;

	if (t->is_cut || !room_make(t, n)) {
		t->is_cut = true;
		errno = ENOMEM;
		return 0;
	}
	memcpy(t->b + t->len, from, n);
	t->len += n;
	return (ssize_t)n;
}

static int text_close(void *cookie)
{
	struct text *t = cookie;
	bool is_whole = !t->is_cut && room_make(t, 0);

	if (is_whole) {
		t->b[t->len] = 0;
		*t->ret_len = t->len;
		*t->ret = t->b;
	} else {
		free(t->b);
		*t->ret = NULL;
		errno = ENOMEM;
	}
	free(t);
	return is_whole ? 0 : -1;
}

FILE *text_open(char **ret, size_t *ret_len)
{
	struct text *t = calloc(1, sizeof(*t));
	FILE *f = t ? fopencookie(t, "w", (cookie_io_functions_t){.write = text_write, .close = text_close}) : NULL;

	if (!f) {
		free(t);
		return NULL;
	}
	t->ret = ret;
	t->ret_len = ret_len;
	return f;
}
