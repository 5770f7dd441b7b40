/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was looked at, as texts with a name each: a file of /proc, what a tool printed, an answer
 * of the Kubernetes API. All facts are read from them and from nowhere else, so that a folder of
 * such texts, recorded where the trouble is, is judged anywhere as it would have been there.
 * A text that could not be had is there too, as the reason why.
 */
#ifndef NODENS_KIND_E2E_TEXTS_H
#define NODENS_KIND_E2E_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

#define TEXTS_MAX 64
#define TEXT_NAME_MAX 48
#define TEXT_SIZE_MAX (32u << 20) /* of one text; more is a reason, not a text */

struct text {
	char name[TEXT_NAME_MAX]; /* as a file: letters, digits, dot and dash */
	char *body;		  /* NULL: it could not be had */
	size_t len;
	char why[200];
};
struct texts {
	struct text t[TEXTS_MAX];
	unsigned n;
};

void texts_release(struct texts *s);
/* `body` is from the heap and now theirs; longer ones are dropped with a reason. */
void texts_take(struct texts *s, const char *name, char *body);
void texts_lack(struct texts *s, const char *name, const char *why);
/* NULL when it was never asked for. */
const struct text *texts_find(const struct texts *s, const char *name);
/* The body, or NULL and then the reason in `ret_why` (may be NULL). */
const char *texts_get(const struct texts *s, const char *name, const char **ret_why);

/* A folder with a file a text, and NAME.absent for each that is none. */
int texts_save(const struct texts *s, const char *dir, struct diag *d);
int texts_load(struct texts *s, const char *dir, struct diag *d);

#endif
