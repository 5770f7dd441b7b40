/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule is a list of expressions: loads into a register, comparisons of it, and
 * iptables' own matches and targets wrapped with their names and structs
 * (linux/netfilter/x_tables.h and xt_*.h). What is not known here makes a rule none of
 * ours, whatever else it says.
 */
#include "resolver/node/iptables_kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "resolver/node/nft_msg.h"

#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_set.h>

#define UDATA_COMMENT 0 /* where newer iptables put it */
#define DROP_MAX      256 /* rules a transaction */

static const struct {
	enum ipt_table table;
	enum ipt_chain chain;
	const char *table_name, *chain_name;
} place[] = {
	{IPT_RAW, IPT_PREROUTING, "raw", "PREROUTING"},
	{IPT_RAW, IPT_OUTPUT, "raw", "OUTPUT"},
	{IPT_FILTER, IPT_INPUT, "filter", "INPUT"},
	{IPT_FILTER, IPT_OUTPUT, "filter", "OUTPUT"},
};
#define N_PLACES (sizeof place / sizeof *place)

enum loaded { LOADED_NOTHING, LOADED_PROTO, LOADED_ADDR, LOADED_PORT };

struct decoded {
	struct ipt_rule r;
	enum loaded loaded;
	bool source;             /* of what is loaded */
	bool addr_source, port_source, gate_source;
	int seen;                /* SAW_*, each once */
	bool foreign;            /* says something that no rule of ours says */
	char recent[XT_RECENT_NAME_LEN];
	char comment[XT_MAX_COMMENT_LEN];
	uint64_t handle, packets, bytes;
};
enum { SAW_PROTO = 1, SAW_ADDR = 2, SAW_PORT = 4, SAW_VERDICT = 8, SAW_ALL = 15 };

static void saw(struct decoded *x, int what)
{
	x->foreign |= x->seen & what;
	x->seen |= what;
}

/* --- one expression --- */

static void meta_seen(struct decoded *x, struct nl_attr data)
{
	struct nl_attr a[NFTA_META_MAX + 1];

	nl_parse_nest(data, a, NFTA_META_MAX + 1);
	x->loaded = nl_be32(a[NFTA_META_KEY]) == NFT_META_L4PROTO ? LOADED_PROTO : LOADED_NOTHING;
}

static void payload_seen(struct decoded *x, struct nl_attr data, bool v4)
{
	struct nl_attr a[NFTA_PAYLOAD_MAX + 1];
	uint32_t base, at, len, addr_len = v4 ? 4 : 16, source = v4 ? 12 : 8;

	nl_parse_nest(data, a, NFTA_PAYLOAD_MAX + 1);
	base = nl_be32(a[NFTA_PAYLOAD_BASE]);
	at = nl_be32(a[NFTA_PAYLOAD_OFFSET]);
	len = nl_be32(a[NFTA_PAYLOAD_LEN]);
	x->loaded = LOADED_NOTHING;
	if (base == NFT_PAYLOAD_NETWORK_HEADER && len == addr_len && (at == source || at == source + addr_len)) {
		x->loaded = LOADED_ADDR;
		x->source = at == source;
	} else if (base == NFT_PAYLOAD_TRANSPORT_HEADER && len == 2 && (at == 0 || at == 2)) {
		x->loaded = LOADED_PORT;
		x->source = at == 0;
	}
}

static void addr_seen(struct decoded *x, struct nl_attr v, bool v4)
{
	saw(x, SAW_ADDR);
	x->addr_source = x->source;
	x->r.addr = (struct in6_addr){.s6_addr = {[10] = v4 ? 0xff : 0, [11] = v4 ? 0xff : 0}};
	memcpy(x->r.addr.s6_addr + (v4 ? 12 : 0), v.data, v4 ? 4 : 16);
}

static void cmp_seen(struct decoded *x, struct nl_attr data, bool v4)
{
	static const size_t len_of[] = {[LOADED_PROTO] = 1, [LOADED_ADDR] = 0, [LOADED_PORT] = 2};
	struct nl_attr a[NFTA_CMP_MAX + 1], v[NFTA_DATA_MAX + 1];
	size_t want = x->loaded == LOADED_ADDR ? (v4 ? 4 : 16) : len_of[x->loaded];
	const uint8_t *bytes;

	nl_parse_nest(data, a, NFTA_CMP_MAX + 1);
	nl_parse_nest(a[NFTA_CMP_DATA], v, NFTA_DATA_MAX + 1);
	bytes = v[NFTA_DATA_VALUE].data;
	if (x->loaded == LOADED_NOTHING || nl_be32(a[NFTA_CMP_OP]) != NFT_CMP_EQ || v[NFTA_DATA_VALUE].len != want) {
		x->foreign = true;
	} else if (x->loaded == LOADED_ADDR) {
		addr_seen(x, v[NFTA_DATA_VALUE], v4);
	} else if (x->loaded == LOADED_PORT) {
		saw(x, SAW_PORT);
		x->port_source = x->source;
		x->r.port = (uint16_t)(bytes[0] << 8 | bytes[1]);
	} else {
		saw(x, SAW_PROTO);
		x->r.tcp = *bytes == IPPROTO_TCP;
		x->foreign |= *bytes != IPPROTO_TCP && *bytes != IPPROTO_UDP;
	}
	x->loaded = LOADED_NOTHING;
}

