/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a frame holds once its layers are off: the innermost UDP or TCP payload
 * with its tuple, where it was seen, and what tells a copy of a packet from
 * another packet.
 */
#ifndef NODENS_PACKET_H
#define NODENS_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum decode_verdict {
	DECODED,
	SKIP_LINK,      /* link type not known: the capture is not readable */
	SKIP_NOT_IP,    /* ARP and the like */
	SKIP_SHORT,     /* cut by the snap length, or malformed */
	SKIP_NOT_PORTS, /* ICMP and other protocols without ports */
	SKIP_FRAGMENT,  /* part of a datagram that is not whole yet */
	SKIP_FRAG_LOST, /* a fragment that no room or no rest was found for */
	SKIP_DEEP,      /* more layers within layers than anybody sends */
	N_DECODE,
};

enum direction { DIR_UNKNOWN, DIR_IN, DIR_OUT };
enum tcp_flag { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

struct packet {
	uint64_t t_ns;
	uint32_t iface;           /* capture's interface; SLL2, NFLOG: the host's index */
	uint16_t lane;            /* which of several captures read at a time */
	uint8_t dir;              /* enum direction, where the link layer says */
	uint8_t tunnels;          /* IP headers around the one whose addresses these are */
	uint8_t proto;            /* IPPROTO_UDP or IPPROTO_TCP */
	struct in6_addr src, dst; /* v4-mapped */
	uint16_t sport, dport;
	const uint8_t *payload;   /* valid until the next decode */
	uint32_t len;             /* octets captured of it */
	bool cut;                 /* the snap length, or a lost fragment, took the rest */
	uint32_t ip_id;           /* IPv4 identification; 0: none, says nothing */
	uint32_t seq, ack;        /* TCP */
	uint8_t flags;            /* TCP */
};

#endif
