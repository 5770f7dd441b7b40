/* SPDX-License-Identifier: Apache-2.0 */
/* Our table as messages of a batch, and whether one that was seen is it: the writing half of nft.c. */
#ifndef NODENS_NODE_NFT_TABLE_H
#define NODENS_NODE_NFT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resolver/node/nft_conf.h"
#include "resolver/node/nft_look.h"
#include "resolver/node/nft_msg.h"

/* The comment that a table for this configuration carries. */
void nft_digest(const struct nft_conf *c, char *ret, size_t size);
/* Nobody has taken from it, added to it, or put it to sleep. */
bool nft_stands(const struct nft_conf *c, const struct nft_seen *s);
/* The address is one of the configuration's; f: 0 IPv4, 1 IPv6. */
bool nft_is_ours(const struct nft_conf *c, int f, const uint8_t *key);

/* In place of the table there is, if any: counters go on from `start`, and what is owed to others' addresses stays. */
void nft_put_table(struct nl_buf *b, const struct nft_conf *c, const struct node_counters *start, const struct nft_owed *o);
/* What turns questions over, and that nothing does. */
void nft_put_elements(struct nl_buf *b, const struct nft_conf *c);
void nft_put_flushes(struct nl_buf *b);

#endif