static void recent_seen(struct decoded *x, struct nl_attr info)
{
	const struct xt_recent_mtinfo_v1 *m = info.data;

	x->foreign |= x->r.gate || info.len < sizeof *m || m->check_set != XT_RECENT_CHECK || !m->invert || !m->seconds;
	if (x->foreign)
		return;
	x->gate_source = m->side == XT_RECENT_SOURCE;
	x->r.gate = NODE_GATE_RECENT;
	x->r.hold_s = m->seconds;
	snprintf(x->recent, sizeof x->recent, "%.*s", (int)sizeof m->name - 1, m->name);
}

/* All versions of the match begin so. */
static void set_seen(struct decoded *x, struct nl_attr info)
{
	const struct xt_set_info *m = info.data;

	x->foreign |= x->r.gate != NODE_GATE_NONE || info.len < sizeof *m;
	x->r.gate = NODE_GATE_SET;
	x->gate_source = !x->foreign && m->flags & IPSET_DIM_ONE_SRC;
}

static void match_seen(struct decoded *x, struct nl_attr data)
{
	struct nl_attr a[NFTA_MATCH_MAX + 1];
	const char *name;

	nl_parse_nest(data, a, NFTA_MATCH_MAX + 1);
	name = nl_text(a[NFTA_MATCH_NAME]);
	if (!strcmp(name, "comment")) {
		snprintf(x->comment, sizeof x->comment, "%.*s", (int)a[NFTA_MATCH_INFO].len,
			 (const char *)a[NFTA_MATCH_INFO].data);
	} else if (!strcmp(name, "set")) {
		set_seen(x, a[NFTA_MATCH_INFO]);
	} else if (!strcmp(name, "recent")) {
		recent_seen(x, a[NFTA_MATCH_INFO]);
	} else {
		x->foreign = true;
	}
}

static void target_seen(struct decoded *x, struct nl_attr data)
{
	struct nl_attr a[NFTA_TARGET_MAX + 1];
	const char *name;
	uint16_t flags = XT_CT_NOTRACK;

	nl_parse_nest(data, a, NFTA_TARGET_MAX + 1);
	name = nl_text(a[NFTA_TARGET_NAME]);
	if (!strcmp(name, "CT") && a[NFTA_TARGET_INFO].len >= sizeof flags)
		memcpy(&flags, a[NFTA_TARGET_INFO].data, sizeof flags);
	else
		x->foreign |= strcmp(name, "NOTRACK") != 0;
	x->foreign |= (flags & ~XT_CT_NOTRACK_ALIAS) != XT_CT_NOTRACK;
	saw(x, SAW_VERDICT);
	x->r.target = IPT_NOTRACK;
}

static void immediate_seen(struct decoded *x, struct nl_attr data)
{
	struct nl_attr a[NFTA_IMMEDIATE_MAX + 1], v[NFTA_DATA_MAX + 1], verdict[NFTA_VERDICT_MAX + 1];

	nl_parse_nest(data, a, NFTA_IMMEDIATE_MAX + 1);
	nl_parse_nest(a[NFTA_IMMEDIATE_DATA], v, NFTA_DATA_MAX + 1);
	nl_parse_nest(v[NFTA_DATA_VERDICT], verdict, NFTA_VERDICT_MAX + 1);
	x->foreign |= nl_be32(verdict[NFTA_VERDICT_CODE]) != NF_ACCEPT || !verdict[NFTA_VERDICT_CODE].data;
	saw(x, SAW_VERDICT);
	x->r.target = IPT_ACCEPT;
}

static void counter_seen(struct decoded *x, struct nl_attr data)
{
	struct nl_attr a[NFTA_COUNTER_MAX + 1];

	nl_parse_nest(data, a, NFTA_COUNTER_MAX + 1);
	x->packets = nl_be64(a[NFTA_COUNTER_PACKETS]);
	x->bytes = nl_be64(a[NFTA_COUNTER_BYTES]);
}

