/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the table holds, seen with `nft list table inet nodelocaldns`:
 *
 *	set v4, v6           our addresses, with timeouts
 *	set own4, own6       the same without: replies over UDP
 *	set vip4, vip6       addresses rewritten to ours, with timeouts
 *	counter in_udp ...   named, so that they can be read by name
 *	chain prerouting     raw: what arrives for them skips conntrack
 *	chain output         raw: our replies, and host-network clients, too
 *	chain reroute        route: host-network clients of rewritten addresses
 *
 * The table's comment carries a digest of the configuration: together with the
 * number of rules it tells whether the table stands as wanted.
 */
#include "resolver/node/nft.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "resolver/node/nft_msg.h"

#define LAYOUT "2" /* change it when the rules below change */
#define PRIORITY_RAW (-300)

static const char *const addr_set[2] = {"v4", "v6"};
static const char *const vip_set[2] = {"vip4", "vip6"};
static const char *const own_set[2] = {"own4", "own6"};
static const char COMMENT[] = "NodeLocal DNS Cache: skip conntrack";

/* What a set gets as id within the transaction. */
enum { SET_ADDR = 1, SET_VIP = 3, SET_OWN = 5 };
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

static bool has_family(const struct nft_conf *c, int f)
{
	for (size_t i = 0; i < c->n_ips; i++) {
		if (c->ip[i].is_v4 == (f == 0))
			return true;
	}
	return false;
}

static void digest(const struct nft_conf *c, char *ret, size_t size)
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

static void counter_name(enum node_path path, bool tcp, char *ret, size_t size)
{
	snprintf(ret, size, "%s_%s", node_path_label[path], tcp ? "tcp" : "udp");
}

static void match_end(struct nl_buf *b, bool source, bool tcp, uint16_t port)
{
	nft_match_l4proto(b, tcp ? IPPROTO_TCP : IPPROTO_UDP);
	nft_match_port(b, source, port);
}

static void act(struct nl_buf *b, enum node_path path, bool tcp)
{
	char counter[32];

	counter_name(path, tcp, counter, sizeof counter);
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
		nft_match_addr_set(b, f == 0, source, own_set[f], set_id(SET_OWN, f));
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
	nft_match_addr(b, f == 0, true, addr_bytes(c->target[f]));
	match_end(b, true, tcp, c->port);
	act(b, NODE_PATH_REPLY, tcp);
	nft_set_addr(b, f == 0, true, addr_bytes(c->vip[f]));
	nft_rule_end(b, r, "NodeLocal DNS Cache: rewrite the reply");
}

static unsigned put_rules(struct nl_buf *b, const struct nft_conf *c)
{
	unsigned n = 0;

	for (int f = 0; f < 2; f++) {
		/* A rewritten packet must not match a plain rule as well: replies
		 * are rewritten first, queries last. */
		for (int tcp = 0; c->vip[f] && tcp < 2; tcp++, n++)
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
		nft_element(b, addr_bytes(&c->ip[i]), f == 0 ? 4 : 16, hold_ms);
	}
	if (n)
		nft_elements_end(b, e);
}

static void put_elements(struct nl_buf *b, const struct nft_conf *c)
{
	for (int f = 0; f < 2; f++) {
		put_addresses(b, c, f, c->idle, addr_set[f], c->hold_ms);
		put_addresses(b, c, f, 0, own_set[f], 0);
		if (c->vip[f]) {
			struct nft_elements e = nft_elements_begin(b, NFPROTO_INET, NFT_TABLE, vip_set[f]);

			nft_element(b, addr_bytes(c->vip[f]), f == 0 ? 4 : 16, c->hold_ms);
			nft_elements_end(b, e);
		}
	}
}

static void put_flushes(struct nl_buf *b)
{
	for (int f = 0; f < 2; f++) {
		nft_set_flush(b, NFPROTO_INET, NFT_TABLE, addr_set[f]);
		nft_set_flush(b, NFPROTO_INET, NFT_TABLE, vip_set[f]);
	}
}

/* --- reading --- */

