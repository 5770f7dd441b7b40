/* SPDX-License-Identifier: Apache-2.0 */
/* What was in a capture: the table for a person, the record for the report. */
#ifndef NODENS_SUMMARY_H
#define NODENS_SUMMARY_H

#include <stdio.h>

#include "lib/record/result.h"
#include "pcap-replay/traffic/extract.h"
#include "pcap-replay/traffic/transact.h"

struct summary; /* figures drawn from the transactions once */
struct summary *summary_new(const struct extract_counts *x, const struct transact *t);
void summary_free(struct summary *s);
void summary_print(const struct summary *s, FILE *out);
extern const struct metric_def summary_metrics[];
void summary_record(const struct summary *s, struct result *r);
/* One row a transaction, for spreadsheets and SQL. 0 or a write error. */
int summary_csv(const struct transact *t, const char *path, struct diag *d);

#endif