static void expression_seen(struct decoded *x, struct nl_attr e, bool v4)
{
	struct nl_attr a[NFTA_EXPR_MAX + 1];
	const char *name;

	nl_parse_nest(e, a, NFTA_EXPR_MAX + 1);
	name = nl_text(a[NFTA_EXPR_NAME]);
	if (!strcmp(name, "meta"))
		meta_seen(x, a[NFTA_EXPR_DATA]);
	else if (!strcmp(name, "payload"))
		payload_seen(x, a[NFTA_EXPR_DATA], v4);
	else if (!strcmp(name, "cmp"))
		cmp_seen(x, a[NFTA_EXPR_DATA], v4);
	else if (!strcmp(name, "match"))
		match_seen(x, a[NFTA_EXPR_DATA]);
	else if (!strcmp(name, "target"))
		target_seen(x, a[NFTA_EXPR_DATA]);
	else if (!strcmp(name, "immediate"))
		immediate_seen(x, a[NFTA_EXPR_DATA]);
	else if (!strcmp(name, "counter"))
		counter_seen(x, a[NFTA_EXPR_DATA]);
	else if (!strcmp(name, "notrack"))
		target_seen(x, (struct nl_attr){NULL, 0});
	else
		x->foreign = true;
}

static void userdata_seen(struct decoded *x, struct nl_attr u)
{
	const uint8_t *p = u.data;

	for (size_t at = 0; p && at + 2 <= u.len && at + 2 + p[at + 1] <= u.len; at += 2u + p[at + 1]) {
		if (p[at] == UDATA_COMMENT)
			snprintf(x->comment, sizeof x->comment, "%.*s", (int)p[at + 1], (const char *)p + at + 2);
	}
}

static void rule_decode(struct decoded *x, const struct nl_attr a[NFTA_RULE_MAX + 1], bool v4)
{
	struct nl_attr e;

	x->handle = nl_be64(a[NFTA_RULE_HANDLE]);
	userdata_seen(x, a[NFTA_RULE_USERDATA]);
	for (const void *at = nl_each(a[NFTA_RULE_EXPRESSIONS], NULL, &e); at; at = nl_each(a[NFTA_RULE_EXPRESSIONS], at, &e))
		expression_seen(x, e, v4);
	x->r.by_source = x->addr_source;
	x->foreign |= x->seen != SAW_ALL || x->addr_source != x->port_source || (x->r.gate && x->gate_source != x->addr_source);
}

/* --- as iptables-save prints it --- */

