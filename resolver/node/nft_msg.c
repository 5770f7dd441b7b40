/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes and expressions in the order the kernel wants them. */
#include "resolver/node/nft_msg.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

/* User data as the nft tool writes it, so that it shows our comments. */
#define UDATA_COMMENT 0
#define KEY_IPV4      7 /* nft's own numbers for a set's key type */
#define KEY_IPV6      8

static void header(struct nl_buf *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t res_id)
{
	struct nfgenmsg *g = nl_begin(b, type, flags, sizeof *g);

	if (g) {
		g->nfgen_family = family;
		g->res_id = res_id;
	}
}

void nft_batch_begin(struct nl_buf *b, uint32_t generation)
{
	header(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, htons(NFNL_SUBSYS_NFTABLES));
	if (b->h)
		b->h->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
	if (generation != NFT_ANY_GENERATION)
		nl_put_be32(b, NFNL_BATCH_GENID, generation);
}

void nft_batch_end(struct nl_buf *b)
{
	header(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, htons(NFNL_SUBSYS_NFTABLES));
	if (b->h)
		b->h->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
}

void nft_begin(struct nl_buf *b, uint16_t type, uint16_t flags, uint8_t family)
{
	header(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, family, 0);
}

int nft_type(const struct nlmsghdr *h)
{
	return NFNL_SUBSYS_ID(h->nlmsg_type) == NFNL_SUBSYS_NFTABLES ? NFNL_MSG_TYPE(h->nlmsg_type) : -1;
}

size_t nft_header_len(void)
{
	return sizeof(struct nfgenmsg);
}

static void put_comment(struct nl_buf *b, uint16_t attr, const char *comment)
{
	char tlv[2 + 128];
	size_t len = strlen(comment) + 1;

	if (len > 128)
		len = 128;
	tlv[0] = UDATA_COMMENT;
	tlv[1] = (char)len;
	memcpy(tlv + 2, comment, len - 1);
	tlv[1 + len] = '\0';
	nl_put(b, attr, tlv, len + 2);
}

void nft_table_add(struct nl_buf *b, uint8_t family, const char *table, const char *comment)
{
	nft_begin(b, NFT_MSG_NEWTABLE, NLM_F_CREATE, family);
	nl_put_text(b, NFTA_TABLE_NAME, table);
	if (comment)
		put_comment(b, NFTA_TABLE_USERDATA, comment);
}

void nft_table_delete(struct nl_buf *b, uint8_t family, const char *table)
{
	nft_begin(b, NFT_MSG_DELTABLE, 0, family);
	nl_put_text(b, NFTA_TABLE_NAME, table);
}

void nft_chain_add(struct nl_buf *b, uint8_t family, const char *table, const char *chain, const char *type,
		   uint32_t hook, int priority)
{
	size_t nest;

	nft_begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, family);
	nl_put_text(b, NFTA_CHAIN_TABLE, table);
	nl_put_text(b, NFTA_CHAIN_NAME, chain);
	nest = nl_nest(b, NFTA_CHAIN_HOOK);
	nl_put_be32(b, NFTA_HOOK_HOOKNUM, hook);
	nl_put_be32(b, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	nl_end(b, nest);
	nl_put_text(b, NFTA_CHAIN_TYPE, type);
	nl_put_be32(b, NFTA_CHAIN_POLICY, NF_ACCEPT);
}

