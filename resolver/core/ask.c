/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange with one upstream: its id, its message, sent and closed. */
#include "resolver/core/core_int.h"

#include <assert.h>
#include <string.h>

#include "resolver/plugins/plugin.h"

_Static_assert(DNS_HEADER_LEN + NAME_MAX_WIRE + 4 + 11 + 4 + 40 + PLUGIN_OPTIONS_MAX <= CORE_ASK_MAX,
	       "header, question, OPT, a cookie, and options of plugins");

/* --- ids --- */

uint32_t ask_id_new(struct core *c, uint32_t slot)
{
	uint32_t id;

	do
		id = ++c->id_turn << c->id_bits | slot;
	while (!id);
	return id;
}

struct ask *ask_find(struct core *c, uint32_t id, uint32_t *ret_qi)
{
	uint32_t slot = id & ((1u << c->id_bits) - 1), qi = slot / ASKS_MAX;
	struct question *q;

	if (!id || qi >= c->tab.questions_taken)
		return NULL;
	q = &c->tab.question[qi];
	if (!q->in_use || q->is_hidden || q->ask[slot % ASKS_MAX].id != id)
		return NULL;
	*ret_qi = qi;
	return &q->ask[slot % ASKS_MAX];
}

int probe_find(const struct core *c, uint32_t id)
{
	uint32_t slot = id & ((1u << c->id_bits) - 1), first = c->tab.question_places * ASKS_MAX;

	if (!id || slot < first || slot - first >= CORE_UPSTREAMS_MAX ||
	    c->up[slot - first].probe_id != id)
		return -1;
	return (int)(slot - first);
}

/* --- open and closed --- */

unsigned asks_open(const struct question *q)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ASKS_MAX; i++)
		n += q->ask[i].id != 0;
	return n;
}

void ask_close(struct core *c, uint32_t qi, struct ask *a, bool cancel)
{
	uint32_t id = a->id;

	assert(c->tab.question[qi].in_use && id);
	core_acts(c);
	cancel = cancel && !a->failed;
	SPOIL(a, sizeof(*a));
	a->id = 0;
	if (cancel && c->ops.cancel)
		c->ops.cancel(c->ops.ctx, id);
}

/* A free place among the question's exchanges; the oldest gives way. */
static struct ask *ask_take(struct core *c, uint32_t qi)
{
	struct question *q = &c->tab.question[qi];
	struct ask *oldest = &q->ask[0];

	for (unsigned i = 0; i < ASKS_MAX; i++) {
		if (!q->ask[i].id)
			return &q->ask[i];
		if (q->ask[i].sent_ns < oldest->sent_ns)
			oldest = &q->ask[i];
	}
	ask_close(c, qi, oldest, true);
	return oldest;
}

/* --- sending --- */

/* Options that plugins want in the question. */
static void options_put(const struct core *c, const struct question *q, struct wire_out *o)
{
	const struct config_zone *z = &c->conf->zone[q->zone];
	struct plugin_query p = {.qtype = q->qtype,
				 .qclass = q->qclass,
				 .flags = DNS_RD,
				 .edns = &(const struct dns_edns){0},
				 .zone = &z->z.origin};
	uint8_t buf[PLUGIN_OPTIONS_MAX];
	struct wire_out out;
	struct query first;

	p.name.len = q->name_len;
	memcpy(p.name.b, q->name, q->name_len);
	if (q->first_waiter != NIL) {
		const struct waiter *w = &c->tab.waiter[q->first_waiter];

		query_parse(&first, w->query, w->query_len);
		p.client = &w->client;
		p.edns = &first.edns;
		p.server_port = c->conf->listener[q->listener].port;
	}
	wire_out_init(&out, buf, sizeof(buf));
	for (size_t i = 0; i < z->z.n_steps; i++)
		if (z->z.step[i]->ops->options)
			z->z.step[i]->ops->options(z->z.step[i], &p, &out);
	if (!out.err)
		wire_put_bytes(o, buf, out.len);
}

static void opt_put(const struct core *c, struct wire_out *o, const struct question *q,
		    const struct upstream *u, bool cookie)
{
	const struct config_zone *z = &c->conf->zone[q->zone];
	size_t mark = wire_opt_begin(o, z->z.bufsize, 0, 0, q->key_flags & QUERY_DO);

	if (z->hooks & HOOK_OPTIONS)
		options_put(c, q, o);
	if (cookie) {
		wire_put_u16(o, EDNS_COOKIE);
		wire_put_u16(o, (uint16_t)(COOKIE_CLIENT_LEN + u->jar.server_len));
		wire_put_bytes(o, u->jar.client, COOKIE_CLIENT_LEN);
		wire_put_bytes(o, u->jar.server, u->jar.server_len);
	}
	wire_opt_end(o, mark);
}

static size_t query_write(const struct core *c, const struct question *q, const struct ask *a,
			  uint8_t *buf)
{
	struct dns_header h = {.flags = DNS_RD | DNS_AD, .n_qd = 1, .n_ar = a->has_edns};
	struct wire_out o;

	if (q->key_flags & QUERY_CD)
		h.flags |= DNS_CD;
	wire_out_init(&o, buf, CORE_ASK_MAX);
	wire_put_header(&o, &h);
	wire_put_question(&o, q->asked.b, q->asked_type, q->asked_class);
	name_spell(buf + DNS_HEADER_LEN, a->spelling);
	if (a->has_edns)
		opt_put(c, &o, q, &c->up[a->upstream], a->had_cookie);
	assert(!o.err);
	return o.len;
}

uint64_t asked_hash(const struct core *c, const struct question *q)
{
	return hash_sip13(&c->key, q->asked.b, q->asked.len);
}

void ask_send(struct core *c, uint32_t qi, unsigned upstream, enum core_proto proto,
	      uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	struct upstream *u = &c->up[upstream];
	bool is_again = asks_open(q) > 0 || q->n_moved > 0;
	struct ask *a = ask_take(c, qi);
	uint64_t hash = asked_hash(c, q);
	uint16_t bit = target_bit(question_forward(c, q), upstream);
	uint8_t buf[CORE_ASK_MAX];
	struct core_ask out;

	core_acts(c);
	*a = (struct ask){.upstream = (uint16_t)upstream,
			  .proto = (uint8_t)proto,
			  .has_edns = !(q->no_edns & bit) && quirk_try(&u->edns, hash, now_ns),
			  .sent_ns = now_ns};
	a->had_cookie = a->has_edns && (proto == CORE_UDP || (q->is_doubted && proto == CORE_TCP));
	a->id = ask_id_new(c, qi * ASKS_MAX + (uint32_t)(a - q->ask));
	/* Bits that a forger must guess beside port and id; none are taken from the
	 * dice, so that runs with one seed stay the same. */
	if (proto == CORE_UDP && !(q->respelled & bit) &&
	    quirk_try(&u->spelling, hash, now_ns))
		a->spelling = hash_sip13(&c->key, &a->id, sizeof(a->id));
	out = (struct core_ask){.id = a->id,
				.upstream = (uint16_t)upstream,
				.proto = (uint8_t)proto,
				.query = buf,
				.len = query_write(c, q, a, buf),
				.zone = q->zone,
				.is_again = is_again,
				.n_broken = q->n_broken,
				.client = clients_owner(&c->tab.clients, HOLDS_QUESTIONS, qi)};
	stats_upstream_of(c->stats, upstream)->asks[proto]++;
	c->ops.ask(c->ops.ctx, &out);
}