struct seen {
	bool table;
	char comment[64];
	unsigned n_rules, n_chains;
	struct node_counters counters;
};

static void counter_seen(struct nl_attr *a, struct node_counters *ret)
{
	struct nl_attr data[NFTA_COUNTER_PACKETS + 1];
	char name[32];

	nl_parse_nest(a[NFTA_OBJ_DATA], data, NFTA_COUNTER_PACKETS + 1);
	for (int p = 0; p < NODE_PATHS; p++) {
		for (int tcp = 0; tcp < 2; tcp++) {
			counter_name((enum node_path)p, tcp, name, sizeof name);
			if (strcmp(name, nl_text(a[NFTA_OBJ_NAME])))
				continue;
			ret->packets[p][tcp] = nl_be64(data[NFTA_COUNTER_PACKETS]);
			ret->bytes[p][tcp] = nl_be64(data[NFTA_COUNTER_BYTES]);
		}
	}
}

static void message_seen(void *ctx, const struct nlmsghdr *h)
{
	enum { MAX = 16 }; /* above all attributes used here */
	struct nl_attr a[MAX];
	struct seen *s = ctx;

	nl_parse(h, nft_header_len(), a, MAX);
	switch (nft_type(h)) {
	case NFT_MSG_NEWTABLE:
		s->table = true;
		if (a[NFTA_TABLE_USERDATA].len > 2)
			snprintf(s->comment, sizeof s->comment, "%.*s", (int)a[NFTA_TABLE_USERDATA].len - 2,
				 (const char *)a[NFTA_TABLE_USERDATA].data + 2);
		break;
	case NFT_MSG_NEWRULE: /* the kernel filters by table, but not all kernels do */
		s->n_rules += !strcmp(nl_text(a[NFTA_RULE_TABLE]), NFT_TABLE);
		break;
	case NFT_MSG_NEWOBJ:
		if (!strcmp(nl_text(a[NFTA_OBJ_TABLE]), NFT_TABLE))
			counter_seen(a, &s->counters);
		break;
	default:
		break;
	}
}

static int look_table(struct netlink *nl, uint8_t family, const char *table, struct seen *s, struct diag *d)
{
	struct nl_buf b;
	int err;

	nl_init(&b);
	nft_begin(&b, NFT_MSG_GETTABLE, 0, family);
	nl_put_text(&b, NFTA_TABLE_NAME, table);
	err = netlink_send(nl, &b, message_seen, s, "nftables", d);
	return err && netlink_errno(nl) == ENOENT ? 0 : err;
}

static int look_dump(struct netlink *nl, uint16_t type, uint16_t table_attr, struct seen *s, struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	nft_begin(&b, type, NLM_F_DUMP, NFPROTO_INET);
	nl_put_text(&b, table_attr, NFT_TABLE);
	return netlink_send(nl, &b, message_seen, s, "nftables", d);
}

bool nft_kube_proxy(struct netlink *nl)
{
	struct seen s = {0};

	look_table(nl, NFPROTO_IPV4, "kube-proxy", &s, NULL);
	look_table(nl, NFPROTO_IPV6, "kube-proxy", &s, NULL);
	return s.table;
}

/* --- doing --- */

