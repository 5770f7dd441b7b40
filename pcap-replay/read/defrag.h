/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP fragments put together (RFC 791 section 3.2, RFC 8200 section 4.5), within
 * fixed limits: 256 datagrams in progress, 30 s of capture time each, the
 * oldest given up first. Overlaps are refused, as RFC 5722 demands.
 */
#ifndef NODENS_DEFRAG_H
#define NODENS_DEFRAG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frag_key {
	struct in6_addr src, dst;
	uint32_t id, iface;
	uint8_t proto, dir;
};

struct defrag;
struct defrag *defrag_new(void);
void defrag_free(struct defrag *d);
/* 1 and the datagram (valid until the next call) when this fragment made it
 * whole, 0 while it is not, negative when the fragment had to be given up. */
int defrag_add(struct defrag *d, uint64_t t_ns, const struct frag_key *key, uint32_t off, bool more,
	       const uint8_t *p, uint32_t n, const uint8_t **ret, size_t *ret_len);

#endif
