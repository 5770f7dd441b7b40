/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Series of what plugins count for themselves, and of queries that no server
 * block ever saw.
 */
#include <inttypes.h>
#include <string.h>

#include "resolver/observe/metrics_int.h"

static void server_line(const struct metrics_page *p, const struct metrics_family *f, const struct stats_event *e)
{
	char server[160];

	fprintf(p->out, "%s{server=\"%s\"} %" PRIu64 "\n", f->name,
		metrics_escape(e->server, server, sizeof server), e->n);
}

static void template_line(const struct metrics_page *p, const struct metrics_family *f, const struct stats_event *e)
{
	char server[160], zone[280], text[280];

	metrics_escape(e->server, server, sizeof server);
	metrics_escape(e->zone, zone, sizeof zone);
	if (e->what == STATS_TEMPLATE_MATCH)
		fprintf(p->out, "%s{class=\"%s\",server=\"%s\",type=\"%s\",view=\"\",zone=\"%s\"} %" PRIu64 "\n", f->name,
			e->rclass, server, e->type, zone, e->n);
	else
		fprintf(p->out, "%s{class=\"%s\",section=\"%s\",server=\"%s\",template=\"%s\",type=\"%s\",view=\"\",zone=\"%s\"} %" PRIu64 "\n",
			f->name, e->rclass, e->section, server, metrics_escape(e->text, text, sizeof text),
			e->type, zone, e->n);
}

void emit_event(const struct metrics_page *p, const struct metrics_family *f)
{
	for (uint32_t i = 0; i < p->sum->n_events; i++) {
		const struct stats_event *e = &p->sum->event[i];

		if (e->what != f->at)
			continue;
		if (e->what == STATS_DNS64)
			server_line(p, f, e);
		else
			template_line(p, f, e);
	}
}

void emit_rejected(const struct metrics_page *p, const struct metrics_family *f)
{
	fprintf(p->out, "%s{rcode=\"FORMERR\"} %" PRIu64 "\n", f->name, p->sum->formerr);
	fprintf(p->out, "%s{rcode=\"NOTIMP\"} %" PRIu64 "\n", f->name, p->sum->notimp);
	fprintf(p->out, "%s{rcode=\"BADVERS\"} %" PRIu64 "\n", f->name, p->sum->badvers);
}

void emit_doh_faults(const struct metrics_page *p, const struct metrics_family *f)
{
	static const char *const why[DOH_FAULTS] = {
		[DOH_REFUSED] = "refused", [DOH_RESET] = "reset", [DOH_STATUS] = "status",
		[DOH_TYPE] = "type", [DOH_TOO_LARGE] = "too_large", [DOH_MALFORMED] = "malformed"};

	for (unsigned i = 0; p->in->driver && i < DOH_FAULTS; i++)
		if (p->in->driver->up_doh_faults[i])
			fprintf(p->out, "%s{why=\"%s\"} %" PRIu64 "\n", f->name, why[i], p->in->driver->up_doh_faults[i]);
}

/* Blocks with `loop`: is one of their upstreams left out? */
void emit_loops(const struct metrics_page *p, const struct metrics_family *f)
{
	const struct corefile_plan *plan = p->in->plan;
	char zone[NAME_MAX_TEXT], esc[NAME_MAX_TEXT * 2];
	uint16_t last = UINT16_MAX;

	for (size_t z = 0; plan && p->in->loops && z < plan->conf.n_zones; z++) {
		uint16_t block = plan->conf.zone[z].block;
		bool found = false;

		if (block == last || block >= plan->n_blocks || !plan->block[block].loop)
			continue;
		last = block;
		name_to_text(plan->conf.zone[z].origin.b, zone, sizeof zone);
		for (uint32_t i = 0; i < p->in->loops->n_found; i++)
			found |= !strcmp(p->in->loops->found[i].zone, zone);
		fprintf(p->out, "%s{zone=\"%s\"} %d\n", f->name, metrics_escape(zone, esc, sizeof esc), found);
	}
}
