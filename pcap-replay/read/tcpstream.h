/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP segments to DNS messages: sequence numbers put in order, the two-octet
 * length prefix of RFC 1035 section 4.2.2 taken off. A capture may begin in the
 * middle of a stream or lack segments: then the stream is picked up again at
 * the first segment that begins like a message, and what was lost is counted. A
 * missing segment is waited for a second, or until its receiver acknowledges it;
 * messages carry the time of their own last segment, not of the one that freed them.
 */
#ifndef NODENS_TCPSTREAM_H
#define NODENS_TCPSTREAM_H

#include <stddef.h>
#include <stdint.h>

#include "pcap-replay/read/budget.h"
#include "pcap-replay/read/packet.h"

struct tcp_sink { /* packets carry the tuple, the time and the first octet's sequence number; no payload */
	void *ctx;
	void (*message)(void *ctx, const struct packet *pk, const uint8_t *msg, size_t len);
	void (*open)(void *ctx, const struct packet *pk);  /* SYN of a client */
	void (*close)(void *ctx, const struct packet *pk); /* first FIN or RST of a connection */
};

struct tcp_counts {
	uint64_t connections; /* seen from their SYN */
	uint64_t midstream;   /* picked up without one */
	uint64_t holes;       /* segments missing for good */
	uint64_t resyncs;     /* picked up again after a hole or garbage */
	uint64_t lost_bytes;  /* captured, but not attributable to a message */
	uint64_t partial;     /* messages whose end never came */
	uint64_t repeated;    /* segments sent again */
	uint64_t evicted;     /* streams given up because there was no room for more */
};

#define TCP_STREAMS_MAX 65536 /* one direction each */

struct tcpstreams;
struct tcpstreams *tcpstreams_new(struct budget *b, const struct tcp_sink *sink);
void tcpstreams_packet(struct tcpstreams *ts, const struct packet *pk);
/* Time goes on: holes older than a second are given up (T_NEVER: all). */
void tcpstreams_tick(struct tcpstreams *ts, uint64_t now_ns);
/* The capture ended: give up waiting for missing segments. */
void tcpstreams_finish(struct tcpstreams *ts);
const struct tcp_counts *tcpstreams_counts(const struct tcpstreams *ts);
void tcpstreams_free(struct tcpstreams *ts);

#endif
