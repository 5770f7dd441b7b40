/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the table holds, seen with `nft list table inet nodelocaldns`:
 *
 *	set v4, v6           our addresses, with timeouts
 *	set own4, own6       the same without: replies over UDP
 *	set vip4, vip6       addresses rewritten to ours, with timeouts
 *	map back4, back6     and back: from which of ours to which of those
 *	counter in_udp ...   named, so that they can be read by name
 *	chain prerouting     raw: what arrives for them skips conntrack
 *	chain output         raw: our replies, and host-network clients, too
 *	chain reroute        route: host-network clients of rewritten addresses
 *
 * In own and back there may be, with a timeout, what the replies of an instance need that
 * handed over to this one and had other addresses.
 *
 * The table's comment carries a digest of the configuration: together with its flags, what
 * its chains do by themselves, and the numbers of chains, sets, counters and rules it tells whether
 * the table stands as wanted.
 */
#include "resolver/node/nft_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LAYOUT "3" /* change it when the rules below change */
#define PRIORITY_RAW (-300)
#define OWED_MS      25000 /* the one before us finishes within that */

static const char *const addr_set[2] = {"v4", "v6"};
static const char *const vip_set[2] = {"vip4", "vip6"};
static const char COMMENT[] = "NodeLocal DNS Cache: skip conntrack";

/* What a set gets as id within the transaction. */
enum { SET_ADDR = 1, SET_VIP = 3, SET_OWN = 5, SET_BACK = 7 };
static uint32_t set_id(uint32_t first, int f)
{
	return first + (uint32_t)f;
}

