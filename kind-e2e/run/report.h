/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run found, for a person (one line a check as it comes, a verdict a cell), for a test
 * harness (TAP version 13) and for a CI system (JUnit XML).
 */
#ifndef NODENS_KIND_E2E_REPORT_H
#define NODENS_KIND_E2E_REPORT_H

#include <stdio.h>

#include "kind-e2e/check/judge.h"

void report_line(FILE *out, const struct finding *f);
void report_verdict(FILE *out, const struct findings *f);
/* Whole files; "-" is standard output. */
int report_tap(const char *path, const struct findings *cells, unsigned n, struct diag *d);
int report_junit(const char *path, const struct findings *cells, unsigned n, struct diag *d);
/* The table of all checks, as Markdown's. */
void report_list(FILE *out);

#endif
