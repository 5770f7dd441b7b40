/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures as a stream of DNS messages and TCP opens and closes, in order of
 * time. Everything that reads captures hangs on this: pull one after another.
 */
#ifndef NODENS_EXTRACT_H
#define NODENS_EXTRACT_H

#include "lib/base/err.h"
#include "pcap-replay/read/budget.h"
#include "pcap-replay/read/frames.h"
#include "pcap-replay/read/message.h"
#include "pcap-replay/read/tcpstream.h"

#define EXTRACT_PORTS_MAX 16

struct extract_ports { /* which ports carry DNS; 53 unless told */
	unsigned n;
	uint16_t port[EXTRACT_PORTS_MAX];
};

struct extract_conf {
	const char *const *paths; /* files or folders */
	size_t n_paths;
	struct extract_ports ports; /* n 0: 53 */
	struct budget *budget;      /* lives as long as the extract */
};

struct extract_counts {
	struct frames_counts frames;
	uint64_t decode[N_DECODE], other_ports, messages, udp, tcp, malformed, cut;
	uint64_t tls;           /* segments of port 853: counted, not read */
	uint64_t tunnelled;     /* packets taken out of a tunnel */
	uint64_t looks_vxlan;   /* of other_ports: looks like VXLAN on a port of its own */
	uint64_t first_fragments; /* messages known from their first fragment only */
	uint64_t late, early;   /* reorder.h */
	uint64_t no_memory;     /* messages lost because memory was out */
	uint32_t unknown_link;  /* the first such LINKTYPE, when decode[SKIP_LINK] > 0 */
	struct tcp_counts streams;
};

struct extract;
int extract_open(struct extract **ret, const struct extract_conf *c, struct diag *d);
/* 1 and a message (valid until the next call); 0 when all was read to its true end;
 * negative for a fault, after everything that could be read has been handed out. */
int extract_next(struct extract *x, const struct dmessage **ret, struct diag *d);
/* What will come soon, for whoever can prepare for it: see reorder_ahead. Valid until extract_next hands it out. */
const struct dmessage *extract_ahead(struct extract *x);
/* Whole only after the end. */
const struct extract_counts *extract_counts(struct extract *x);
void extract_close(struct extract *x);

#endif
