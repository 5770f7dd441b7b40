/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the three libraries' resolvers share: the questions of the current name,
 * matching of replies, slots, and the queue of actions between a machine and
 * its driver. Invariant: once done, every slot that was opened has been closed
 * by an action queued before the end.
 */
#include "lib/world/stub.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/world/stub_int.h"

/* Messages of Go's resolver always carry an OPT with this size. */
#define GO_EDNS_SIZE 1232

int stub_conf_from_scenario(struct stub_conf *ret, const struct scenario *s,
			    const struct scen_load *l)
{
	struct stub_conf c = {
		.lib = s->stub,
		.transport = l->transport,
		.family = l->family,
		.n_servers = 1,
		.ndots = s->ndots,
		.attempts = s->attempts,
		.timeout_ns = s->timeout_ns,
		.n_search = s->n_search,
		.nsid = true,
		.edns_size = 1232,
	};

	for (size_t i = 0; i < s->n_search; i++) {
		int err = name_from_text(&c.search[i], s->search[i]);

		if (err)
			return err;
	}
	*ret = c;
	return 0;
}

size_t stub_sizeof(void)
{
	return sizeof(struct stub);
}

static const struct stub_lib *lib_of(enum scen_stub lib)
{
	switch (lib) {
	case SCEN_MUSL:
		return &stub_lib_musl;
	case SCEN_GO:
		return &stub_lib_go;
	case SCEN_GLIBC:
		break;
	}
	return &stub_lib_glibc;
}

/* Does the text end in a dot that is not escaped? */
static bool text_is_absolute(const char *text)
{
	size_t n = strlen(text), backslashes = 0;

	if (n == 0 || text[n - 1] != '.')
		return false;
	while (backslashes + 1 < n && text[n - 2 - backslashes] == '\\')
		backslashes++;
	return backslashes % 2 == 0;
}

int stub_start(struct stub *s, const struct stub_conf *c, struct stub_thread *t, struct rng *rng,
	       const char *name, uint64_t now_ns)
{
	struct name base;
	int err = name_from_text(&base, name);

	return err ? err : stub_start_known(s, c, t, rng, name, base.b, now_ns);
}

int stub_start_known(struct stub *s, const struct stub_conf *c, struct stub_thread *t, struct rng *rng,
		     const char *name, const uint8_t *wire, uint64_t now_ns)
{
	if (c->n_servers == 0 || c->n_servers > STUB_SERVERS_MAX || c->attempts == 0)
		return ERR_RANGE;
	memset(s, 0, offsetof(struct stub, action));
	for (unsigned i = 0; i < 2; i++) {
		s->q[i].sent = false;
		s->q[i].id = 0;
	}
	s->c = c;
	s->t = t;
	s->rng = rng;
	s->lib = lib_of(c->lib);
	s->last_slot = STUB_SLOTS_MAX - 1;
	name_copy(&s->base, wire);
	s->absolute = text_is_absolute(name);
	unsigned labels = name_labels(wire);
	s->dots = labels ? labels - 1 : 0;
	s->n_q = c->family == SCEN_A_AAAA ? 2 : 1;
	s->q[0].type = c->family == SCEN_AAAA ? DNS_AAAA : DNS_A;
	s->q[1].type = DNS_AAAA;
	s->lib->begin(s, now_ns);
	return 0;
}

/* --- questions --- */

void stub_q_renew(struct stub *s, unsigned q)
{
	uint16_t id;

	do
		id = (uint16_t)rng_u64(s->rng);
	while (s->n_q == 2 && id == s->q[1 - q].id);
	s->q[q].id = id;
	set_be16(s->q[q].msg, id);
}

static bool name_put(struct stub *s, int at)
{
	const struct name *head = &s->base, *tail = at == STUB_BARE ? NULL : &s->c->search[at];
	size_t head_len = head->len - (tail != NULL), tail_len = tail ? tail->len : 0;

	if (head_len + tail_len > NAME_MAX_WIRE)
		return false;
	memcpy(s->qname.b, head->b, head_len);
	if (tail)
		memcpy(s->qname.b + head_len, tail->b, tail_len);
	s->qname.len = (uint8_t)(head_len + tail_len);
	return true;
}

