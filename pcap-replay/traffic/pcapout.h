/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query stream as a capture again: raw IP packets with right checksums, nanoseconds, one
 * packet a message (over TCP as many segments as it takes, with begin and end where the
 * stream has them). What the stream does not know is made up: addresses of the
 * documentation's prefixes, a message without records from name, type and code.
 */
#ifndef NODENS_PCAPOUT_H
#define NODENS_PCAPOUT_H

#include <stdbool.h>

#include "lib/record/qstream.h"

struct pcapout;
/* `path` "-" is standard output. */
int pcapout_open(struct pcapout **ret, const char *path, struct diag *d);
void pcapout_zero(struct pcapout *p, uint64_t epoch_ns); /* when the stream's zero was; 1970 unless told */
/* False: nothing was written, for the record has neither octets nor a name, or is over TLS, or
 * longer than a datagram. */
bool pcapout_put(struct pcapout *p, const struct qrec *r);
/* 0, or the first write error. Frees in both cases; NULL is fine. */
int pcapout_close(struct pcapout *p, struct diag *d);

#endif
