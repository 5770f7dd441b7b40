/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reader of a Corefile has to say about it: errors and warnings in the
 * order found, each with its place.
 */
#ifndef NODENS_CF_REPORT_H
#define NODENS_CF_REPORT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "resolver/corefile/arena.h"
#include "resolver/corefile/corefile.h"

enum { CF_NOTES_MAX = 1000 };

struct cf_note {
	bool is_error;
	const char *text; /* "file:line:col: ..." */
};
struct cf_report {
	struct arena *arena;
	size_t n, n_errors;
	struct cf_note *note;
};

struct cf_report *cf_report_new(struct arena *a);
/* `at` may be NULL: then without a place. Returns ERR_SYNTAX. */
int cf_report_error(struct cf_report *r, const struct cf_token *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void cf_report_warn(struct cf_report *r, const struct cf_token *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void cf_report_add(struct cf_report *r, bool is_error, const struct cf_token *at, const char *fmt,
		   va_list ap) __attribute__((format(printf, 4, 0)));
/* The first error as a diag; returns ERR_SYNTAX, or ERR_NOMEM when there is none. */
int cf_report_diag(const struct cf_report *r, struct diag *d);
/* " (did you mean 'x'?)" or "". */
const char *cf_did_you_mean(struct arena *a, const char *word, const char *const *list);

#endif
