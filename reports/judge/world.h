/* SPDX-License-Identifier: Apache-2.0 */
/* What a record says of its own size, so that totals become rates. */
#ifndef NODENS_REPORTS_WORLD_H
#define NODENS_REPORTS_WORLD_H

#include "reports/read/book.h"

/* Seconds of load, warm-up included, as totals have it; 0: not known. */
double world_seconds(const struct record *r);
/* Nodes that the record's totals speak of; 1 when it does not say. */
double world_nodes(const struct record *r);
/* A total of the record for one node and second; false: one of them is not known. */
bool world_rate(const struct record *r, const char *metric, double *ret);

/* A record's numbers spread by an equal step: the largest increase of a cumulative
 * column within `window_s`, a second; false: no such column, or a shorter run. */
bool world_peak_rate(const struct record *r, const char *column, double window_s, double *ret);

#endif
