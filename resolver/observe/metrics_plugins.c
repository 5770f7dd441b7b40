/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the series say of plugins. The core counts no plugins: their names come
 * from the Corefile as compiled, here and nowhere else in the exporter.
 */
#include <string.h>

#include "resolver/observe/metrics_int.h"

static const struct corefile_block *block_of(const struct metrics_page *p, const struct stats_server *row)
{
	const struct corefile_plan *plan = p->in->plan;
	char origin[NAME_MAX_TEXT];

	for (size_t z = 0; plan && z < plan->conf.n_zones; z++) {
		name_to_text(plan->conf.zone[z].origin.b, origin, sizeof origin);
		if (!strcmp(origin, row->zone) && plan->conf.zone[z].block < plan->n_blocks)
			return &plan->block[plan->conf.zone[z].block];
	}
	return NULL;
}

static bool has_plugin(const struct corefile_block *b, const char *name)
{
	for (size_t i = 0; i < b->n_plugins; i++) {
		if (!strcmp(b->plugin[i], name))
			return true;
	}
	return false;
}

/* CoreDNS 1.13 names the outermost plugin through which a reply passed, hit or miss. */
const char *metrics_plugin_label(const struct metrics_page *p, const struct stats_server *row)
{
	static const char *const outermost[] = {"loadbalance", "cache", "rewrite", "template",
						"hosts",       "forward", "whoami"};
	const struct corefile_block *b = block_of(p, row);

	if (!strcmp(row->zone, "dropped"))
		return "";
	if (!b)
		return "cache";
	for (size_t i = 0; i < sizeof(outermost) / sizeof(outermost[0]); i++) {
		if (has_plugin(b, outermost[i]))
			return outermost[i];
	}
	return "";
}

/* CoreDNS counts those that handle queries, not those that only set things up. */
static bool is_handler(const char *name)
{
	static const char *const others[] = {"bind",  "cookies", "debug", "health",      "multisocket", "pprof",
					     "ready", "reload", "root", "search_path", "shed", "timeouts"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!strcmp(name, others[i]))
			return false;
	}
	return true;
}

void emit_plugins(const struct metrics_page *p, const struct metrics_family *f)
{
	const struct corefile_plan *plan = p->in->plan;
	char zone[NAME_MAX_TEXT], esc[NAME_MAX_TEXT * 2], server[160];

	for (size_t z = 0; plan && z < plan->conf.n_zones; z++) {
		const struct core_zone *cz = &plan->conf.zone[z];
		const struct corefile_block *b = cz->block < plan->n_blocks ? &plan->block[cz->block] : NULL;

		if (!b || !cz->has_metrics)
			continue;
		name_to_text(cz->origin.b, zone, sizeof zone);
		metrics_escape(zone, esc, sizeof esc);
		for (size_t l = 0; l < plan->conf.n_listeners; l++) {
			for (size_t k = 0; (cz->listeners >> l & 1) && k < b->n_plugins; k++) {
				if (!is_handler(b->plugin[k]))
					continue;
				fprintf(p->out, "%s{name=\"%s\",server=\"%s\",view=\"\",zone=\"%s\"} 1\n", f->name, b->plugin[k],
					metrics_escape(plan->conf.listener[l].label, server, sizeof server), esc);
			}
		}
	}
}
