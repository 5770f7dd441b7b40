/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search_path { cluster; autopath; shield on|off|trust }: ours. `cluster` says that
 * the block's zones are the cluster's, so that what search lists make of names
 * may be answered from learnt cuts.
 */
#include "resolver/plugins/plugins.h"

static int search_cluster(struct cf_setup *s, const struct cf_node *n, void *to)
{
	static const uint8_t arpa[] = "\4arpa";

	(void)to;
	for (size_t i = 0; i < s->b->n_names; i++)
		if (s->b->name[i].len == 1)
			return cf_error(s, &n->tok[0],
					"'cluster' cannot stand in a block for the root: give the "
					"cluster domain its own block, as 'cluster.local {'");
	for (size_t i = 0; i < s->b->n_names; i++)
		s->b->mark_cluster |= !name_within(s->b->name[i].b, arpa);
	if (!s->b->mark_cluster)
		return cf_error(s, &n->tok[0],
				"'cluster' cannot stand in a block for reverse zones");
	return 0;
}

static int search_autopath(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)n;
	(void)to;
	s->b->zone.autopath = true;
	return 0;
}

static int search_shield(struct cf_setup *s, const struct cf_node *n, void *to)
{
	static const char *const kinds[] = {"on", "off", "trust", NULL};
	int k = cf_choice(s, &n->tok[1], "value of 'shield'", kinds);

	(void)to;
	s->b->zone.shield_off = k == 1;
	s->b->zone.shield_trusts = k == 2;
	return k < 0 ? ERR_SYNTAX : 0;
}

static const struct cf_option options[] = {
	{"cluster", 0, 0, "", search_cluster},
	{"autopath", 0, 0, "", search_autopath},
	{"shield", 1, 1, "on|off|trust", search_shield},
	{0},
};

int setup_search_path(struct cf_setup *s, const struct cf_node *n)
{
	int err = cf_args(s, n, 0, 0, "");

	if (err == 0 && n->n_nodes == 0)
		return cf_error(s, &n->end,
				"search_path needs a block with cluster, autopath or shield");
	return err ? err : cf_options(s, n, options, NULL);
}