/* A foreign rule is named by its comment alone, which is all that may make it ours. */
static void line_write(FILE *f, const struct decoded *x, const struct ipt_conf *c, size_t at)
{
	char addr[INET6_ADDRSTRLEN];
	const char *proto = x->r.tcp ? "tcp" : "udp", *end = x->r.by_source ? "s" : "d";

	fprintf(f, "[%llu:%llu] -A %s", (unsigned long long)x->packets, (unsigned long long)x->bytes, place[at].chain_name);
	if (!x->foreign) {
		inet_ntop(c->v4 ? AF_INET : AF_INET6, x->r.addr.s6_addr + (c->v4 ? 12 : 0), addr, sizeof addr);
		fprintf(f, " -%s %s/%s -p %s -m %s --%sport %u", end, addr, c->v4 ? "32" : "128", proto, proto, end, x->r.port);
		if (x->r.gate == NODE_GATE_SET)
			fprintf(f, " -m set ! --match-set %s %s", c->gate_name, x->gate_source ? "src" : "dst");
		else if (x->r.gate == NODE_GATE_RECENT)
			fprintf(f, " -m recent ! --rcheck --seconds %u --name %s --mask %s --r%s", x->r.hold_s, x->recent,
				c->v4 ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", x->gate_source ? "source" : "dest");
	}
	if (*x->comment)
		fprintf(f, " -m comment --comment \"%s\"", x->comment);
	fprintf(f, x->foreign ? "\n" : " -j %s\n", x->r.target == IPT_NOTRACK ? "NOTRACK" : "ACCEPT");
}

static bool safe_word(const char *text)
{
	return !strpbrk(text, "\"\\\n\r");
}

/* --- walking --- */

struct look {
	const struct ipt_conf *c;
	size_t at; /* place */
	FILE *out;
	/* what is to be deleted */
	bool deleting;
	enum ipt_intent intent;
	size_t n;
	uint64_t handle[DROP_MAX];
	uint8_t handle_at[DROP_MAX];
};

static void drop_consider(struct look *k, const struct decoded *x)
{
	struct ipt_line l;
	char *text = NULL;
	size_t size = 0;
	FILE *f = text_open(&text, &size);

	if (!f)
		return;
	line_write(f, x, k->c, k->at);
	if (!fclose(f) && size && iptables_line_parse(place[k->at].table, text, size - 1, &l) && k->n < DROP_MAX &&
	    (k->intent == IPT_ENSURE ? l.commented && l.exact && l.rule.gate == NODE_GATE_SET && iptables_line_doomed(&l, k->c, IPT_REMOVE)
				     : iptables_line_doomed(&l, k->c, k->intent))) {
		k->handle[k->n] = x->handle;
		k->handle_at[k->n++] = (uint8_t)k->at;
	}
	free(text);
}

static void rule_seen(void *ctx, const struct nlmsghdr *h)
{
	struct nl_attr a[NFTA_RULE_MAX + 1];
	struct look *k = ctx;
	struct decoded x = {.seen = 0};

	if (nft_type(h) != NFT_MSG_NEWRULE)
		return;
	nl_parse(h, nft_header_len(), a, NFTA_RULE_MAX + 1);
	/* The kernel filters by table and chain, but not all kernels do. */
	if (strcmp(nl_text(a[NFTA_RULE_TABLE]), place[k->at].table_name) ||
	    strcmp(nl_text(a[NFTA_RULE_CHAIN]), place[k->at].chain_name))
		return;
	x.r.table = (uint8_t)place[k->at].table;
	x.r.chain = (uint8_t)place[k->at].chain;
	rule_decode(&x, a, k->c->v4);
	if (!safe_word(x.comment) || !safe_word(x.recent) || (x.foreign && !*x.comment))
		return;
	if (k->deleting)
		drop_consider(k, &x);
	else
		line_write(k->out, &x, k->c, k->at);
}

static int look(struct netlink *nl, struct look *k, struct diag *d)
{
	struct nl_buf b;
	int err;

	nl_init(&b);
	nft_begin(&b, NFT_MSG_GETRULE, NLM_F_DUMP, k->c->v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	nl_put_text(&b, NFTA_RULE_TABLE, place[k->at].table_name);
	nl_put_text(&b, NFTA_RULE_CHAIN, place[k->at].chain_name);
	err = netlink_send(nl, &b, rule_seen, k, "nftables: reading iptables' rules", d);
	return err && netlink_errno(nl) == ENOENT ? diag_set(d, 0, "%s", "") : err;
}

int iptables_kernel_save(struct netlink *nl, const struct ipt_conf *c, char **ret_text, struct diag *d)
{
	struct look k = {.c = c};
	char *text = NULL;
	size_t size = 0;
	int err = 0;

	k.out = text_open(&text, &size);
	if (!k.out)
		return diag_set(d, ERR_NOMEM, "iptables: out of memory");
	for (k.at = 0; k.at < N_PLACES && !err; k.at++) {
		if (!k.at || place[k.at].table != place[k.at - 1].table)
			fprintf(k.out, "*%s\n", place[k.at].table_name);
		err = look(nl, &k, d);
	}
	if (fclose(k.out) && !err)
		err = diag_set(d, ERR_NOMEM, "iptables: out of memory");
	if (err)
		free(text);
	else
		*ret_text = text;
	return err;
}

static int rules_delete(struct netlink *nl, const struct look *k, struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	nft_batch_begin(&b, NFT_ANY_GENERATION);
	for (size_t i = 0; i < k->n; i++) {
		nft_begin(&b, NFT_MSG_DELRULE, 0, k->c->v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
		nl_put_text(&b, NFTA_RULE_TABLE, place[k->handle_at[i]].table_name);
		nl_put_text(&b, NFTA_RULE_CHAIN, place[k->handle_at[i]].chain_name);
		nl_put_be64(&b, NFTA_RULE_HANDLE, k->handle[i]);
	}
	nft_batch_end(&b);
	return netlink_send(nl, &b, NULL, NULL, "nftables: deleting iptables' rules", d);
}

int iptables_kernel_drop(struct netlink *nl, const struct ipt_conf *c, enum ipt_intent intent, bool *ret_any, struct diag *d)
{
	struct look k = {.c = c, .deleting = true, .intent = intent};
	int err = 0;

	do {
		k.n = 0;
		for (k.at = 0; k.at < N_PLACES && !err; k.at++)
			err = look(nl, &k, d);
		if (!err && k.n)
			err = rules_delete(nl, &k, d);
		*ret_any |= !err && k.n;
	} while (!err && k.n == DROP_MAX);
	return err;
}
