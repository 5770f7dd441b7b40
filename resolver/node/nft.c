/* SPDX-License-Identifier: Apache-2.0 */
/* The table's transactions: each looks, decides and writes as one (struct turn); what it holds is nft_table.c's. */
#include "resolver/node/nft.h"

#include <errno.h>
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/node/nft_look.h"
#include "resolver/node/nft_msg.h"
#include "resolver/node/nft_table.h"

#define OVERTAKEN_MAX 4 /* times that others may commit between look and write */

/* A look and a write, once more while somebody commits between them, to whichever table: what was
 * seen may be out of date then, and nothing was written. */
struct turn {
	struct netlink *nl;
	const struct nft_conf *c;
	unsigned tries;
	bool changed; /* nft_ensure's: it was built */
	struct strays *strays;
	uint64_t until_ns; /* nft_sweep's */
};

static int turns(struct turn *t, int (*once)(struct turn *, struct diag *), struct diag *d)
{
	int err;

	do
		err = once(t, d);
	while (err && netlink_errno(t->nl) == ERESTART && ++t->tries <= OVERTAKEN_MAX);
	return err;
}

/* Where somebody commits without a pause, each write waits for a commit and comes after it. Rules
 * that lapse would be worse then than to write what was decided a moment ago. */
static uint32_t still(const struct turn *t, const struct nft_seen *s)
{
	return t->tries < OVERTAKEN_MAX ? s->generation : NFT_ANY_GENERATION;
}

static int build(struct netlink *nl, const struct nft_conf *c, const struct nft_seen *before, struct diag *d)
{
	struct nft_owed owed = {.n = 0};
	struct nl_buf b;
	int err = c->handed_over ? nft_look_owed(nl, &owed, d) : 0;

	if (err)
		return err;
	nl_init(&b);
	nft_batch_begin(&b, before->generation);
	nft_put_table(&b, c, &before->counters, &owed);
	nft_batch_end(&b);
	return netlink_send(nl, &b, NULL, NULL, "nftables: installing table inet " NFT_TABLE, d);
}

/* Deleting and adding in one transaction is what renews a timeout on every
 * kernel; packets see the old element or the new one. */
static int renew(struct netlink *nl, const struct nft_conf *c, uint32_t generation, struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	nft_batch_begin(&b, generation);
	nft_put_flushes(&b);
	nft_put_elements(&b, c);
	nft_batch_end(&b);
	return netlink_send(nl, &b, NULL, NULL, "nftables: renewing addresses", d);
}

static int ensure_once(struct turn *t, struct diag *d)
{
	struct nft_seen s;
	int err = nft_look_all(t->nl, &s, d);

	if (err)
		return err;
	s.generation = still(t, &s);
	t->changed = !nft_stands(t->c, &s);
	return t->changed ? build(t->nl, t->c, &s, d) : renew(t->nl, t->c, s.generation, d);
}

int nft_ensure(struct netlink *nl, const struct nft_conf *c, bool *ret_changed, struct diag *d)
{
	struct turn t = {.nl = nl, .c = c};
	int err = turns(&t, ensure_once, d);

	*ret_changed = t.changed;
	return err;
}

static int refresh_once(struct turn *t, struct diag *d)
{
	struct nft_seen s;
	char want[64];
	int err = nft_look_rules(t->nl, &s, d);

	if (err)
		return err;
	nft_digest(t->c, want, sizeof want);
	if (!nft_stands(t->c, &s))
		return diag_set(d, ERR_MISSING, "table inet " NFT_TABLE " %s", !s.table ? "is gone" :
				strcmp(s.comment, want) ? "is another instance's" : "was changed");
	return renew(t->nl, t->c, still(t, &s), d);
}

int nft_refresh(struct netlink *nl, const struct nft_conf *c, struct diag *d)
{
	struct turn t = {.nl = nl, .c = c};

	return turns(&t, refresh_once, d);
}

static int remove_table(struct netlink *nl, uint32_t generation, struct diag *d)
{
	struct nl_buf b;
	int err;

	nl_init(&b);
	nft_batch_begin(&b, generation);
	nft_table_delete(&b, NFPROTO_INET, NFT_TABLE);
	nft_batch_end(&b);
	err = netlink_send(nl, &b, NULL, NULL, "nftables: removing table inet " NFT_TABLE, d);
	return err && netlink_errno(nl) == ENOENT ? diag_set(d, 0, "%s", "") : err;
}

int nft_remove(struct netlink *nl, struct diag *d)
{
	return remove_table(nl, NFT_ANY_GENERATION, d);
}

/* A table that somebody changed may be what the self-test fails of, and nothing is put in order
 * while it fails: it goes as a whole. */
static int lapse_once(struct turn *t, struct diag *d)
{
	struct nft_seen s;
	struct nl_buf b;

	if (!nft_look_rules(t->nl, &s, NULL) && s.table && !nft_stands(t->c, &s))
		return remove_table(t->nl, still(t, &s), d);
	nl_init(&b);
	nft_batch_begin(&b, NFT_ANY_GENERATION);
	nft_put_flushes(&b);
	nft_batch_end(&b);
	return netlink_send(t->nl, &b, NULL, NULL, "nftables: withdrawing addresses", d);
}

int nft_lapse(struct netlink *nl, const struct nft_conf *c, struct diag *d)
{
	struct turn t = {.nl = nl, .c = c};

	return turns(&t, lapse_once, d);
}

/* Something of what stands is needed by replies that are still to come. */
static bool is_owed(const struct nft_conf *c, const struct nft_owed *o, struct strays *s, uint64_t until_ns)
{
	bool owed = false;

	for (size_t i = 0; i < o->n; i++) {
		int f = o->one[i].f;
		bool ours = nft_is_ours(c, f, o->one[i].key);
		struct in6_addr addr = {.s6_addr = {[10] = f == 0 ? 0xff : 0, [11] = f == 0 ? 0xff : 0}};

		memcpy(addr.s6_addr + (f == 0 ? 12 : 0), o->one[i].key, f == 0 ? 4 : 16);
		owed |= ours ? o->one[i].back && clock_mono_ns() < until_ns : strays_held(s, &addr);
	}
	return owed;
}

static int sweep_once(struct turn *t, struct diag *d)
{
	const struct nft_conf bare = {.port = t->c->port, .health_port = t->c->health_port, .handed_over = true};
	struct nft_owed owed = {.n = 0};
	struct nft_seen s = {.generation = NFT_ANY_GENERATION};
	char want[64];
	int err = t->c->handed_over ? nft_look_table(t->nl, &s, d) : 0;

	if (!err && s.table)
		err = nft_look_owed(t->nl, &owed, d);
	if (err)
		return err;
	if (!is_owed(t->c, &owed, t->strays, t->until_ns))
		return remove_table(t->nl, s.generation, d);
	t->strays->left = true;
	nft_digest(&bare, want, sizeof want);
	s.counters = (struct node_counters){.stand = true};
	return strcmp(s.comment, want) ? build(t->nl, &bare, &s, d) : 0;
}

int nft_sweep(struct netlink *nl, const struct nft_conf *c, struct strays *s, uint64_t until_ns, struct diag *d)
{
	struct turn t = {.nl = nl, .c = c, .strays = s, .until_ns = until_ns};

	return turns(&t, sweep_once, d);
}

int nft_counters(struct netlink *nl, const struct nft_conf *c, struct node_counters *ret, struct diag *d)
{
	struct nft_seen s;
	int err = nft_look_all(nl, &s, d);

	if (err)
		return err;
	*ret = s.counters;
	ret->stand = nft_stands(c, &s);
	return 0;
}
