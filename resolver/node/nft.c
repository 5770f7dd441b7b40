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
 * The table's comment carries a digest of the configuration: together with the
 * number of rules it tells whether the table stands as wanted.
 */
#include "resolver/node/nft.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/node/nft_msg.h"

#define LAYOUT "3" /* change it when the rules below change */
#define PRIORITY_RAW (-300)
#define OWED_MS      25000 /* the one before us finishes within that */
#define OWED_MAX     64

static const char *const addr_set[2] = {"v4", "v6"};
static const char *const vip_set[2] = {"vip4", "vip6"};
static const char *const own_set[2] = {"own4", "own6"};
static const char *const back_map[2] = {"back4", "back6"};
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
	match_end(b, true, tcp, c->port);
	nft_map_addr_begin(b, f == 0, true, back_map[f], set_id(SET_BACK, f));
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

/* What turns questions over. */
static void put_elements(struct nl_buf *b, const struct nft_conf *c)
{
	for (int f = 0; f < 2; f++) {
		put_addresses(b, c, f, c->idle, addr_set[f], c->hold_ms);
		if (c->vip[f])
			put_one(b, f, vip_set[f], addr_bytes(c->vip[f]), NULL, c->hold_ms);
	}
}

/* What replies need. */
static void put_own(struct nl_buf *b, const struct nft_conf *c)
{
	for (int f = 0; f < 2; f++) {
		put_addresses(b, c, f, 0, own_set[f], 0);
		if (c->vip[f])
			put_one(b, f, back_map[f], addr_bytes(c->target[f]), addr_bytes(c->vip[f]), 0);
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

/* Elements of own and back as they stand. */
struct owed {
	size_t n;
	struct {
		int f;
		bool back;
		uint8_t key[16], value[16];
	} one[OWED_MAX];
	int f; /* the set that is being read */
	bool back;
};

struct seen {
	bool table;
	char comment[64];
	unsigned n_rules, n_chains;
	struct node_counters counters;
	struct owed *owed; /* whose sets are being read */
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

static bool element_data(struct nl_attr a, int f, uint8_t ret[16])
{
	struct nl_attr data[NFTA_DATA_MAX + 1];
	size_t len = f == 0 ? 4 : 16;

	nl_parse_nest(a, data, NFTA_DATA_MAX + 1);
	if (data[NFTA_DATA_VALUE].len != len)
		return false;
	memcpy(ret, data[NFTA_DATA_VALUE].data, len);
	return true;
}

static void elements_seen(struct nl_attr list, struct owed *o)
{
	struct nl_attr e, a[NFTA_SET_ELEM_DATA + 1];

	for (const void *at = nl_each(list, NULL, &e); at && o->n < OWED_MAX; at = nl_each(list, at, &e)) {
		nl_parse_nest(e, a, NFTA_SET_ELEM_DATA + 1);
		o->one[o->n].f = o->f;
		o->one[o->n].back = o->back;
		o->n += element_data(a[NFTA_SET_ELEM_KEY], o->f, o->one[o->n].key) &&
			(!o->back || element_data(a[NFTA_SET_ELEM_DATA], o->f, o->one[o->n].value));
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
	case NFT_MSG_NEWSETELEM:
		if (s->owed)
			elements_seen(a[NFTA_SET_ELEM_LIST_ELEMENTS], s->owed);
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

/* A set that is not there has no elements. */
static int look_elements(struct netlink *nl, const char *set, struct seen *s, struct diag *d)
{
	struct nl_buf b;
	int err;

	nl_init(&b);
	nft_begin(&b, NFT_MSG_GETSETELEM, NLM_F_DUMP, NFPROTO_INET);
	nl_put_text(&b, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
	nl_put_text(&b, NFTA_SET_ELEM_LIST_SET, set);
	err = netlink_send(nl, &b, message_seen, s, "nftables: reading a set", d);
	return err && netlink_errno(nl) == ENOENT ? diag_set(d, 0, "%s", "") : err;
}

static int look_owed(struct netlink *nl, struct owed *o, struct diag *d)
{
	struct seen s = {.owed = o};
	int err = 0;

	for (int i = 0; !err && i < 4; i++) {
		o->f = i % 2;
		o->back = i / 2;
		err = look_elements(nl, o->back ? back_map[o->f] : own_set[o->f], &s, d);
	}
	return err;
}

static bool is_ours(const struct nft_conf *c, int f, const uint8_t *key)
{
	for (size_t i = 0; i < c->n_ips; i++) {
		if (c->ip[i].is_v4 == (f == 0) && !memcmp(addr_bytes(&c->ip[i]), key, f == 0 ? 4 : 16))
			return true;
	}
	return false;
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
		nft_addr_map_add(b, NFPROTO_INET, NFT_TABLE, back_map[f], set_id(SET_BACK, f), f == 0 ? 4 : 16);
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

/* What the table before has for other addresses than ours. */
static void put_owed(struct nl_buf *b, const struct nft_conf *c, const struct owed *o)
{
	for (size_t i = 0; i < o->n; i++) {
		int f = o->one[i].f;
		const uint8_t *key = o->one[i].key;
		bool ours = o->one[i].back ? c->vip[f] && !memcmp(addr_bytes(c->target[f]), key, f == 0 ? 4 : 16) : is_ours(c, f, key);

		if (!ours)
			put_one(b, f, o->one[i].back ? back_map[f] : own_set[f], key, o->one[i].back ? o->one[i].value : NULL,
				OWED_MS);
	}
}

static int build(struct netlink *nl, const struct nft_conf *c, const struct node_counters *start, struct diag *d)
{
	struct owed owed = {.n = 0};
	struct nl_buf b;
	int err = c->handed_over ? look_owed(nl, &owed, d) : 0;

	if (err)
		return err;
	nl_init(&b);
	nft_batch_begin(&b);
	put_table(&b, c, start);
	put_rules(&b, c);
	put_own(&b, c);
	put_elements(&b, c);
	put_owed(&b, c, &owed);
	nft_batch_end(&b);
	return netlink_send(nl, &b, NULL, NULL, "nftables: installing table inet " NFT_TABLE, d);
}

static unsigned rules_wanted(const struct nft_conf *c)
{
	struct nl_buf b;

	nl_init(&b);
	return put_rules(&b, c);
}

/* Deleting and adding in one transaction is what renews a timeout on every
 * kernel; packets see the old element or the new one. */
static int renew(struct netlink *nl, const struct nft_conf *c, struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	nft_batch_begin(&b);
	put_flushes(&b);
	put_elements(&b, c);
	nft_batch_end(&b);
	return netlink_send(nl, &b, NULL, NULL, "nftables: renewing addresses", d);
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
	return *ret_changed ? build(nl, c, &s.counters, d) : renew(nl, c, d);
}

int nft_refresh(struct netlink *nl, const struct nft_conf *c, struct diag *d)
{
	struct seen s = {0};
	char want[64];
	int err = look_table(nl, NFPROTO_INET, NFT_TABLE, &s, d);

	digest(c, want, sizeof want);
	if (err || strcmp(s.comment, want))
		return err ? err : diag_set(d, ERR_MISSING, "table inet " NFT_TABLE " is %s", s.table ? "another instance's" : "gone");
	return renew(nl, c, d);
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

/* Something of what stands is needed by replies that are still to come. */
static bool is_owed(const struct nft_conf *c, const struct owed *o, struct strays *s, uint64_t until_ns)
{
	bool owed = false;

	for (size_t i = 0; i < o->n; i++) {
		int f = o->one[i].f;
		bool ours = is_ours(c, f, o->one[i].key);
		struct in6_addr addr = {.s6_addr = {[10] = f == 0 ? 0xff : 0, [11] = f == 0 ? 0xff : 0}};

		memcpy(addr.s6_addr + (f == 0 ? 12 : 0), o->one[i].key, f == 0 ? 4 : 16);
		owed |= ours ? o->one[i].back && clock_mono_ns() < until_ns : strays_held(s, &addr);
	}
	return owed;
}

int nft_sweep(struct netlink *nl, const struct nft_conf *c, struct strays *s, uint64_t until_ns, struct diag *d)
{
	const struct nft_conf bare = {.port = c->port, .health_port = c->health_port, .handed_over = true};
	struct owed owed = {.n = 0};
	struct seen t = {0};
	char want[64];
	int err = c->handed_over ? look_table(nl, NFPROTO_INET, NFT_TABLE, &t, d) : 0;

	if (!err && t.table)
		err = look_owed(nl, &owed, d);
	if (err)
		return err;
	if (!is_owed(c, &owed, s, until_ns))
		return nft_remove(nl, d);
	s->left = true;
	digest(&bare, want, sizeof want);
	return strcmp(t.comment, want) ? build(nl, &bare, &(struct node_counters){.stand = true}, d) : 0;
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
