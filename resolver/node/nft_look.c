/* SPDX-License-Identifier: Apache-2.0 */
/* Gets and dumps, and what comes back. */
#include "resolver/node/nft_look.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "resolver/node/nft.h"
#include "resolver/node/nft_msg.h"

const char *const nft_own_set[2] = {"own4", "own6"};
const char *const nft_back_map[2] = {"back4", "back6"};
const char *const nft_chain[NFT_CHAINS] = {"prerouting", "output", "reroute"};

void nft_counter_name(enum node_path path, bool tcp, char *ret, size_t size)
{
	snprintf(ret, size, "%s_%s", node_path_label[path], tcp ? "tcp" : "udp");
}

struct reading {
	struct nft_seen *seen;
	struct nft_owed *owed; /* whose sets are being read */
};

static void counter_seen(struct nl_attr *a, struct node_counters *ret)
{
	struct nl_attr data[NFTA_COUNTER_PACKETS + 1];
	char name[32];

	nl_parse_nest(a[NFTA_OBJ_DATA], data, NFTA_COUNTER_PACKETS + 1);
	for (int p = 0; p < NODE_PATHS; p++) {
		for (int tcp = 0; tcp < 2; tcp++) {
			nft_counter_name((enum node_path)p, tcp, name, sizeof name);
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

static void elements_seen(struct nl_attr list, struct nft_owed *o)
{
	struct nl_attr e, a[NFTA_SET_ELEM_DATA + 1];

	for (const void *at = nl_each(list, NULL, &e); at && o->n < NFT_OWED_MAX; at = nl_each(list, at, &e)) {
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
	struct reading *s = ctx;

	nl_parse(h, nft_header_len(), a, MAX);
	switch (nft_type(h)) {
	case NFT_MSG_NEWGEN:
		s->seen->generation = nl_be32(a[NFTA_GEN_ID]);
		break;
	case NFT_MSG_NEWTABLE:
		s->seen->table = true;
		s->seen->flags = nl_be32(a[NFTA_TABLE_FLAGS]);
		s->seen->n_parts = nl_be32(a[NFTA_TABLE_USE]);
		if (a[NFTA_TABLE_USERDATA].len > 2)
			snprintf(s->seen->comment, sizeof s->seen->comment, "%.*s", (int)a[NFTA_TABLE_USERDATA].len - 2,
				 (const char *)a[NFTA_TABLE_USERDATA].data + 2);
		break;
	case NFT_MSG_NEWCHAIN:
		s->seen->n_open += a[NFTA_CHAIN_HOOK].len && nl_be32(a[NFTA_CHAIN_POLICY]) == NF_ACCEPT;
		break;
	case NFT_MSG_NEWRULE: /* the kernel filters by table, but not all kernels do */
		s->seen->n_rules += !strcmp(nl_text(a[NFTA_RULE_TABLE]), NFT_TABLE);
		break;
	case NFT_MSG_NEWOBJ:
		if (!strcmp(nl_text(a[NFTA_OBJ_TABLE]), NFT_TABLE))
			counter_seen(a, &s->seen->counters);
		break;
	case NFT_MSG_NEWSETELEM:
		if (s->owed)
			elements_seen(a[NFTA_SET_ELEM_LIST_ELEMENTS], s->owed);
		break;
	default:
		break;
	}
}

static int look_table(struct netlink *nl, uint8_t family, const char *table, struct reading *s, struct diag *d)
{
	struct nl_buf b;
	int err;

	nl_init(&b);
	nft_begin(&b, NFT_MSG_GETTABLE, 0, family);
	nl_put_text(&b, NFTA_TABLE_NAME, table);
	err = netlink_send(nl, &b, message_seen, s, "nftables", d);
	return err && netlink_errno(nl) == ENOENT ? 0 : err;
}

/* One by one: a dump would bring those of all tables. */
static int look_chain(struct netlink *nl, const char *chain, struct reading *s, struct diag *d)
{
	struct nl_buf b;
	int err;

	nl_init(&b);
	nft_begin(&b, NFT_MSG_GETCHAIN, 0, NFPROTO_INET);
	nl_put_text(&b, NFTA_CHAIN_TABLE, NFT_TABLE);
	nl_put_text(&b, NFTA_CHAIN_NAME, chain);
	err = netlink_send(nl, &b, message_seen, s, "nftables: reading a chain", d);
	return err && netlink_errno(nl) == ENOENT ? diag_set(d, 0, "%s", "") : err;
}

static int look_dump(struct netlink *nl, uint16_t type, uint16_t table_attr, struct reading *s, struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	nft_begin(&b, type, NLM_F_DUMP, NFPROTO_INET);
	nl_put_text(&b, table_attr, NFT_TABLE);
	return netlink_send(nl, &b, message_seen, s, "nftables", d);
}

/* A set that is not there has no elements. */
static int look_elements(struct netlink *nl, const char *set, struct reading *s, struct diag *d)
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

int nft_look_owed(struct netlink *nl, struct nft_owed *o, struct diag *d)
{
	struct nft_seen none = {0};
	struct reading s = {.seen = &none, .owed = o};
	int err = 0;

	for (int i = 0; !err && i < 4; i++) {
		o->f = i % 2;
		o->back = i / 2;
		err = look_elements(nl, o->back ? nft_back_map[o->f] : nft_own_set[o->f], &s, d);
	}
	return err;
}

/* Before all else: what is read after it is no older. */
static int look_generation(struct netlink *nl, struct nft_seen *ret, struct diag *d)
{
	struct reading s = {.seen = ret};
	struct nl_buf b;

	*ret = (struct nft_seen){.generation = NFT_ANY_GENERATION};
	nl_init(&b);
	nft_begin(&b, NFT_MSG_GETGEN, 0, NFPROTO_UNSPEC);
	return netlink_send(nl, &b, message_seen, &s, "nftables: the generation", d);
}

uint32_t nft_look_generation(struct netlink *nl)
{
	struct nft_seen s;

	look_generation(nl, &s, NULL);
	return s.generation;
}

int nft_look_table(struct netlink *nl, struct nft_seen *ret, struct diag *d)
{
	struct reading s = {.seen = ret};
	int err = look_generation(nl, ret, d);

	return err ? err : look_table(nl, NFPROTO_INET, NFT_TABLE, &s, d);
}

int nft_look_rules(struct netlink *nl, struct nft_seen *ret, struct diag *d)
{
	struct reading s = {.seen = ret};
	int err = nft_look_table(nl, ret, d);

	for (int i = 0; !err && ret->table && i < NFT_CHAINS; i++)
		err = look_chain(nl, nft_chain[i], &s, d);
	if (!err && ret->table)
		err = look_dump(nl, NFT_MSG_GETRULE, NFTA_RULE_TABLE, &s, d);
	return err;
}

int nft_look_all(struct netlink *nl, struct nft_seen *ret, struct diag *d)
{
	struct reading s = {.seen = ret};
	int err = nft_look_rules(nl, ret, d);

	if (!err && ret->table)
		err = look_dump(nl, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, &s, d);
	return err;
}

bool nft_kube_proxy(struct netlink *nl)
{
	struct nft_seen seen = {.table = false};
	struct reading s = {.seen = &seen};

	look_table(nl, NFPROTO_IPV4, "kube-proxy", &s, NULL);
	look_table(nl, NFPROTO_IPV6, "kube-proxy", &s, NULL);
	return seen.table;
}
