/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The native dialect against the kernel, in a network namespace that dies with the
 * test: what stands there afterwards is read back and told as text, expression by
 * expression, so that a mask, an offset or a checksum flag cannot be wrong unseen.
 */
#include "resolver/node/nft.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fixtures/nft_world.h"

static char told[16384];
static size_t told_len;

__attribute__((format(printf, 1, 2))) static void tell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	told_len += (size_t)vsnprintf(told + told_len, sizeof(told) - told_len, fmt, ap);
	va_end(ap);
	cr_assert_lt(told_len, sizeof(told));
}

static void tell_hex(struct nl_attr a)
{
	for (size_t i = 0; i < a.len; i++)
		tell("%02x", ((const uint8_t *)a.data)[i]);
}

/* NFTA_DATA_VALUE within. */
static void tell_value(struct nl_attr data)
{
	struct nl_attr v[ATTRS];

	nl_parse_nest(data, v, ATTRS);
	tell_hex(v[NFTA_DATA_VALUE]);
}

static void tell_payload(const struct nl_attr *e)
{
	tell("%s %u+%u:%u", e[NFTA_PAYLOAD_SREG].data ? "write" : "load", nl_be32(e[NFTA_PAYLOAD_BASE]),
	     nl_be32(e[NFTA_PAYLOAD_OFFSET]), nl_be32(e[NFTA_PAYLOAD_LEN]));
	if (e[NFTA_PAYLOAD_SREG].data)
		tell(" sum %u+%u flags %u", nl_be32(e[NFTA_PAYLOAD_CSUM_TYPE]), nl_be32(e[NFTA_PAYLOAD_CSUM_OFFSET]),
		     nl_be32(e[NFTA_PAYLOAD_CSUM_FLAGS]));
}

static void tell_expression(const char *name, const struct nl_attr *e)
{
	if (!strcmp(name, "meta")) {
		tell("meta %u", nl_be32(e[NFTA_META_KEY]));
	} else if (!strcmp(name, "cmp")) {
		tell("%u= ", nl_be32(e[NFTA_CMP_OP]));
		tell_value(e[NFTA_CMP_DATA]);
	} else if (!strcmp(name, "payload")) {
		tell_payload(e);
	} else if (!strcmp(name, "lookup")) {
		tell("%s %s", e[NFTA_LOOKUP_DREG].data ? "by" : "in", nl_text(e[NFTA_LOOKUP_SET]));
	} else if (!strcmp(name, "objref")) {
		tell("count %u %s", nl_be32(e[NFTA_OBJREF_IMM_TYPE]), nl_text(e[NFTA_OBJREF_IMM_NAME]));
	} else if (!strcmp(name, "immediate")) {
		tell("value ");
		tell_value(e[NFTA_IMMEDIATE_DATA]);
	} else {
		tell("%s", name);
	}
}

static void tell_rule(struct nl_attr *a)
{
	struct nl_attr elem = {0}, parts[ATTRS], data[ATTRS];

	tell("%s:", nl_text(a[NFTA_RULE_CHAIN]));
	for (const void *at = NULL; (at = nl_each(a[NFTA_RULE_EXPRESSIONS], at, &elem));) {
		nl_parse_nest(elem, parts, ATTRS);
		nl_parse_nest(parts[NFTA_EXPR_DATA], data, ATTRS);
		tell(" ");
		tell_expression(nl_text(parts[NFTA_EXPR_NAME]), data);
		tell(";");
	}
	const uint8_t *comment = a[NFTA_RULE_USERDATA].data;

	/* as the nft tool reads it: a kind, a length, a text that ends */
	if (a[NFTA_RULE_USERDATA].len > 2)
		cr_assert(comment[0] == 0 && comment[1] == a[NFTA_RULE_USERDATA].len - 2 && !comment[a[NFTA_RULE_USERDATA].len - 1]);
	tell(" # %s\n", a[NFTA_RULE_USERDATA].len > 2 ? (const char *)a[NFTA_RULE_USERDATA].data + 2 : "");
}