bool stub_name_set(struct stub *s, int at)
{
	const struct stub_conf *c = s->c;
	uint16_t size = c->nsid ? c->edns_size : c->lib == SCEN_GO ? GO_EDNS_SIZE : 0;

	if (!name_put(s, at))
		return false;
	s->name_at = at;
	s->out.n_names++;
	for (unsigned i = 0; i < s->n_q; i++) {
		struct stub_q *q = &s->q[i];

		q->state = Q_PENDING;
		q->sent = false;
		if (i == 0) {
			q->len = dns_query_build(q->msg, sizeof(q->msg), 0, s->qname.b, q->type, DNS_RD,
						 size, false, c->nsid);
			assert(q->len > 0); /* STUB_QUERY_MAX holds the longest name and an OPT */
		} else { /* it differs in its type */
			q->len = s->q[0].len;
			memcpy(q->msg, s->q[0].msg, q->len);
			set_be16(q->msg + DNS_HEADER_LEN + s->qname.len, q->type);
		}
		stub_q_renew(s, i);
	}
	return true;
}

bool stub_any(const struct stub *s, enum stub_q_state state)
{
	for (unsigned i = 0; i < s->n_q; i++)
		if (s->q[i].state == state)
			return true;
	return false;
}

/* --- slots and actions --- */

static void action_put(struct stub *s, enum stub_act act, unsigned slot, unsigned server,
		       unsigned q, bool tcp, bool unconnected)
{
	unsigned at = (s->first_action + s->n_actions) % STUB_ACTIONS_MAX;

	assert(s->n_actions < STUB_ACTIONS_MAX);
	s->n_actions++;
	s->action[at].act = (uint8_t)act;
	s->action[at].slot = (uint8_t)slot;
	s->action[at].server = (uint8_t)server;
	s->action[at].q = (uint8_t)q;
	s->action[at].tcp = tcp;
	s->action[at].unconnected = unconnected;
}

static bool slot_is_drivers(const struct stub *s, unsigned slot)
{
	return slot == 0 && s->c->transport == SCEN_SAME_SOCKET;
}

unsigned stub_slot_open(struct stub *s, unsigned server, bool tcp, bool unconnected)
{
	bool shared = s->c->transport == SCEN_SAME_SOCKET;
	unsigned slot = s->last_slot;

	if (shared && !tcp)
		return 0;
	/* In turn, so that a late event of a closed socket seldom meets its heir. */
	do
		slot = (slot + 1) % STUB_SLOTS_MAX;
	while (s->slots & 1u << slot || (shared && slot == 0));
	s->last_slot = slot;
	s->slots |= 1u << slot;
	action_put(s, STUB_OPEN, slot, server, 0, tcp, unconnected);
	return slot;
}

void stub_slot_close(struct stub *s, unsigned *slot)
{
	if (*slot != STUB_NO_SLOT && !slot_is_drivers(s, *slot)) {
		s->slots &= ~(1u << *slot);
		action_put(s, STUB_CLOSE, *slot, 0, 0, false, false);
	}
	*slot = STUB_NO_SLOT;
}

void stub_slots_close(struct stub *s)
{
	for (unsigned i = 0; i < STUB_SLOTS_MAX; i++) {
		unsigned slot = i;

		if (s->slots & 1u << i)
			stub_slot_close(s, &slot);
	}
}

void stub_q_send(struct stub *s, unsigned slot, unsigned server, unsigned q, bool retry)
{
	s->q[q].sent = true;
	s->out.n_queries++;
	s->out.n_retries += retry;
	action_put(s, STUB_SEND, slot, server, q, false, false);
}

void stub_finish(struct stub *s, enum stub_result result)
{
	stub_slots_close(s);
	s->done = true;
	s->out.result = result;
	for (unsigned i = 0; i < s->n_q; i++) {
		bool have = result == STUB_OK && s->q[i].state == Q_RECORDS;

		if (s->q[i].type == DNS_A)
			s->out.have_a = have;
		else
			s->out.have_aaaa = have;
	}
	s->out.partial = result == STUB_OK && (stub_any(s, Q_FAILED) || stub_any(s, Q_PENDING));
}

/* --- the driver's side --- */

