/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks to zones: one core_zone per key, sharing what their block says. Here
 * also: which zones are the cluster's, where the search-path shield may act.
 */
#include <string.h>

#include "resolver/corefile/compile.h"

static const uint8_t arpa[] = "\4arpa";

static bool zone_is_plain(const struct core_zone *z)
{
	return z->origin.len > 1 && !name_within(z->origin.b, arpa);
}

static const struct core_forward *zone_forward(const struct core_zone *z)
{
	for (size_t i = 0; i < z->n_forward; i++)
		if (name_within(z->origin.b, z->forward[i].from.b) && z->forward[i].n_to)
			return &z->forward[i];
	return NULL;
}

static bool forward_same_targets(const struct core_forward *a, const struct core_forward *b)
{
	if (!a || !b || a->n_to != b->n_to)
		return false;
	for (size_t i = 0; i < a->n_to; i++) {
		bool hit = false;

		for (size_t k = 0; k < b->n_to; k++)
			hit |= a->to[i] == b->to[k];
		if (!hit)
			return false;
	}
	return true;
}

static bool zone_goes_where_reverse_goes(const struct core_zone *z, const struct core_zone *all,
					 size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].origin.len > 1 && name_within(all[i].origin.b, arpa) &&
		    forward_same_targets(zone_forward(z), zone_forward(&all[i])))
			return true;
	return false;
}

/* Kubernetes' default domain, which is nobody else's. */
static bool zone_is_default_domain(const struct core_zone *z)
{
	static const uint8_t name[] = "\7cluster\5local";

	return name_eq(z->origin.b, name);
}

/* Explicit marks decide alone. Without any, the first key that is neither the
 * root nor a reverse zone, and is either forwarded to the servers that also get
 * a reverse zone (the stock Corefile's shape) or cluster.local, is the cluster
 * domain. */
void cf_mark_cluster(struct cf_setup *s, struct core_zone *zone, size_t n)
{
	const struct name *origin = NULL;
	bool marked = false;

	for (size_t i = 0; i < n; i++) {
		zone[i].is_cluster =
			s->block[zone[i].block].mark_cluster && zone_is_plain(&zone[i]);
		marked |= zone[i].is_cluster;
	}
	for (size_t i = 0; i < n && !marked; i++) {
		if (origin ? !name_eq(origin->b, zone[i].origin.b) : !zone_is_plain(&zone[i]))
			continue;
		if (!zone_is_default_domain(&zone[i]) &&
		    !zone_goes_where_reverse_goes(&zone[i], zone, n))
			continue;
		zone[i].is_cluster = true;
		origin = &zone[i].origin;
	}
}

static const char *block_zones_label(struct cf_setup *s, const struct cf_block *b)
{
	const char *text = "";
	char name[NAME_MAX_TEXT];

	for (size_t i = 0; i < b->n_names && text; i++) {
		name_to_text(b->name[i].b, name, sizeof(name));
		text = arena_printf(s->arena, "%s%s%s", text, i ? "," : "", name);
	}
	return text;
}

static int block_forwards(struct cf_setup *s, struct cf_block *b)
{
	struct core_forward *list = arena_alloc(s->arena, b->n_forwards * sizeof(*list));

	if (!list)
		return cf_nomem(s);
	for (size_t i = 0; i < b->n_forwards; i++)
		list[i] = b->forward[i].conf;
	b->zone.n_forward = b->n_forwards;
	b->zone.forward = list;
	return 0;
}

static int block_zones(struct cf_setup *s, size_t block, struct core_zone **list, size_t *n)
{
	struct cf_block *b = &s->block[block];

	b->zone.block = (uint16_t)block;
	b->zone.label_zones = block_zones_label(s, b);
	b->zone.n_steps = b->n_steps;
	b->zone.step = (const struct plugin_step *const *)b->step;
	if (!b->zone.label_zones || block_forwards(s, b) != 0)
		return cf_nomem(s);
	for (size_t i = 0; i < b->n_names; i++) {
		if (*n >= CORE_ZONES_MAX)
			return cf_error(s, &b->key[i], "more than %d zones in all", CORE_ZONES_MAX);
		struct core_zone *z = arena_push(s->arena, list, n, sizeof(*z));

		if (!z)
			return cf_nomem(s);
		*z = b->zone;
		z->origin = b->name[i];
		z->listeners = b->mask[i];
	}
	return 0;
}

int cf_plan_zones(struct cf_setup *s)
{
	struct core_zone *list = NULL;
	size_t n = 0;

	for (size_t i = 0; i < s->n_blocks; i++)
		if (block_zones(s, i, &list, &n) == ERR_NOMEM)
			return ERR_NOMEM;
	cf_mark_cluster(s, list, n);
	for (size_t i = 0; i < n; i++)
		if (list[i].autopath && !list[i].is_cluster && zone_is_plain(&list[i]))
			cf_warn(s, s->block[list[i].block].src->key,
				"search_path { autopath } does nothing in a zone that is not the "
				"cluster's: add 'cluster'");
	s->plan->conf.n_zones = n;
	s->plan->conf.zone = list;
	return 0;
}