static void tell_chain(struct nl_attr *a)
{
	struct nl_attr hook[ATTRS];

	nl_parse_nest(a[NFTA_CHAIN_HOOK], hook, ATTRS);
	tell("chain %s type %s hook %u priority %d policy %u\n", nl_text(a[NFTA_CHAIN_NAME]),
	     nl_text(a[NFTA_CHAIN_TYPE]), nl_be32(hook[NFTA_HOOK_HOOKNUM]), (int)nl_be32(hook[NFTA_HOOK_PRIORITY]),
	     nl_be32(a[NFTA_CHAIN_POLICY]));
}

static void tell_elements(struct nl_attr *a)
{
	struct nl_attr elem = {0}, parts[ATTRS];

	for (const void *at = NULL; (at = nl_each(a[NFTA_SET_ELEM_LIST_ELEMENTS], at, &elem));) {
		nl_parse_nest(elem, parts, ATTRS);
		tell("%s ", nl_text(a[NFTA_SET_ELEM_LIST_SET]));
		tell_value(parts[NFTA_SET_ELEM_KEY]);
		if (parts[NFTA_SET_ELEM_DATA].data) {
			tell(" to ");
			tell_value(parts[NFTA_SET_ELEM_DATA]);
		}
		tell(" %llu ms\n", (unsigned long long)nl_be64(parts[NFTA_SET_ELEM_TIMEOUT]));
	}
}

static void message_told(void *ctx, const struct nlmsghdr *h)
{
	struct nl_attr a[ATTRS];

	(void)ctx;
	nl_parse(h, nft_header_len(), a, ATTRS);
	switch (nft_type(h)) {
	case NFT_MSG_NEWRULE:
		tell_rule(a);
		break;
	case NFT_MSG_NEWCHAIN:
		tell_chain(a);
		break;
	case NFT_MSG_NEWSET:
		tell("set %s flags %u type %u len %u\n", nl_text(a[NFTA_SET_NAME]), nl_be32(a[NFTA_SET_FLAGS]),
		     nl_be32(a[NFTA_SET_KEY_TYPE]), nl_be32(a[NFTA_SET_KEY_LEN]));
		break;
	case NFT_MSG_NEWSETELEM:
		tell_elements(a);
		break;
	default:
		break;
	}
}

/* What the kernel holds of `type`, as text in static storage. */
static const char *held(struct netlink *nl, uint16_t type, const char *set)
{
	struct nl_buf b;
	struct diag d;

	told_len = 0;
	told[0] = 0;
	nl_init(&b);
	nft_begin(&b, type, NLM_F_DUMP, NFPROTO_INET);
	nl_put_text(&b, 1, NFT_TABLE); /* the table's name, whatever is dumped */
	if (set)
		nl_put_text(&b, NFTA_SET_ELEM_LIST_SET, set);
	cr_assert_eq(netlink_send(nl, &b, message_told, NULL, "dump", &d), 0, "%s", d.text);
	return told;
}