void stub_next(struct stub *s, uint64_t now_ns, struct stub_action *ret)
{
	unsigned at = s->first_action;
	struct stub_action a = {.act = STUB_WAIT, .deadline_ns = T_NEVER};

	(void)now_ns;
	if (s->n_actions > 0) {
		const struct stub_q *q = &s->q[s->action[at].q];

		a.act = s->action[at].act;
		a.slot = s->action[at].slot;
		a.server = s->action[at].server;
		a.tcp = s->action[at].tcp;
		a.unconnected = s->action[at].unconnected;
		if (a.act == STUB_SEND) {
			a.query = q->msg;
			a.len = q->len;
		}
		s->first_action = (at + 1) % STUB_ACTIONS_MAX;
		s->n_actions--;
	} else if (s->done) {
		a.act = STUB_DONE;
	} else {
		a.deadline_ns = s->lib->deadline(s);
	}
	*ret = a;
}

static enum stub_q_state reply_state(const struct dns_msg *m, const uint8_t *msg, size_t len)
{
	if (m->rcode == DNS_NXDOMAIN)
		return Q_NXDOMAIN;
	if (m->rcode != DNS_NOERROR)
		return Q_FAILED;
	struct wire w;
	wire_init(&w, msg, len);
	w.off = m->answer_off;
	return wire_has_type(&w, m->h.n_an, m->q.qtype) ? Q_RECORDS : Q_NODATA;
}

void stub_said_of(struct stub_said *ret, const struct dns_msg *m, const uint8_t *msg, size_t len)
{
	*ret = (struct stub_said){.reply = m->h.flags & DNS_QR && m->h.n_qd == 1};
	if (!ret->reply)
		return;
	ret->state = (uint8_t)reply_state(m, msg, len);
	ret->tc = m->h.flags & DNS_TC;
	ret->lame = ret->state == Q_NODATA && !(m->h.flags & (DNS_AA | DNS_RA)) && m->h.n_an == 0;
	ret->rcode = m->rcode;
	ret->qtype = m->q.qtype;
	ret->name_len = m->q.name_len;
}

bool stub_take(struct stub *s, uint64_t now_ns, unsigned slot, const uint8_t *msg, const struct stub_said *said)
{
	struct stub_reply r = {.slot = slot};
	uint16_t id = get_be16(msg);

	if (s->done || !said->reply)
		return false;
	if (!slot_is_drivers(s, slot) && (slot >= STUB_SLOTS_MAX || !(s->slots & 1u << slot)))
		return false;
	for (r.q = 0; r.q < s->n_q; r.q++) {
		const struct stub_q *q = &s->q[r.q];

		if (q->sent && q->id == id && q->type == said->qtype && s->qname.len == said->name_len &&
		    name_eq_len(s->qname.b, msg + DNS_HEADER_LEN, said->name_len))
			break;
	}
	if (r.q == s->n_q || s->q[r.q].state != Q_PENDING)
		return false;
	r.rcode = said->rcode;
	r.tc = said->tc;
	r.state = said->state;
	r.lame = said->lame;
	s->out.n_tc += r.tc;
	s->lib->receive(s, now_ns, &r);
	return true;
}

bool stub_receive(struct stub *s, uint64_t now_ns, unsigned slot, const uint8_t *msg, size_t len)
{
	struct stub_said said;
	struct dns_msg m;

	if (s->done || dns_msg_parse(&m, msg, len) != 0)
		return false;
	stub_said_of(&said, &m, msg, len);
	return stub_take(s, now_ns, slot, msg, &said);
}

void stub_broken(struct stub *s, uint64_t now_ns, unsigned slot)
{
	bool open = slot < STUB_SLOTS_MAX && (s->slots & 1u << slot);

	if (!s->done && (open || slot_is_drivers(s, slot)))
		s->lib->broken(s, now_ns, slot);
}

void stub_expire(struct stub *s, uint64_t now_ns)
{
	if (!s->done && now_ns >= s->lib->deadline(s))
		s->lib->expire(s, now_ns);
}

void stub_outcome(const struct stub *s, struct stub_outcome *ret)
{
	assert(s->done);
	*ret = s->out;
	ret->final_name = s->qname;
}

const struct stub_outcome *stub_outcome_see(const struct stub *s)
{
	assert(s->done);
	return &s->out;
}
