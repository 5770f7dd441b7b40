/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cluster lab's script writes while it runs, one line a check, made into what
 * people and machines read: a table, a result record (docs/formats.md), JUnit XML.
 *
 *   VERDICT <tab> SECONDS <tab> NAME <tab> DETAIL      passed, failed, flaky, skipped
 *   = METRIC <tab> VALUE                               a number of verdicts.c's table
 *   @ KEY <tab> VALUE                                  a label of the record
 */
#ifndef NODENS_KIND_E2E_VERDICTS_H
#define NODENS_KIND_E2E_VERDICTS_H

#include "lib/base/err.h"

struct verdicts_options {
	const char *checks; /* the file */
	const char *out;    /* folder of the record, or NULL */
	const char *junit;  /* file, or NULL */
	const char *lab;    /* whose checks they are, for record and JUnit; NULL: cluster */
	int argc;	    /* the command line, for the record */
	char **argv;
};

/* 0 when none failed and at least one passed, 1 when not, 3: a file that cannot be read or
 * written. A flaky check is one that failed and, repeated, passed: it is told, and no failure. */
int verdicts_main(const struct verdicts_options *o);

#endif
