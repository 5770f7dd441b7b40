/* SPDX-License-Identifier: Apache-2.0 */
/* The native dialect where others write at the same time: between our look and our write, or without a pause. */
#include "resolver/node/nft.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "resolver/node/nft_look.h"
#include "tests/fixtures/nft_world.h"

/* --- one that renews while another builds its own table, under the same name --- */

struct other {
	struct nft_conf c;
	struct flags_ip ip;
	atomic_bool stop;
	atomic_uint built;
};

static void *builds_again_and_again(void *ctx)
{
	struct other *o = ctx;
	struct netlink *own;
	bool changed;

	cr_assert_eq(netlink_open(&own, NETLINK_NETFILTER, NULL), 0);
	while (!atomic_load(&o->stop)) {
		if (nft_ensure(own, &o->c, &changed, NULL) == 0)
			o->built += changed;
	}
	netlink_close(own);
	return NULL;
}

static void address_seen(void *ctx, const struct nlmsghdr *h)
{
	struct nl_attr a[ATTRS], e, elem[ATTRS], key[ATTRS];
	struct in_addr *found = ctx;

	if (nft_type(h) != NFT_MSG_NEWSETELEM)
		return;
	nl_parse(h, nft_header_len(), a, ATTRS);
	for (const void *at = NULL; (at = nl_each(a[NFTA_SET_ELEM_LIST_ELEMENTS], at, &e));) {
		nl_parse_nest(e, elem, ATTRS);
		nl_parse_nest(elem[NFTA_SET_ELEM_KEY], key, ATTRS);
		if (key[NFTA_DATA_VALUE].len == sizeof(*found))
			memcpy(found, key[NFTA_DATA_VALUE].data, sizeof(*found));
	}
}

/* Whose table it is by its comment, and by what is in its set: told apart, and nobody wrote in between. */
static bool mixed(struct netlink *nl, const char *other_comment, const struct flags_ip *mine)
{
	struct nft_seen before, after;
	struct in_addr found = {0};
	struct nl_buf b;

	if (nft_look_table(nl, &before, NULL) || strcmp(before.comment, other_comment))
		return false;
	nl_init(&b);
	nft_begin(&b, NFT_MSG_GETSETELEM, NLM_F_DUMP, NFPROTO_INET);
	nl_put_text(&b, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
	nl_put_text(&b, NFTA_SET_ELEM_LIST_SET, "v4");
	if (netlink_send(nl, &b, address_seen, &found, "", NULL) || nft_look_table(nl, &after, NULL))
		return false;
	return before.generation == after.generation && found.s_addr == mine->addr.s6_addr32[3];
}

Test(nft_race, what_is_renewed_is_what_was_looked_at)
{
	struct netlink *nl = kernel_open();
	struct flags_ip mine;
	struct nft_conf c = {.ip = &mine, .n_ips = 1, .port = 53, .health_port = 8080, .hold_ms = 60000};
	struct other o = {.c = c};
	struct nft_seen s;
	pthread_t thread;
	unsigned n_mixed = 0;
	bool changed;
	struct diag d;

	cr_assert_eq(flags_ip_parse("169.254.20.10", &mine), 0);
	cr_assert_eq(flags_ip_parse("10.96.0.10", &o.ip), 0);
	o.c.ip = &o.ip;
	cr_assert_eq(nft_ensure(nl, &o.c, &changed, &d), 0, "%s", d.text);
	cr_assert_eq(nft_look_table(nl, &s, &d), 0);
	cr_assert_eq(pthread_create(&thread, NULL, builds_again_and_again, &o), 0);
	for (unsigned i = 0; i < 1000 || o.built < 100; i++) {
		if (nft_ensure(nl, &c, &changed, NULL) == 0 && nft_refresh(nl, &c, NULL) == 0)
			n_mixed += mixed(nl, s.comment, &mine);
	}
	atomic_store(&o.stop, true);
	pthread_join(thread, NULL);
	cr_expect_eq(n_mixed, 0, "%u times in the other's table (built %u times)", n_mixed, o.built);
	netlink_close(nl);
}

static void *commits_without_a_pause(void *ctx)
{
	atomic_bool *stop = ctx;
	struct netlink *own;

	cr_assert_eq(netlink_open(&own, NETLINK_NETFILTER, NULL), 0);
	while (!atomic_load(stop)) {
		struct nl_buf b;

		nl_init(&b);
		nft_batch_begin(&b, NFT_ANY_GENERATION);
		nft_table_add(&b, NFPROTO_INET, "elsewhere", NULL);
		nft_table_delete(&b, NFPROTO_INET, "elsewhere");
		batch_send(own, &b);
	}
	netlink_close(own);
	return NULL;
}

/* Rules that lapse because others are busy would be an outage. */
Test(nft_race, who_commits_without_a_pause_keeps_nobody_from_renewing)
{
	struct netlink *nl = kernel_open();
	struct nft_conf c = conf_both();
	pthread_t thread[3];
	atomic_bool stop = false;
	bool changed;
	struct diag d;

	cr_assert_eq(nft_ensure(nl, &c, &changed, &d), 0, "%s", d.text);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, commits_without_a_pause, &stop), 0);
	for (unsigned i = 0; i < 200; i++)
		cr_expect_eq(nft_refresh(nl, &c, &d), 0, "%s", d.text);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	netlink_close(nl);
}
