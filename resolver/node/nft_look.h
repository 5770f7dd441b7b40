/* SPDX-License-Identifier: Apache-2.0 */
/* What stands of our table in nf_tables: the reading half of nft.c. */
#ifndef NODENS_NODE_NFT_LOOK_H
#define NODENS_NODE_NFT_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "resolver/node/netlink.h"
#include "resolver/node/node_types.h"

/* Names of IPv4's and IPv6's; what they hold: nft_table.c. */
extern const char *const nft_own_set[2];
extern const char *const nft_back_map[2];
#define NFT_CHAINS 3
extern const char *const nft_chain[NFT_CHAINS];
void nft_counter_name(enum node_path path, bool tcp, char *ret, size_t size);

struct nft_seen {
	uint32_t generation; /* of all of nf_tables, before the rest was read: for nft_batch_begin */
	bool table;          /* it is there */
	char comment[64];
	uint32_t flags;      /* 0, or it does not hold: dormant */
	uint32_t n_parts;    /* chains, sets and counters */
	unsigned n_open;     /* of our chains, those that let pass what no rule names */
	unsigned n_rules;
	struct node_counters counters; /* `stand` is not told here */
};

/* Elements of the sets own and maps back. */
#define NFT_OWED_MAX 64
struct nft_owed {
	size_t n;
	struct {
		int f; /* 0: IPv4, 1: IPv6 */
		bool back;
		uint8_t key[16], value[16];
	} one[NFT_OWED_MAX];
	int f; /* the set that is being read */
	bool back;
};

/* Which of nf_tables' commits, of anybody, was the last; NFT_ANY_GENERATION: that cannot be told. */
uint32_t nft_look_generation(struct netlink *netfilter);
/* Whether there is a table, and its comment. */
int nft_look_table(struct netlink *netfilter, struct nft_seen *ret, struct diag *d);
/* And its chains and rules. */
int nft_look_rules(struct netlink *netfilter, struct nft_seen *ret, struct diag *d);
/* And its counters. */
int nft_look_all(struct netlink *netfilter, struct nft_seen *ret, struct diag *d);
/* A set that is not there has no elements. */
int nft_look_owed(struct netlink *netfilter, struct nft_owed *o, struct diag *d);

#endif
