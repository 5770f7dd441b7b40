/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages of a capture as a query stream (lib/record/qstream.h), or as a capture of
 * nothing else, each packet once: as the client sent and got it, or as it went on after translation, or every
 * view there is.
 */
#ifndef NODENS_QSOUT_H
#define NODENS_QSOUT_H

#include "lib/record/qstream.h"
#include "pcap-replay/traffic/pcapout.h"
#include "pcap-replay/traffic/transact.h"

enum qsout_view { QSOUT_CLIENT, QSOUT_UPSTREAM, QSOUT_ALL };

struct qsout {
	struct qs_writer *w;    /* where to: a stream, */
	struct pcapout *pcap;   /* a capture, or both; NULL: not there */
	enum qsout_view view;
	const char *point, *source; /* facts; NULL: not told */
	uint64_t zero_ns; /* time of the first record: the stream's zero */
	uint64_t records;
	bool begun;
};
void qsout_message(struct qsout *q, const struct dmessage *m, enum txn_event e, const struct txn *t);

#endif