static void put_table(struct nl_buf *b, const struct nft_conf *c, const struct node_counters *start)
{
	char text[64];

	digest(c, text, sizeof text);
	/* Make sure there is one, drop it, build it anew: in one transaction. */
	nft_table_add(b, NFPROTO_INET, NFT_TABLE, NULL);
	nft_table_delete(b, NFPROTO_INET, NFT_TABLE);
	nft_table_add(b, NFPROTO_INET, NFT_TABLE, text);
	for (int f = 0; f < 2; f++) {
		nft_addr_set_add(b, NFPROTO_INET, NFT_TABLE, addr_set[f], set_id(SET_ADDR, f), f == 0 ? 4 : 16);
		nft_addr_set_add(b, NFPROTO_INET, NFT_TABLE, vip_set[f], set_id(SET_VIP, f), f == 0 ? 4 : 16);
		nft_addr_set_add(b, NFPROTO_INET, NFT_TABLE, own_set[f], set_id(SET_OWN, f), f == 0 ? 4 : 16);
	}
	for (int p = 0; p < NODE_PATHS; p++) {
		for (int tcp = 0; tcp < 2; tcp++) {
			counter_name((enum node_path)p, tcp, text, sizeof text);
			nft_counter_add(b, NFPROTO_INET, NFT_TABLE, text, start->packets[p][tcp], start->bytes[p][tcp]);
		}
	}
	nft_chain_add(b, NFPROTO_INET, NFT_TABLE, "prerouting", "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW);
	nft_chain_add(b, NFPROTO_INET, NFT_TABLE, "output", "filter", NF_INET_LOCAL_OUT, PRIORITY_RAW);
	if (c->vip[0] || c->vip[1])
		nft_chain_add(b, NFPROTO_INET, NFT_TABLE, "reroute", "route", NF_INET_LOCAL_OUT, PRIORITY_RAW + 1);
}

static int build(struct netlink *nl, const struct nft_conf *c, const struct node_counters *start, struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	nft_batch_begin(&b);
	put_table(&b, c, start);
	put_rules(&b, c);
	put_elements(&b, c);
	nft_batch_end(&b);
	return netlink_send(nl, &b, NULL, NULL, "nftables: installing table inet " NFT_TABLE, d);
}

static unsigned rules_wanted(const struct nft_conf *c)
{
	struct nl_buf b;

	nl_init(&b);
	return put_rules(&b, c);
}

int nft_ensure(struct netlink *nl, const struct nft_conf *c, bool *ret_changed, struct diag *d)
{
	struct seen s = {0};
	char want[64];
	int err = look_table(nl, NFPROTO_INET, NFT_TABLE, &s, d);

	if (!err && s.table)
		err = look_dump(nl, NFT_MSG_GETRULE, NFTA_RULE_TABLE, &s, d);
	if (!err && s.table)
		err = look_dump(nl, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, &s, d);
	if (err)
		return err;
	digest(c, want, sizeof want);
	*ret_changed = !s.table || strcmp(s.comment, want) || s.n_rules != rules_wanted(c);
	return *ret_changed ? build(nl, c, &s.counters, d) : nft_refresh(nl, c, d);
}

/* Deleting and adding in one transaction is what renews a timeout on every
 * kernel; packets see the old element or the new one. */
int nft_refresh(struct netlink *nl, const struct nft_conf *c, struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	nft_batch_begin(&b);
	put_flushes(&b);
	put_elements(&b, c);
	nft_batch_end(&b);
	return netlink_send(nl, &b, NULL, NULL, "nftables: renewing addresses", d);
}

int nft_lapse(struct netlink *nl, const struct nft_conf *c, struct diag *d)
{
	struct nl_buf b;

	(void)c;
	nl_init(&b);
	nft_batch_begin(&b);
	put_flushes(&b);
	nft_batch_end(&b);
	return netlink_send(nl, &b, NULL, NULL, "nftables: withdrawing addresses", d);
}

int nft_remove(struct netlink *nl, struct diag *d)
{
	struct nl_buf b;
	int err;

	nl_init(&b);
	nft_batch_begin(&b);
	nft_table_delete(&b, NFPROTO_INET, NFT_TABLE);
	nft_batch_end(&b);
	err = netlink_send(nl, &b, NULL, NULL, "nftables: removing table inet " NFT_TABLE, d);
	return err && netlink_errno(nl) == ENOENT ? diag_set(d, 0, "%s", "") : err;
}

int nft_counters(struct netlink *nl, const struct nft_conf *c, struct node_counters *ret, struct diag *d)
{
	struct seen s = {0};
	int err = look_dump(nl, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, &s, d);

	if (!err)
		err = look_dump(nl, NFT_MSG_GETRULE, NFTA_RULE_TABLE, &s, d);
	if (err)
		return err;
	*ret = s.counters;
	ret->stand = s.n_rules == rules_wanted(c);
	return 0;
}
