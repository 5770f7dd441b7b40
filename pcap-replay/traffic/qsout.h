/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages of a capture as a query stream (lib/record/qstream.h). */
#ifndef NODENS_QSOUT_H
#define NODENS_QSOUT_H

#include "lib/record/qstream.h"
#include "pcap-replay/traffic/extract.h"

struct qsout {
	struct qs_writer *w;
	uint64_t zero_ns; /* time of the first record: the stream's zero */
	bool begun;
};
void qsout_message(void *qsout, const struct dmessage *m); /* an extract_sink */

#endif
