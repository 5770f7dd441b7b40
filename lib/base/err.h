/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as values. Every function of ours that can fail returns 0 or one of
 * these negative codes and leaves its output untouched on failure; the words
 * for a person go into a struct diag, because only the place that found the
 * fault knows file, line and what was expected. Libraries never print.
 */
#ifndef NODENS_ERR_H
#define NODENS_ERR_H

enum err {
	ERR_NOMEM = -1,   /* allocation failed, or a fixed table is full */
	ERR_SYS = -2,     /* a system call failed; the diag holds strerror */
	ERR_SYNTAX = -3,  /* input is not of the form its format demands */
	ERR_RANGE = -4,   /* well-formed, but outside the permitted range */
	ERR_SHORT = -5,   /* input ended early, or output buffer too small */
	ERR_UNKNOWN = -6, /* unknown key, name, type or version */
	ERR_EXISTS = -7,  /* given twice */
	ERR_MISSING = -8, /* required, but absent */
	ERR_LIMIT = -9,   /* a stated limit would be exceeded */
	ERR_UNSUPPORTED = -10, /* valid, but this build or kernel cannot do it */
	ERR_PEER = -11,   /* the other side misbehaved */
	ERR_TIMEOUT = -12,
};

/* One sentence for a person: "quickstart.yaml:7:9: unknown key 'pod' (did you
 * mean 'pods'?)". Caller's storage; empty when nothing was said. */
struct diag {
	char text[512];
};

/* Short English for a code; never NULL. */
const char *err_str(int code);

/* Fill the diag and return `code`, so that `return diag_set(...)` reads well.
 * A NULL diag is allowed and discards the text. */
int diag_set(struct diag *d, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with "file:line:col: " before it; line or col 0 leaves it out. */
int diag_at(struct diag *d, int code, const char *file, unsigned line,
	    unsigned col, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* "what: strerror(errno)", returns ERR_SYS. */
int diag_errno(struct diag *d, const char *what_fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The candidate nearest to `word` (edit distance at most 3 and under half its
 * length), or NULL: for did-you-mean. `list` ends with NULL. */
const char *err_suggest(const char *word, const char *const *list);

#endif
