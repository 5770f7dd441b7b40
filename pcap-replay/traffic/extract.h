/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture file as a stream of DNS messages and TCP opens and closes, in the
 * file's order. Everything that reads captures hangs on this one function.
 */
#ifndef NODENS_EXTRACT_H
#define NODENS_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/dns/wire.h"
#include "pcap-replay/read/decode.h"
#include "pcap-replay/read/tcpstream.h"

#define EXTRACT_PORTS_MAX 16

struct dmessage {
	const struct packet *pk;  /* tuple, time, interface */
	char kind;                /* QS_QUESTION, QS_REPLY, QS_OPEN, QS_CLOSE */
	char proto;               /* QS_UDP, QS_TCP */
	bool cut;                 /* not all octets were captured */
	const uint8_t *bytes;     /* NULL for open and close */
	size_t len;
	struct dns_msg m;         /* valid as far as `err` allows */
	int err;                  /* of dns_msg_parse */
};

struct extract_sink {
	void *ctx;
	void (*message)(void *ctx, const struct dmessage *m);
};

struct extract_counts {
	uint64_t frames, decode[N_DECODE], other_ports, messages, udp, tcp, malformed, cut;
	uint64_t tls; /* segments of port 853: counted, not read */
	uint32_t unknown_link;   /* the first such LINKTYPE, when decode[SKIP_LINK] > 0 */
	uint64_t first_ns, last_ns;
	uint64_t out_of_order;   /* frames older than one before them */
	char format[16];
	struct tcp_counts streams;
};

struct extract_ports { /* which ports carry DNS; 53 unless told */
	unsigned n;
	uint16_t port[EXTRACT_PORTS_MAX];
};

/* 0 when the file was read to its true end. On error everything before the
 * fault has been delivered and counted. */
int extract_file(const char *path, const struct extract_ports *ports, const struct extract_sink *sink,
		 struct extract_counts *ret, struct diag *d);

#endif
