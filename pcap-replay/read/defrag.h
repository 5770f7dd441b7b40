/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP fragments put together (RFC 791 section 3.2, RFC 8200 section 4.5), within
 * the budget and 256 datagrams in progress, one second of capture time each, the
 * oldest given up first. Overlaps are refused, as RFC 5722 demands. A datagram
 * whose rest does not come (`port 53` as a filter catches only the first fragment,
 * because only that has ports) is handed out as far as it is there.
 */
#ifndef NODENS_DEFRAG_H
#define NODENS_DEFRAG_H

#include <stddef.h>

#include "pcap-replay/read/budget.h"
#include "pcap-replay/read/packet.h"

struct frag_piece {
	uint32_t id, off, n; /* octets */
	bool more, cut;      /* cut: the snap length took some of it */
	uint8_t proto;       /* what the datagram holds */
	const uint8_t *data;
};

struct defrag;
struct defrag *defrag_new(struct budget *b);
void defrag_free(struct defrag *d);
/* 1 and the datagram (valid until the next call) when this fragment made it
 * whole, 0 while it is not, negative when the fragment had to be given up. The
 * packet says where and when, and whose addresses they are. */
int defrag_add(struct defrag *d, const struct packet *pk, const struct frag_piece *f, const uint8_t **ret, size_t *ret_len);
/* The beginning of a datagram that waited longer than a second at `now_ns`; false
 * when there is none. */
bool defrag_given_up(struct defrag *d, uint64_t now_ns, struct packet *ret, uint8_t *ret_proto, const uint8_t **ret_data,
		     size_t *ret_len);

#endif
