/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dnsperf's text: a name and a type a line, blank lines and comments (# or ;) between
 * them. It has no times and no clients: its questions are as far apart as the caller says.
 */
#ifndef NODENS_TRAFFIC_DNSPERF_H
#define NODENS_TRAFFIC_DNSPERF_H

#include <stdio.h>

#include "lib/record/qstream.h"

#define DNSPERF_LINE_MAX 2048 /* octets */

struct dnsperf {
	FILE *in;
	const char *path; /* for errors */
	double rate;      /* questions a second, above 0 */
	uint64_t line, n; /* read so far */
};
/* 1 and a question, 0 at the end, or negative and a diag with file and line. */
int dnsperf_next(struct dnsperf *in, struct qrec *ret, struct diag *d);
/* False: the record is no question whose name and type are known, and nothing was written. */
bool dnsperf_put(FILE *out, const struct qrec *r);

#endif
