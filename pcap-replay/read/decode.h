/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a captured frame to a UDP or TCP payload: link layers, VLAN tags, IPv4
 * and IPv6 with extension headers, fragments put together again. Every frame
 * that does not get through is counted under a reason; none of them ends the
 * capture. All reads are bounds-checked against what was captured.
 */
#ifndef NODENS_DECODE_H
#define NODENS_DECODE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "pcap-replay/read/capfile.h"

/* LINKTYPE_* numbers this decoder reads (tcpdump.org's registry). */
enum linktype {
	LINK_NULL = 0, LINK_ETHERNET = 1, LINK_RAW_BSD = 12, LINK_RAW_OPENBSD = 14, LINK_RAW = 101,
	LINK_LOOP = 108, LINK_LINUX_SLL = 113, LINK_IPV4 = 228, LINK_IPV6 = 229, LINK_LINUX_SLL2 = 276,
};

enum decode_verdict {
	DECODED,
	SKIP_LINK,      /* link type not known: the capture is not readable */
	SKIP_NOT_IP,    /* ARP and the like */
	SKIP_SHORT,     /* cut by the snap length, or malformed */
	SKIP_NOT_PORTS, /* ICMP and other protocols without ports */
	SKIP_FRAGMENT,  /* part of a datagram that is not whole yet */
	SKIP_FRAG_LOST, /* a fragment that no room or no rest was found for */
	N_DECODE,
};
const char *decode_verdict_str(enum decode_verdict v);

enum direction { DIR_UNKNOWN, DIR_IN, DIR_OUT };
enum tcp_flag { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

struct packet {
	uint64_t t_ns;
	uint32_t iface;          /* capture's interface; SLL2: the host's index */
	uint8_t dir;             /* enum direction, where the link layer says */
	uint8_t proto;           /* IPPROTO_UDP or IPPROTO_TCP */
	struct in6_addr src, dst; /* v4-mapped */
	uint16_t sport, dport;
	const uint8_t *payload;  /* valid until the next decode */
	uint32_t len;            /* octets captured of it */
	bool cut;                /* the snap length took the rest */
	uint32_t seq;            /* TCP */
	uint8_t flags;           /* TCP */
};

struct decoder; /* holds fragments in progress: at most 256 datagrams */
struct decoder *decoder_new(void);
void decoder_free(struct decoder *dec);
enum decode_verdict decode_frame(struct decoder *dec, const struct frame *f, struct packet *ret);

#endif