void nft_counter_add(struct nl_buf *b, uint8_t family, const char *table, const char *name, uint64_t packets,
		     uint64_t bytes)
{
	size_t nest;

	nft_begin(b, NFT_MSG_NEWOBJ, NLM_F_CREATE, family);
	nl_put_text(b, NFTA_OBJ_TABLE, table);
	nl_put_text(b, NFTA_OBJ_NAME, name);
	nl_put_be32(b, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nest = nl_nest(b, NFTA_OBJ_DATA);
	nl_put_be64(b, NFTA_COUNTER_BYTES, bytes);
	nl_put_be64(b, NFTA_COUNTER_PACKETS, packets);
	nl_end(b, nest);
}

static void set_add(struct nl_buf *b, uint8_t family, const char *table, const char *set, uint32_t id, size_t key_len,
		    bool map)
{
	uint32_t type = key_len == 4 ? KEY_IPV4 : KEY_IPV6;

	nft_begin(b, NFT_MSG_NEWSET, NLM_F_CREATE, family);
	nl_put_text(b, NFTA_SET_TABLE, table);
	nl_put_text(b, NFTA_SET_NAME, set);
	nl_put_be32(b, NFTA_SET_FLAGS, NFT_SET_TIMEOUT | (map ? NFT_SET_MAP : 0));
	nl_put_be32(b, NFTA_SET_KEY_TYPE, type);
	nl_put_be32(b, NFTA_SET_KEY_LEN, (uint32_t)key_len);
	if (map) {
		nl_put_be32(b, NFTA_SET_DATA_TYPE, type);
		nl_put_be32(b, NFTA_SET_DATA_LEN, (uint32_t)key_len);
	}
	nl_put_be32(b, NFTA_SET_ID, id);
}

void nft_addr_set_add(struct nl_buf *b, uint8_t family, const char *table, const char *set, uint32_t id,
		      size_t key_len)
{
	set_add(b, family, table, set, id, key_len, false);
}

void nft_addr_map_add(struct nl_buf *b, uint8_t family, const char *table, const char *map, uint32_t id,
		      size_t key_len)
{
	set_add(b, family, table, map, id, key_len, true);
}

void nft_set_flush(struct nl_buf *b, uint8_t family, const char *table, const char *set)
{
	nft_begin(b, NFT_MSG_DELSETELEM, 0, family);
	nl_put_text(b, NFTA_SET_ELEM_LIST_TABLE, table);
	nl_put_text(b, NFTA_SET_ELEM_LIST_SET, set);
}

struct nft_elements nft_elements_begin(struct nl_buf *b, uint8_t family, const char *table, const char *set)
{
	nft_begin(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, family);
	nl_put_text(b, NFTA_SET_ELEM_LIST_TABLE, table);
	nl_put_text(b, NFTA_SET_ELEM_LIST_SET, set);
	return (struct nft_elements){nl_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS)};
}

static void put_data(struct nl_buf *b, uint16_t attr, const void *value, size_t len)
{
	size_t nest = nl_nest(b, attr);

	nl_put(b, NFTA_DATA_VALUE, value, len);
	nl_end(b, nest);
}

void nft_element(struct nl_buf *b, const void *key, const void *value, size_t len, uint64_t timeout_ms)
{
	size_t nest = nl_nest(b, NFTA_LIST_ELEM);

	put_data(b, NFTA_SET_ELEM_KEY, key, len);
	if (value)
		put_data(b, NFTA_SET_ELEM_DATA, value, len);
	if (timeout_ms)
		nl_put_be64(b, NFTA_SET_ELEM_TIMEOUT, timeout_ms);
	nl_end(b, nest);
}

void nft_elements_end(struct nl_buf *b, struct nft_elements e)
{
	nl_end(b, e.list);
}

struct nft_rule nft_rule_begin(struct nl_buf *b, uint8_t family, const char *table, const char *chain)
{
	nft_begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
	nl_put_text(b, NFTA_RULE_TABLE, table);
	nl_put_text(b, NFTA_RULE_CHAIN, chain);
	return (struct nft_rule){nl_nest(b, NFTA_RULE_EXPRESSIONS)};
}

void nft_rule_end(struct nl_buf *b, struct nft_rule r, const char *comment)
{
	nl_end(b, r.list);
	put_comment(b, NFTA_RULE_USERDATA, comment);
}

/* An expression: its list element and its data, both open. */
struct expr {
	size_t elem, data;
};

static struct expr expr_begin(struct nl_buf *b, const char *name)
{
	struct expr e;

	e.elem = nl_nest(b, NFTA_LIST_ELEM);
	nl_put_text(b, NFTA_EXPR_NAME, name);
	e.data = nl_nest(b, NFTA_EXPR_DATA);
	return e;
}

static void expr_end(struct nl_buf *b, struct expr e)
{
	nl_end(b, e.data);
	nl_end(b, e.elem);
}

static void compare(struct nl_buf *b, const void *value, size_t len)
{
	struct expr e = expr_begin(b, "cmp");

	nl_put_be32(b, NFTA_CMP_SREG, NFT_REG_1);
	nl_put_be32(b, NFTA_CMP_OP, NFT_CMP_EQ);
	put_data(b, NFTA_CMP_DATA, value, len);
	expr_end(b, e);
}

static void match_meta(struct nl_buf *b, uint32_t key, uint8_t value)
{
	struct expr e = expr_begin(b, "meta");

	nl_put_be32(b, NFTA_META_DREG, NFT_REG_1);
	nl_put_be32(b, NFTA_META_KEY, key);
	expr_end(b, e);
	compare(b, &value, 1);
}

