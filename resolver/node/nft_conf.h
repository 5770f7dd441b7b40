/* SPDX-License-Identifier: Apache-2.0 */
/* What our table is for: what its writer (nft_table.c) and its transactions (nft.c) share. */
#ifndef NODENS_NODE_NFT_CONF_H
#define NODENS_NODE_NFT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resolver/config/flags.h"

#define NFT_TABLE "nodelocaldns"

struct nft_conf {
	const struct flags_ip *ip;
	size_t n_ips;
	uint16_t port, health_port;
	uint64_t hold_ms; /* elements expire after that; 0: never */
	uint64_t idle;    /* a bit each: of ip[], those that the rules leave alone */
	/* An instance that we take over from answers what it was asked under its own rules: what
	 * its replies need stays for a while. */
	bool handed_over;
	/* Rewriting: packets for vip[f] become packets for target[f]; f 0 IPv4, 1
	 * IPv6; NULL: none. */
	const struct flags_ip *vip[2], *target[2];
};

#endif
