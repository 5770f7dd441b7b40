/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes: `<domain> NS` to an upstream that failed, at once and then at the
 * forward's interval, until it answers anything at all.
 */
#include "resolver/core/core_int.h"

#define PROBE_TIMEOUT_NS NS_PER_S

static uint32_t timer_item(const struct core *c, unsigned u)
{
	return c->tab.question_places + u;
}

static void probe_send(struct core *c, unsigned u, uint64_t now_ns)
{
	struct upstream *up = &c->up[u];
	uint8_t buf[DNS_HEADER_LEN + NAME_MAX_WIRE + 4];
	struct core_ask a = {.upstream = (uint16_t)u, .proto = up->probe_proto, .query = buf,
			     .zone = UINT16_MAX};

	core_acts(c);
	up->is_probing = true;
	up->probe_failed = 0;
	up->probe_sent_ns = now_ns;
	up->probe_id = ask_id_new(c, c->tab.question_places * ASKS_MAX + u);
	a.id = up->probe_id;
	a.len = dns_query_build(buf, sizeof(buf), 0, up->probe_name.b, DNS_NS,
				up->probe_rd ? DNS_RD : 0, 0, false, false);
	timers_set(&c->timers, timer_item(c, u), now_ns + PROBE_TIMEOUT_NS);
	c->ops.ask(c->ops.ctx, &a);
}

/* The transport that questions are asked by, but UDP where either will do: it costs least. */
static enum core_proto probe_proto(const struct core_upstream *u, const struct core_forward *f, bool tcp)
{
	switch (u->transport) {
	case CORE_TO_TLS:
		return CORE_TLS;
	case CORE_TO_HTTPS:
		return CORE_HTTPS;
	default:
		return tcp && (f->force_tcp || u->transport == CORE_TO_TCP) ? CORE_TCP : CORE_UDP;
	}
}

bool upstream_suspected(struct core *c, unsigned u, const struct core_forward *f, bool tcp)
{
	struct upstream *up = &c->up[u];

	if (!f->max_fails || up->is_suspect)
		return false; /* never down, or being probed already */
	up->is_suspect = true;
	up->max_fails = f->max_fails;
	up->health_ns = f->health_ns;
	up->probe_name = f->health_domain;
	up->probe_rd = !f->health_no_rec;
	up->probe_proto = (uint8_t)probe_proto(&c->conf->upstream[u], f, tcp);
	return true;
}

void upstream_failed(struct core *c, unsigned u, const struct core_forward *f, bool tcp,
		     uint64_t now_ns)
{
	if (upstream_suspected(c, u, f, tcp))
		probe_send(c, u, now_ns);
}

void upstream_answered(struct core *c, unsigned u, uint64_t now_ns)
{
	struct upstream *up = &c->up[u];
	bool was_down = upstream_is_down(up);

	up->answered_ns = now_ns;
	if (!up->is_suspect)
		return;
	if (up->is_probing && !up->probe_failed && c->ops.cancel)
		c->ops.cancel(c->ops.ctx, up->probe_id);
	up->is_suspect = false;
	SPOIL(&up->probe_proto, sizeof(up->probe_proto));
	SPOIL(&up->probe_name, sizeof(up->probe_name));
	up->is_probing = false;
	up->probe_id = 0;
	up->fails = 0;
	timers_set(&c->timers, timer_item(c, u), T_NEVER);
	if (was_down)
		core_say(c, EVENT_INFO, "upstream %s answers again", c->conf->upstream[u].label);
}

void probe_failed(struct core *c, unsigned u, uint64_t now_ns)
{
	struct upstream *up = &c->up[u];
	uint64_t next = up->probe_sent_ns + up->health_ns;

	up->is_probing = false;
	up->probe_id = 0;
	up->fails++;
	stats_upstream_of(c->stats, u)->healthcheck_failures++;
	if (up->fails == up->max_fails + 1)
		core_say(c, EVENT_WARNING, "upstream %s is down: %u probes in a row failed",
			 c->conf->upstream[u].label, up->fails);
	if (next <= now_ns)
		next = now_ns + 1;
	timers_set(&c->timers, timer_item(c, u), next);
}

void probe_due(struct core *c, unsigned u, uint64_t now_ns)
{
	struct upstream *up = &c->up[u];

	if (!up->is_suspect)
		return;
	if (up->is_probing) {
		if (up->probe_failed)
			stats_upstream_of(c->stats, u)->fails[up->probe_failed - 1]++;
		else if (c->ops.cancel)
			c->ops.cancel(c->ops.ctx, up->probe_id);
		probe_failed(c, u, now_ns);
	} else {
		probe_send(c, u, now_ns);
	}
}