void nft_match_family(struct nl_buf *b, uint8_t nfproto)
{
	match_meta(b, NFT_META_NFPROTO, nfproto);
}

void nft_match_l4proto(struct nl_buf *b, uint8_t proto)
{
	match_meta(b, NFT_META_L4PROTO, proto);
}

static void load(struct nl_buf *b, uint32_t base, uint32_t offset, uint32_t len)
{
	struct expr e = expr_begin(b, "payload");

	nl_put_be32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	nl_put_be32(b, NFTA_PAYLOAD_BASE, base);
	nl_put_be32(b, NFTA_PAYLOAD_OFFSET, offset);
	nl_put_be32(b, NFTA_PAYLOAD_LEN, len);
	expr_end(b, e);
}

static uint32_t addr_len(bool v4)
{
	return v4 ? 4 : 16;
}

static uint32_t addr_offset(bool v4, bool source)
{
	return (v4 ? 12 : 8) + (source ? 0 : addr_len(v4));
}

/* `map`: what it has for the key takes the key's place. */
static void look_up(struct nl_buf *b, const char *set, uint32_t id, bool map)
{
	struct expr e = expr_begin(b, "lookup");

	nl_put_text(b, NFTA_LOOKUP_SET, set);
	nl_put_be32(b, NFTA_LOOKUP_SET_ID, id);
	nl_put_be32(b, NFTA_LOOKUP_SREG, NFT_REG_1);
	if (map)
		nl_put_be32(b, NFTA_LOOKUP_DREG, NFT_REG_1);
	expr_end(b, e);
}

void nft_match_addr_set(struct nl_buf *b, bool v4, bool source, const char *set, uint32_t id)
{
	load(b, NFT_PAYLOAD_NETWORK_HEADER, addr_offset(v4, source), addr_len(v4));
	look_up(b, set, id, false);
}

void nft_match_port(struct nl_buf *b, bool source, uint16_t port)
{
	uint8_t wire[2] = {(uint8_t)(port >> 8), (uint8_t)port};

	load(b, NFT_PAYLOAD_TRANSPORT_HEADER, source ? 0 : 2, 2);
	compare(b, wire, 2);
}

void nft_count(struct nl_buf *b, const char *counter)
{
	struct expr e = expr_begin(b, "objref");

	nl_put_be32(b, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	nl_put_text(b, NFTA_OBJREF_IMM_NAME, counter);
	expr_end(b, e);
}

void nft_notrack(struct nl_buf *b)
{
	struct expr e = expr_begin(b, "notrack");

	expr_end(b, e);
}

/* What was loaded becomes the address. */
static void store_addr(struct nl_buf *b, bool v4, bool source)
{
	struct expr e = expr_begin(b, "payload");

	nl_put_be32(b, NFTA_PAYLOAD_SREG, NFT_REG_1);
	nl_put_be32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	nl_put_be32(b, NFTA_PAYLOAD_OFFSET, addr_offset(v4, source));
	nl_put_be32(b, NFTA_PAYLOAD_LEN, addr_len(v4));
	/* IPv6 has no header checksum; the transport's covers the addresses in both. */
	nl_put_be32(b, NFTA_PAYLOAD_CSUM_TYPE, v4 ? NFT_PAYLOAD_CSUM_INET : NFT_PAYLOAD_CSUM_NONE);
	nl_put_be32(b, NFTA_PAYLOAD_CSUM_OFFSET, v4 ? 10 : 0);
	nl_put_be32(b, NFTA_PAYLOAD_CSUM_FLAGS, NFT_PAYLOAD_L4CSUM_PSEUDOHDR);
	expr_end(b, e);
}

void nft_set_addr(struct nl_buf *b, bool v4, bool source, const void *addr)
{
	struct expr e = expr_begin(b, "immediate");

	nl_put_be32(b, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_data(b, NFTA_IMMEDIATE_DATA, addr, addr_len(v4));
	expr_end(b, e);
	store_addr(b, v4, source);
}

void nft_map_addr_begin(struct nl_buf *b, bool v4, bool source, const char *map, uint32_t id)
{
	load(b, NFT_PAYLOAD_NETWORK_HEADER, addr_offset(v4, source), addr_len(v4));
	look_up(b, map, id, true);
}

void nft_map_addr_end(struct nl_buf *b, bool v4, bool source)
{
	store_addr(b, v4, source);
}
