/* SPDX-License-Identifier: Apache-2.0 */
/* The native dialect where somebody changes our table, one way or the other. */
#include "resolver/node/nft.h"

#include <string.h>

#include "resolver/node/nft_look.h"
#include "tests/fixtures/nft_world.h"

static void table_sleeps(struct nl_buf *b)
{
	nft_begin(b, NFT_MSG_NEWTABLE, 0, NFPROTO_INET);
	nl_put_text(b, NFTA_TABLE_NAME, NFT_TABLE);
	nl_put_be32(b, NFTA_TABLE_FLAGS, NFT_TABLE_F_DORMANT);
}

static void chain_drops(struct nl_buf *b)
{
	nft_begin(b, NFT_MSG_NEWCHAIN, 0, NFPROTO_INET);
	nl_put_text(b, NFTA_CHAIN_TABLE, NFT_TABLE);
	nl_put_text(b, NFTA_CHAIN_NAME, "prerouting");
	nl_put_be32(b, NFTA_CHAIN_POLICY, NF_DROP);
}

static void chain_more(struct nl_buf *b)
{
	nft_chain_add(b, NFPROTO_INET, NFT_TABLE, "another", "filter", NF_INET_LOCAL_IN, -300);
}

static void set_more(struct nl_buf *b)
{
	nft_addr_set_add(b, NFPROTO_INET, NFT_TABLE, "another", 1, 4);
}

static void rule_more(struct nl_buf *b)
{
	nft_rule_end(b, nft_rule_begin(b, NFPROTO_INET, NFT_TABLE, "output"), "another");
}

static void rules_fewer(struct nl_buf *b)
{
	nft_begin(b, NFT_MSG_DELRULE, 0, NFPROTO_INET);
	nl_put_text(b, NFTA_RULE_TABLE, NFT_TABLE);
	nl_put_text(b, NFTA_RULE_CHAIN, "output");
}

static const struct {
	const char *what;
	void (*put)(struct nl_buf *b);
} changes[] = {{"asleep", table_sleeps}, {"a chain that drops", chain_drops}, {"a chain more", chain_more},
	       {"a set more", set_more}, {"a rule more", rule_more}, {"rules fewer", rules_fewer}};

static void change_make(struct netlink *nl, size_t i)
{
	struct nl_buf b;

	nl_init(&b);
	nft_batch_begin(&b, NFT_ANY_GENERATION);
	changes[i].put(&b);
	batch_send(nl, &b);
}

/* At the next renewal, not at the next check of a minute; and not told to hold meanwhile. */
Test(nft_changed, whatever_somebody_changed_is_seen_when_it_is_renewed)
{
	struct netlink *nl = kernel_open();
	struct nft_conf c = conf_both();
	struct node_counters seen = {0};
	bool changed;
	struct diag d;

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		nft_ensure(nl, &c, &changed, NULL);
		cr_expect_eq(nft_refresh(nl, &c, &d), 0, "%s", d.text);
		change_make(nl, i);
		cr_expect_eq(nft_counters(nl, &c, &seen, &d), 0);
		cr_expect_not(seen.stand, "%s", changes[i].what);
		cr_expect_eq(nft_refresh(nl, &c, &d), ERR_MISSING, "%s", changes[i].what);
		cr_expect(strstr(d.text, "was changed"), "%s: %s", changes[i].what, d.text);
		cr_expect(nft_ensure(nl, &c, &changed, &d) == 0 && changed, "%s: %s", changes[i].what, d.text);
		cr_expect_eq(nft_counters(nl, &c, &seen, &d), 0);
		cr_expect(seen.stand, "%s: mended", changes[i].what);
	}
	netlink_close(nl);
}

/* What drops our self-test's packets would keep itself in place: nothing is mended while that fails. */
Test(nft_changed, what_somebody_changed_does_not_outlive_the_lapse)
{
	struct netlink *nl = kernel_open();
	struct nft_seen s;
	struct nft_conf c = conf_both();
	bool changed;
	struct diag d;

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		nft_ensure(nl, &c, &changed, NULL);
		change_make(nl, i);
		cr_expect_eq(nft_lapse(nl, &c, &d), 0, "%s: %s", changes[i].what, d.text);
		cr_expect(nft_look_table(nl, &s, &d) == 0 && !s.table, "%s", changes[i].what);
	}
	netlink_close(nl);
}