static uint8_t nfproto(int f)
{
	return f == 0 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

static const uint8_t *addr_bytes(const struct flags_ip *ip)
{
	return ip->addr.s6_addr + (ip->is_v4 ? 12 : 0);
}

/* Without addresses of its own a table is for what is owed, in either family. */
static bool has_family(const struct nft_conf *c, int f)
{
	if (!c->n_ips)
		return true;
	for (size_t i = 0; i < c->n_ips; i++) {
		if (c->ip[i].is_v4 == (f == 0))
			return true;
	}
	return false;
}

static bool reroutes(const struct nft_conf *c)
{
	return c->vip[0] || c->vip[1];
}

void nft_digest(const struct nft_conf *c, char *ret, size_t size)
{
	uint64_t h = 0xcbf29ce484222325;
	char text[1024];
	size_t at = (size_t)snprintf(text, sizeof text, "%u %u", c->port, c->health_port);

	for (size_t i = 0; i < c->n_ips && at < sizeof text; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, " %s", c->ip[i].text);
	for (int f = 0; f < 2 && at < sizeof text; f++)
		if (c->vip[f])
			at += (size_t)snprintf(text + at, sizeof text - at, " %s>%s", c->vip[f]->text, c->target[f]->text);
	for (const char *p = text; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3;
	snprintf(ret, size, "node-cache " LAYOUT " %016" PRIx64, h);
}

/* --- rules --- */

static void match_end(struct nl_buf *b, bool source, bool tcp, uint16_t port)
{
	nft_match_l4proto(b, tcp ? IPPROTO_TCP : IPPROTO_UDP);
	nft_match_port(b, source, port);
}

static void act(struct nl_buf *b, enum node_path path, bool tcp)
{
	char counter[32];

	nft_counter_name(path, tcp, counter, sizeof counter);
	nft_count(b, counter);
	nft_notrack(b);
}

/* A reply over UDP to what came before the rules lapsed is not tracked either. It would be
 * the first packet of a connection from here to the client, which from then on had all that
 * the client's socket sends delivered here, past kube-proxy; or, where the client's next
 * question has gone that way already, it would leave from another port than it was asked at.
 * Over TCP that connection is wanted: the client's segments still come here. */
static void put_plain_rule(struct nl_buf *b, int f, const char *chain, enum node_path path, bool source, bool tcp,
			   uint16_t port)
{
	struct nft_rule r = nft_rule_begin(b, NFPROTO_INET, NFT_TABLE, chain);

	nft_match_family(b, nfproto(f));
	if (path == NODE_PATH_REPLY && !tcp)
		nft_match_addr_set(b, f == 0, source, nft_own_set[f], set_id(SET_OWN, f));
	else
		nft_match_addr_set(b, f == 0, source, addr_set[f], set_id(SET_ADDR, f));
	match_end(b, source, tcp, port);
	act(b, path, tcp);
	nft_rule_end(b, r, COMMENT);
}

/* From the cluster's address to ours, on the way in; held by the set's timeout. */
static void put_rewrite_in(struct nl_buf *b, int f, const char *chain, enum node_path path, bool tcp,
			   const struct nft_conf *c)
{
	struct nft_rule r = nft_rule_begin(b, NFPROTO_INET, NFT_TABLE, chain);

	nft_match_family(b, nfproto(f));
	nft_match_addr_set(b, f == 0, false, vip_set[f], set_id(SET_VIP, f));
	match_end(b, false, tcp, c->port);
	act(b, path, tcp);
	nft_set_addr(b, f == 0, false, addr_bytes(c->target[f]));
	nft_rule_end(b, r, "NodeLocal DNS Cache: rewrite to the cache");
}

/* And back; without timeout, because what was asked before the rules lapsed
 * still deserves its reply. */
static void put_rewrite_out(struct nl_buf *b, int f, bool tcp, const struct nft_conf *c)
{
	struct nft_rule r = nft_rule_begin(b, NFPROTO_INET, NFT_TABLE, "output");

	nft_match_family(b, nfproto(f));
	match_end(b, true, tcp, c->port);
	nft_map_addr_begin(b, f == 0, true, nft_back_map[f], set_id(SET_BACK, f));
	act(b, NODE_PATH_REPLY, tcp);
	nft_map_addr_end(b, f == 0, true);
	nft_rule_end(b, r, "NodeLocal DNS Cache: rewrite the reply");
}

static unsigned put_rules(struct nl_buf *b, const struct nft_conf *c)
{
	unsigned n = 0;

	for (int f = 0; f < 2; f++) {
		/* A rewritten packet must not match a plain rule as well: replies
		 * are rewritten first, queries last. */
		for (int tcp = 0; tcp < 2; tcp++, n++)
			put_rewrite_out(b, f, tcp, c);
		for (int tcp = 0; has_family(c, f) && tcp < 2; tcp++, n += 3) {
			put_plain_rule(b, f, "prerouting", NODE_PATH_IN, false, tcp, c->port);
			put_plain_rule(b, f, "output", NODE_PATH_HOST, false, tcp, c->port);
			put_plain_rule(b, f, "output", NODE_PATH_REPLY, true, tcp, c->port);
		}
		for (int source = 0; has_family(c, f) && source < 2; source++, n++)
			put_plain_rule(b, f, "output", NODE_PATH_HEALTH, source, true, c->health_port);
		for (int tcp = 0; c->vip[f] && tcp < 2; tcp++, n += 2) {
			put_rewrite_in(b, f, "prerouting", NODE_PATH_IN, tcp, c);
			put_rewrite_in(b, f, "reroute", NODE_PATH_HOST, tcp, c);
		}
	}
	return n;
}

/* --- sets --- */

/* All of the family but those of `but`; there is no message of none. */
static void put_addresses(struct nl_buf *b, const struct nft_conf *c, int f, uint64_t but, const char *set, uint64_t hold_ms)
{
	struct nft_elements e = {0};
	size_t n = 0;

	for (size_t i = 0; i < c->n_ips; i++) {
		if (c->ip[i].is_v4 != (f == 0) || but >> i & 1)
			continue;
		if (!n++)
			e = nft_elements_begin(b, NFPROTO_INET, NFT_TABLE, set);
		nft_element(b, addr_bytes(&c->ip[i]), NULL, f == 0 ? 4 : 16, hold_ms);
	}
	if (n)
		nft_elements_end(b, e);
}

static void put_one(struct nl_buf *b, int f, const char *set, const void *key, const void *value, uint64_t hold_ms)
{
	struct nft_elements e = nft_elements_begin(b, NFPROTO_INET, NFT_TABLE, set);

	nft_element(b, key, value, f == 0 ? 4 : 16, hold_ms);
	nft_elements_end(b, e);
}

static bool is_idle(const struct nft_conf *c, const struct flags_ip *ip)
{
	return c->idle >> (ip - c->ip) & 1;
}

void nft_put_elements(struct nl_buf *b, const struct nft_conf *c)
{
	for (int f = 0; f < 2; f++) {
		put_addresses(b, c, f, c->idle, addr_set[f], c->hold_ms);
		if (c->vip[f] && !is_idle(c, c->target[f]))
			put_one(b, f, vip_set[f], addr_bytes(c->vip[f]), NULL, c->hold_ms);
	}
}

/* What replies need. */
static void put_own(struct nl_buf *b, const struct nft_conf *c)
{
	for (int f = 0; f < 2; f++) {
		put_addresses(b, c, f, 0, nft_own_set[f], 0);
		if (c->vip[f])
			put_one(b, f, nft_back_map[f], addr_bytes(c->target[f]), addr_bytes(c->vip[f]), 0);
	}
}

void nft_put_flushes(struct nl_buf *b)
{
	for (int f = 0; f < 2; f++) {
		nft_set_flush(b, NFPROTO_INET, NFT_TABLE, addr_set[f]);
		nft_set_flush(b, NFPROTO_INET, NFT_TABLE, vip_set[f]);
	}
}

/* --- what stands --- */

static unsigned rules_wanted(const struct nft_conf *c)
{
	struct nl_buf b;

	nl_init(&b);
	return put_rules(&b, c);
}

bool nft_stands(const struct nft_conf *c, const struct nft_seen *s)
{
	enum { SETS = 8, COUNTERS = 2 * NODE_PATHS };
	unsigned n_chains = reroutes(c) ? 3 : 2;
	char want[64];

	nft_digest(c, want, sizeof want);
	return s->table && !strcmp(s->comment, want) && !s->flags && s->n_parts == SETS + COUNTERS + n_chains &&
	       s->n_open == n_chains && s->n_rules == rules_wanted(c);
}

bool nft_is_ours(const struct nft_conf *c, int f, const uint8_t *key)
{
	for (size_t i = 0; i < c->n_ips; i++) {
		if (c->ip[i].is_v4 == (f == 0) && !memcmp(addr_bytes(&c->ip[i]), key, f == 0 ? 4 : 16))
			return true;
	}
	return false;
}

/* --- all of it --- */

static void put_parts(struct nl_buf *b, const struct nft_conf *c, const struct node_counters *start)
{
	char text[64];

	nft_digest(c, text, sizeof text);
	/* Make sure there is one, drop it, build it anew: in one transaction. */
	nft_table_add(b, NFPROTO_INET, NFT_TABLE, NULL);
	nft_table_delete(b, NFPROTO_INET, NFT_TABLE);
	nft_table_add(b, NFPROTO_INET, NFT_TABLE, text);
	for (int f = 0; f < 2; f++) {
		nft_addr_set_add(b, NFPROTO_INET, NFT_TABLE, addr_set[f], set_id(SET_ADDR, f), f == 0 ? 4 : 16);
		nft_addr_set_add(b, NFPROTO_INET, NFT_TABLE, vip_set[f], set_id(SET_VIP, f), f == 0 ? 4 : 16);
		nft_addr_set_add(b, NFPROTO_INET, NFT_TABLE, nft_own_set[f], set_id(SET_OWN, f), f == 0 ? 4 : 16);
		nft_addr_map_add(b, NFPROTO_INET, NFT_TABLE, nft_back_map[f], set_id(SET_BACK, f), f == 0 ? 4 : 16);
	}
	for (int p = 0; p < NODE_PATHS; p++) {
		for (int tcp = 0; tcp < 2; tcp++) {
			nft_counter_name((enum node_path)p, tcp, text, sizeof text);
			nft_counter_add(b, NFPROTO_INET, NFT_TABLE, text, start->packets[p][tcp], start->bytes[p][tcp]);
		}
	}
	nft_chain_add(b, NFPROTO_INET, NFT_TABLE, nft_chain[0], "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW);
	nft_chain_add(b, NFPROTO_INET, NFT_TABLE, nft_chain[1], "filter", NF_INET_LOCAL_OUT, PRIORITY_RAW);
	if (reroutes(c))
		nft_chain_add(b, NFPROTO_INET, NFT_TABLE, nft_chain[2], "route", NF_INET_LOCAL_OUT, PRIORITY_RAW + 1);
}

/* What the table before has for other addresses than ours. */
static void put_owed(struct nl_buf *b, const struct nft_conf *c, const struct nft_owed *o)
{
	for (size_t i = 0; i < o->n; i++) {
		int f = o->one[i].f;
		const uint8_t *key = o->one[i].key;
		bool ours = o->one[i].back ? c->vip[f] && !memcmp(addr_bytes(c->target[f]), key, f == 0 ? 4 : 16) : nft_is_ours(c, f, key);

		if (!ours)
			put_one(b, f, o->one[i].back ? nft_back_map[f] : nft_own_set[f], key, o->one[i].back ? o->one[i].value : NULL,
				OWED_MS);
	}
}

void nft_put_table(struct nl_buf *b, const struct nft_conf *c, const struct node_counters *start, const struct nft_owed *o)
{
	put_parts(b, c, start);
	put_rules(b, c);
	put_own(b, c);
	nft_put_elements(b, c);
	put_owed(b, c, o);
}
