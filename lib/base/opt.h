/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines from a table: one row an option, and the row yields parsing,
 * type check, --help and the man page check. Two dialects: GNU long options for
 * our tools, and Go's flag syntax (-x v, --x v, -x=v; booleans only -x or
 * -x=false) for node-cache, because manifests in circulation use it.
 */
#ifndef NODENS_OPT_H
#define NODENS_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/err.h"

enum opt_type {
	OPT_BOOL,     /* bool */
	OPT_TEXT,     /* const char *, points into argv */
	OPT_U64,      /* uint64_t, within min..max */
	OPT_F64,      /* double */
	OPT_DURATION, /* uint64_t ns; text like 250ms, 5s, 1m30s; bare number = seconds */
	OPT_LIST,     /* struct opt_list: may be repeated */
	OPT_CUSTOM,   /* parse callback */
};
#define OPT_LIST_MAX 64
struct opt_list {
	const char *item[OPT_LIST_MAX];
	size_t n;
};
struct opt_def {
	const char *name; /* without dashes; a table ends with a NULL name */
	char letter;      /* short form or 0 (GNU dialect only) */
	enum opt_type type;
	void *value;      /* where it goes; holds the default before parsing */
	const char *arg;  /* "FILE", NULL for booleans */
	const char *help; /* one line */
	uint64_t min, max; /* OPT_U64: range when max > 0 */
	int (*parse)(void *value, const char *text, struct diag *d); /* OPT_CUSTOM */
};
enum opt_dialect { OPT_GNU, OPT_GO };
/* Program description for --help: usage line and one sentence. */
struct opt_prog {
	const char *name, *usage, *about;
	const struct opt_def *defs;
	enum opt_dialect dialect;
};

/* Parses argv; operands are moved to argv[1..] and their count is returned.
 * On error: negative and a diag that names the option and what it takes.
 * --help and --version are handled by the caller through `ret_special`:
 * 'h', 'v' or 0. */
int opt_parse(const struct opt_prog *p, int argc, char **argv, char *ret_special, struct diag *d);
void opt_help(const struct opt_prog *p, FILE *out);
/* Shared by config readers: "5s", "250ms", "1m30s", "1h"; bare number is
 * multiplied by bare_unit_ns, 0 forbids it. */
int opt_duration(const char *text, uint64_t bare_unit_ns, uint64_t *ret_ns);

/* The version of this build: from git or the release, set by the Makefile. */
const char *opt_version(void);

#endif
