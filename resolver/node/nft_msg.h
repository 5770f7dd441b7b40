/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nf_tables messages in the kernel's own encoding (linux/netfilter/nf_tables.h):
 * a batch is one transaction, and a rule is a list of small expressions over
 * registers. Only the few that DNS rules need.
 */
#ifndef NODENS_NODE_NFT_MSG_H
#define NODENS_NODE_NFT_MSG_H

#include <netinet/in.h> /* before the kernel's own, which then stand back */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resolver/node/netlink.h"

/* First and last message of a transaction; nothing takes effect, or all does. `generation`
 * (NFTA_GEN_ID; the kernel counts commits): refused with ERESTART (netlink_errno) when there
 * has been another one since (nf_tables_valid_genid in net/netfilter/nf_tables_api.c). */
#define NFT_ANY_GENERATION 0u
void nft_batch_begin(struct nl_buf *b, uint32_t generation);
void nft_batch_end(struct nl_buf *b);
/* Message `nft_type` (NFT_MSG_*) for `family` (NFPROTO_*). */
void nft_begin(struct nl_buf *b, uint16_t nft_type, uint16_t flags, uint8_t family);
/* The NFT_MSG_* of a message the kernel sent, or -1. */
int nft_type(const struct nlmsghdr *h);
size_t nft_header_len(void);

void nft_table_add(struct nl_buf *b, uint8_t family, const char *table, const char *comment);
void nft_table_delete(struct nl_buf *b, uint8_t family, const char *table);
void nft_chain_add(struct nl_buf *b, uint8_t family, const char *table, const char *chain, const char *type,
		   uint32_t hook, int priority);
void nft_counter_add(struct nl_buf *b, uint8_t family, const char *table, const char *name, uint64_t packets,
		     uint64_t bytes);
/* Addresses with optional timeouts; key 4 or 16 octets. */
void nft_addr_set_add(struct nl_buf *b, uint8_t family, const char *table, const char *set, uint32_t id,
		      size_t key_len);
/* From an address of that many octets to another. */
void nft_addr_map_add(struct nl_buf *b, uint8_t family, const char *table, const char *map, uint32_t id,
		      size_t key_len);
void nft_set_flush(struct nl_buf *b, uint8_t family, const char *table, const char *set);
/* An element message: begin, one nft_element a key, end. timeout_ms 0: for ever. `value`:
 * of a map, as long as the key; NULL: of a set. */
struct nft_elements {
	size_t list;
};
struct nft_elements nft_elements_begin(struct nl_buf *b, uint8_t family, const char *table, const char *set);
void nft_element(struct nl_buf *b, const void *key, const void *value, size_t len, uint64_t timeout_ms);
void nft_elements_end(struct nl_buf *b, struct nft_elements e);

/* A rule: begin, expressions, end with a comment. */
struct nft_rule {
	size_t list;
};
struct nft_rule nft_rule_begin(struct nl_buf *b, uint8_t family, const char *table, const char *chain);
void nft_rule_end(struct nl_buf *b, struct nft_rule r, const char *comment);
void nft_match_family(struct nl_buf *b, uint8_t nfproto);
void nft_match_l4proto(struct nl_buf *b, uint8_t proto);
/* Both work on the network header of an IPv4 or IPv6 packet. */
void nft_match_addr_set(struct nl_buf *b, bool v4, bool source, const char *set, uint32_t id);
void nft_match_port(struct nl_buf *b, bool source, uint16_t port);
void nft_count(struct nl_buf *b, const char *counter);
void nft_notrack(struct nl_buf *b);
/* Rewrite an address, checksums included. */
void nft_set_addr(struct nl_buf *b, bool v4, bool source, const void *addr);
/* Likewise, to what the map has for the address that is there; without, the rule does not match.
 * To be begun before, and ended after, what shall be done only where it matches. */
void nft_map_addr_begin(struct nl_buf *b, bool v4, bool source, const char *map, uint32_t id);
void nft_map_addr_end(struct nl_buf *b, bool v4, bool source);

#endif