static int line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The addresses of the sets that expire; the kernel tells them in no order. */
static const char *held_elements(struct netlink *nl)
{
	static const char *const sets[] = {"v4", "v6", "vip4", "vip6"};
	static char all[4096];
	char text[4096], *lines[64], *save = NULL;
	size_t len = 0, n = 0;

	for (size_t i = 0; i < 4; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", held(nl, NFT_MSG_GETSETELEM, sets[i]));
	text[len] = 0;
	for (char *l = strtok_r(text, "\n", &save); l && n < 64; l = strtok_r(NULL, "\n", &save))
		lines[n++] = l;
	qsort(lines, n, sizeof(*lines), line_cmp);
	all[len = 0] = 0;
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s\n", lines[i]);
	return all;
}

/* A namespace of its own, or the test is skipped. */
static bool ensure(struct netlink *nl, const struct nft_conf *c)
{
	bool changed = false;
	struct diag d;

	cr_assert_eq(nft_ensure(nl, c, &changed, &d), 0, "%s", d.text);
	return changed;
}

/* meta 15 is the family, 16 the transport; 1+12:4 is octets 12..15 of the network
 * header, 2+2:2 the destination port. A write mends IPv4's own sum (sum 1+10), and the
 * transport's (flags 1) in both families. */
#define SKIP		     " notrack; # NodeLocal DNS Cache: skip conntrack\n"
#define V4		     " meta 15; 0= 02; load 1+"
#define V6		     " meta 15; 0= 0a; load 1+"
#define UDP		     " meta 16; 0= 11; load 2+"
#define TCP		     " meta 16; 0= 06; load 2+"
#define TO53		     "2:2; 0= 0035; count 1 "
#define FROM53		     "0:2; 0= 0035; count 1 "
#define ARRIVES(ip, at, set) \
	"prerouting:" ip at "; in " set ";" UDP TO53 "in_udp;" SKIP \
	"prerouting:" ip at "; in " set ";" TCP TO53 "in_tcp;" SKIP
#define LEAVES(ip, to, from, set, own) \
	"output:" ip to "; in " set ";" UDP TO53 "host_udp;" SKIP \
	"output:" ip from "; in " own ";" UDP FROM53 "reply_udp;" SKIP \
	"output:" ip to "; in " set ";" TCP TO53 "host_tcp;" SKIP \
	"output:" ip from "; in " set ";" TCP FROM53 "reply_tcp;" SKIP \
	"output:" ip to "; in " set ";" TCP "2:2; 0= 1f90; count 1 health_tcp;" SKIP \
	"output:" ip from "; in " set ";" TCP "0:2; 0= 1f90; count 1 health_tcp;" SKIP
#define REWRITE(chain, ip, at, set, by, ours, sum) \
	chain ":" ip at "; in " set ";" UDP TO53 by "_udp; notrack; value " ours "; write 1+" at " sum " sum \
	" flags 1; # NodeLocal DNS Cache: rewrite to the cache\n" \
	chain ":" ip at "; in " set ";" TCP TO53 by "_tcp; notrack; value " ours "; write 1+" at " sum " sum \
	" flags 1; # NodeLocal DNS Cache: rewrite to the cache\n"
#define BACK(ip, at, map, proto, name, sum) \
	"output: meta 15; 0= " ip ";" proto "0:2; 0= 0035; load 1+" at "; by " map "; count 1 " name "; notrack; write 1+" at \
	" sum " sum " flags 1; # NodeLocal DNS Cache: rewrite the reply\n"
#define BACK4 BACK("02", "12:4", "back4", UDP, "reply_udp", "1+10") BACK("02", "12:4", "back4", TCP, "reply_tcp", "1+10")
#define BACK6 BACK("0a", "8:16", "back6", UDP, "reply_udp", "0+0") BACK("0a", "8:16", "back6", TCP, "reply_tcp", "0+0")
#define OURS4 "a9fe140a"
#define OURS6 "fd00000000000000000000000000000a"
#define VIP4  "0a60000a"
#define VIP6  "fd00009600000000000000000000000a"

Test(nft, plain_addresses)
{
	struct netlink *nl = kernel_open();
	struct nft_conf c = conf_both();

	c.vip[0] = c.vip[1] = NULL;
	cr_expect(ensure(nl, &c));
	cr_expect_str_eq(held(nl, NFT_MSG_GETRULE, NULL),
			 ARRIVES(V4, "16:4", "v4") ARRIVES(V6, "24:16", "v6") BACK4 LEAVES(V4, "16:4", "12:4", "v4", "own4")
				 BACK6 LEAVES(V6, "24:16", "8:16", "v6", "own6"));
	cr_expect_str_eq(held(nl, NFT_MSG_GETCHAIN, NULL), "chain prerouting type filter hook 0 priority -300 policy 1\n"
							   "chain output type filter hook 3 priority -300 policy 1\n");
	cr_expect_str_eq(held(nl, NFT_MSG_GETSET, NULL), "set v4 flags 16 type 7 len 4\nset vip4 flags 16 type 7 len 4\n"
							 "set own4 flags 16 type 7 len 4\nset back4 flags 24 type 7 len 4\n"
							 "set v6 flags 16 type 8 len 16\nset vip6 flags 16 type 8 len 16\n"
							 "set own6 flags 16 type 8 len 16\nset back6 flags 24 type 8 len 16\n");
	cr_expect_str_eq(held_elements(nl), "v4 a9fe140a 120000 ms\nv4 a9fe140b 120000 ms\nv6 " OURS6 " 120000 ms\n");
	netlink_close(nl);
}

Test(nft, one_family_and_no_end)
{
	struct netlink *nl = kernel_open();
	struct nft_conf c = conf_both();

	c = (struct nft_conf){.ip = ours + 1, .n_ips = 1, .port = 53, .health_port = 8080};
	cr_expect(ensure(nl, &c));
	cr_expect_str_eq(held(nl, NFT_MSG_GETRULE, NULL), ARRIVES(V6, "24:16", "v6") BACK4 BACK6 LEAVES(V6, "24:16", "8:16", "v6", "own6"));
	cr_expect_str_eq(held_elements(nl), "v6 " OURS6 " 0 ms\n");
	netlink_close(nl);
}

Test(nft, rewritten_addresses)
{
	struct netlink *nl = kernel_open();
	struct nft_conf c = conf_both();

	cr_expect(ensure(nl, &c));
	cr_expect_str_eq(held(nl, NFT_MSG_GETRULE, NULL),
			 ARRIVES(V4, "16:4", "v4") REWRITE("prerouting", V4, "16:4", "vip4", "in", OURS4, "1+10")
			 ARRIVES(V6, "24:16", "v6") REWRITE("prerouting", V6, "24:16", "vip6", "in", OURS6, "0+0")
			 BACK4 LEAVES(V4, "16:4", "12:4", "v4", "own4")
			 BACK6 LEAVES(V6, "24:16", "8:16", "v6", "own6")
			 REWRITE("reroute", V4, "16:4", "vip4", "host", OURS4, "1+10")
			 REWRITE("reroute", V6, "24:16", "vip6", "host", OURS6, "0+0"));
	cr_expect_str_eq(held(nl, NFT_MSG_GETCHAIN, NULL), "chain prerouting type filter hook 0 priority -300 policy 1\n"
							   "chain output type filter hook 3 priority -300 policy 1\n"
							   "chain reroute type route hook 3 priority -299 policy 1\n");
	cr_expect_str_eq(held_elements(nl), "v4 a9fe140a 120000 ms\nv4 a9fe140b 120000 ms\nv6 " OURS6
					    " 120000 ms\nvip4 " VIP4 " 120000 ms\nvip6 " VIP6 " 120000 ms\n");
	netlink_close(nl);
}

/* Addresses go and come; the rules stand all the while. */
Test(nft, lapse_and_renewal)
{
	struct netlink *nl = kernel_open();
	struct nft_conf c = conf_both();
	struct node_counters seen = {0};
	char before[4096];
	struct diag d;

	cr_expect(ensure(nl, &c));
	snprintf(before, sizeof(before), "%s", held_elements(nl));
	cr_expect_eq(nft_lapse(nl, &c, &d), 0);
	cr_expect_str_eq(held_elements(nl), "");
	cr_expect_str_eq(held(nl, NFT_MSG_GETSETELEM, "own6"), "own6 " OURS6 " 0 ms\n", "replies go as they did");
	cr_expect_eq(nft_counters(nl, &c, &seen, &d), 0);
	cr_expect(seen.stand);
	cr_expect_eq(nft_refresh(nl, &c, &d), 0);
	cr_expect_str_eq(held_elements(nl), before);
	c.idle = 1; /* nobody listens at the first */
	cr_expect_eq(nft_refresh(nl, &c, &d), 0);
	cr_expect_null(strstr(held_elements(nl), "v4 a9fe140a"));
	cr_expect(strstr(held_elements(nl), "v4 a9fe140b 120000 ms"));
	cr_expect(strstr(held_elements(nl), "v6 " OURS6));
	c.idle = 6;
	cr_expect_eq(nft_refresh(nl, &c, &d), 0);
	cr_expect(strstr(held_elements(nl), "v4 a9fe140a 120000 ms"));
	cr_expect_null(strstr(held_elements(nl), "v4 a9fe140b"));
	cr_expect_null(strstr(held_elements(nl), "v6 " OURS6 " "));
	c.idle = 0;
	cr_expect_eq(nft_lapse(nl, &c, &d), 0);
	cr_expect_not(ensure(nl, &c), "what stands is not built again");
	cr_expect_str_eq(held_elements(nl), before);
	netlink_close(nl);
}

/* A rule of ours without its expressions. */
static void stray_rule_add(struct netlink *nl, const char *table)
{
	struct nl_buf b;

	nl_init(&b);
	nft_batch_begin(&b, NFT_ANY_GENERATION);
	nft_table_add(&b, NFPROTO_INET, table, NULL);
	nft_chain_add(&b, NFPROTO_INET, table, "output", "filter", NF_INET_LOCAL_OUT, -300);
	nft_rule_end(&b, nft_rule_begin(&b, NFPROTO_INET, table, "output"), "stray");
	batch_send(nl, &b);
}

Test(nft, what_differs_is_built_anew)
{
	struct netlink *nl = kernel_open();
	struct nft_conf c = conf_both(), other;
	struct node_counters seen = {0};
	struct diag d;

	cr_expect(ensure(nl, &c));
	cr_expect_not(ensure(nl, &c));
	stray_rule_add(nl, "somebody");
	cr_expect_not(ensure(nl, &c), "another's table is not ours");
	cr_expect_eq(nft_counters(nl, &c, &seen, &d), 0);
	cr_expect(seen.stand);
	stray_rule_add(nl, NFT_TABLE);
	cr_expect_eq(nft_counters(nl, &c, &seen, &d), 0);
	cr_expect_not(seen.stand);
	cr_expect(ensure(nl, &c));
	cr_expect_eq(nft_counters(nl, &c, &seen, &d), 0);
	cr_expect(seen.stand);
	/* as many rules, but not the same */
	other = c;
	other.port = 1053;
	cr_expect(ensure(nl, &other));
	other.health_port = 8081;
	cr_expect(ensure(nl, &other));
	other.target[0] = &ours[2];
	cr_expect(ensure(nl, &other));
	other.vip[1] = &ours[1];
	cr_expect(ensure(nl, &other));
	ours[0] = ip_of("169.254.20.12");
	cr_expect(ensure(nl, &other));
	cr_expect_not(ensure(nl, &other));
	netlink_close(nl);
}

/* One that hands over answers what it was asked, at its addresses and as it was asked. */
Test(nft, what_the_replies_of_the_one_before_need)
{
	struct netlink *nl = kernel_open();
	struct nft_conf old = conf_both(), c = old, iptables = old;
	struct strays s = {.released = {.handed_over = true}};
	struct diag d;

	cr_expect(ensure(nl, &old));
	cr_expect_str_eq(held(nl, NFT_MSG_GETSETELEM, "back4"), "back4 " OURS4 " to " VIP4 " 0 ms\n");
	/* our one address is the last of the three */
	c.ip = ours + 2;
	c.n_ips = 1;
	c.vip[0] = c.vip[1] = NULL;
	c.handed_over = true;
	cr_expect(ensure(nl, &c));
	cr_expect_str_eq(held_elements(nl), "v4 a9fe140b 120000 ms\n", "questions to others go elsewhere");
	cr_expect_str_eq(held(nl, NFT_MSG_GETSETELEM, "back4"), "back4 " OURS4 " to " VIP4 " 25000 ms\n");
	cr_expect_str_eq(held(nl, NFT_MSG_GETSETELEM, "back6"), "back6 " OURS6 " to " VIP6 " 25000 ms\n");
	cr_expect_str_eq(held(nl, NFT_MSG_GETSETELEM, "own6"), "own6 " OURS6 " 25000 ms\n");
	cr_expect_neq(nft_refresh(nl, &old, &d), 0, "the one before renews no more");
	cr_expect_str_eq(held_elements(nl), "v4 a9fe140b 120000 ms\n");
	c.handed_over = false;
	c.port = 1053;
	cr_expect(ensure(nl, &c));
	cr_expect_str_eq(held(nl, NFT_MSG_GETSETELEM, "back4"), "", "after a killed one nobody replies");

	/* and under the other dialect */
	cr_expect(ensure(nl, &old));
	iptables.handed_over = true;
	strays_begin(&s);
	cr_expect_eq(nft_sweep(nl, &iptables, &s, UINT64_MAX, &d), 0, "%s", d.text);
	cr_expect(s.left);
	cr_expect_str_eq(held_elements(nl), "");
	cr_expect_str_eq(held(nl, NFT_MSG_GETSETELEM, "back4"), "back4 " OURS4 " to " VIP4 " 25000 ms\n");
	cr_expect_neq(nft_refresh(nl, &old, &d), 0);
	strays_begin(&s);
	cr_expect_eq(nft_sweep(nl, &iptables, &s, UINT64_MAX, &d), 0);
	cr_expect(s.left);
	strays_begin(&s);
	cr_expect_eq(nft_sweep(nl, &iptables, &s, 0, &d), 0, "its time is over");
	cr_expect_not(s.left);
	cr_expect_str_eq(held(nl, NFT_MSG_GETRULE, NULL), "");
	netlink_close(nl);
}

/* And one that rewrites, too: what is sent back from its own target is its own, another's is owed, however alike they are. */
Test(nft, what_the_replies_of_the_one_before_need_beside_ours)
{
	struct netlink *nl = kernel_open();
	struct nft_conf old = conf_both(), c = old;
	struct flags_ip next[4] = {ip_of("169.254.20.11"), ip_of("fd00::b"), ip_of("169.254.20.10"), ip_of("fd00::a")};

	cr_expect(ensure(nl, &old));
	c.handed_over = true;
	c.port = 1053; /* it is built anew */
	cr_expect(ensure(nl, &c));
	cr_expect_str_eq(held(nl, NFT_MSG_GETSETELEM, "back4"), "back4 " OURS4 " to " VIP4 " 0 ms\n");
	cr_expect_str_eq(held(nl, NFT_MSG_GETSETELEM, "back6"), "back6 " OURS6 " to " VIP6 " 0 ms\n");
	c.ip = next;
	c.n_ips = 4; /* ours, but rewritten to no more */
	c.target[0] = &next[0];
	c.target[1] = &next[1];
	cr_expect(ensure(nl, &c));
	held(nl, NFT_MSG_GETSETELEM, "back4");
	cr_expect(strstr(told, "back4 a9fe140b to " VIP4 " 0 ms\n") && strstr(told, "back4 " OURS4 " to " VIP4 " 25000 ms\n"), "%s", told);
	held(nl, NFT_MSG_GETSETELEM, "back6");
	cr_expect(strstr(told, "back6 fd00000000000000000000000000000b to " VIP6 " 0 ms\n") &&
			  strstr(told, "back6 " OURS6 " to " VIP6 " 25000 ms\n"), "%s", told);
	held(nl, NFT_MSG_GETSETELEM, "own6");
	cr_expect_null(strstr(told, " 25000 ms"), "%s", told);
	netlink_close(nl);
}

Test(nft, counters_survive_a_rebuild)
{
	static const char *const names[] = {"in_udp", "in_tcp", "host_udp", "host_tcp",
					    "reply_udp", "reply_tcp", "health_udp", "health_tcp"};
	struct netlink *nl = kernel_open();
	struct nft_conf c = conf_both();
	struct node_counters seen = {0};
	struct nl_buf b;
	struct diag d;

	nl_init(&b);
	nft_batch_begin(&b, NFT_ANY_GENERATION);
	nft_table_add(&b, NFPROTO_INET, NFT_TABLE, "of an earlier layout");
	for (unsigned i = 0; i < 8; i++)
		nft_counter_add(&b, NFPROTO_INET, NFT_TABLE, names[i], 1 + i, 0x100000000ull + i);
	batch_send(nl, &b);
	cr_expect(ensure(nl, &c));
	cr_expect_eq(nft_counters(nl, &c, &seen, &d), 0);
	for (unsigned i = 0; i < 8; i++) {
		cr_expect_eq(seen.packets[i / 2][i % 2], 1 + i, "%s", names[i]);
		cr_expect_eq(seen.bytes[i / 2][i % 2], 0x100000000ull + i, "%s", names[i]);
	}
	netlink_close(nl);
}

static bool is_there(struct netlink *nl, const char *table)
{
	struct nl_buf b;

	nl_init(&b);
	nft_begin(&b, NFT_MSG_GETTABLE, 0, NFPROTO_INET);
	nl_put_text(&b, NFTA_TABLE_NAME, table);
	return netlink_send(nl, &b, NULL, NULL, table, NULL) == 0;
}

Test(nft, removal)
{
	struct netlink *nl = kernel_open();
	struct nft_conf c = conf_both();
	struct node_counters seen = {0};
	struct diag d;

	cr_expect_eq(nft_remove(nl, &d), 0, "nothing to remove is fine");
	stray_rule_add(nl, "somebody");
	cr_expect(ensure(nl, &c));
	cr_expect(is_there(nl, NFT_TABLE) && is_there(nl, "somebody"));
	cr_expect_eq(nft_remove(nl, &d), 0);
	cr_expect_not(is_there(nl, NFT_TABLE));
	cr_expect(is_there(nl, "somebody"), "another's table stays, whatever is done with ours");
	cr_expect_eq(nft_counters(nl, &c, &seen, &d), 0);
	cr_expect_not(seen.stand);
	cr_expect_neq(nft_refresh(nl, &c, &d), 0, "no set to renew");
	netlink_close(nl);
}

Test(nft, kube_proxy_of_either_family)
{
	static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};
	struct netlink *nl = kernel_open();

	for (int i = 0; i < 2; i++) {
		struct nl_buf b;

		cr_expect_not(nft_kube_proxy(nl));
		nl_init(&b);
		nft_batch_begin(&b, NFT_ANY_GENERATION);
		nft_table_add(&b, families[i], "kube-proxy", NULL);
		batch_send(nl, &b);
		cr_expect(nft_kube_proxy(nl));
		nl_init(&b);
		nft_batch_begin(&b, NFT_ANY_GENERATION);
		nft_table_delete(&b, families[i], "kube-proxy");
		batch_send(nl, &b);
	}
	netlink_close(nl);
}

/* No configuration is too long for one transaction's buffer; a buffer that is full says so. */
Test(nft, full_buffers_are_refused)
{
	struct netlink *nl = kernel_open();
	struct nl_buf b;
	struct diag d;

	nl_init(&b);
	nft_batch_begin(&b, NFT_ANY_GENERATION);
	for (int i = 0; i < 2000; i++)
		nft_table_add(&b, NFPROTO_INET, "never", NULL);
	nft_batch_end(&b);
	cr_expect(b.full);
	cr_expect_eq(netlink_send(nl, &b, NULL, NULL, "too much", &d), ERR_LIMIT);
	cr_expect(strstr(d.text, "too long"));
	netlink_close(nl);
}
