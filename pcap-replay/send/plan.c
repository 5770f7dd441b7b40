/* SPDX-License-Identifier: Apache-2.0 */
/* Flows and unanswered questions are found by the full tuple; both tables are of this reading only. */
#include "pcap-replay/send/plan.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"
#include "lib/record/qstream.h"

struct flow_key { /* padded with zeros: compared as octets */
	struct qs_addr client, server;
	uint8_t proto, pad[3];
};

struct flow {
	struct flow_key key;
	uint32_t last; /* the newest question, + 1 */
};

struct reading {
	struct plan *p;
	struct hash_key key;
	struct flow *flow;
	uint32_t *slot; /* flow + 1 */
	size_t n_slots;
	uint32_t *before; /* question -> the one before it of the same flow, + 1 */
};

static size_t slot_of(const struct reading *r, const struct flow_key *k)
{
	size_t at = hash_sip13(&r->key, k, sizeof(*k)) & (r->n_slots - 1);
	while (r->slot[at] && memcmp(&r->flow[r->slot[at] - 1].key, k, sizeof(*k)))
		at = (at + 1) & (r->n_slots - 1);
	return at;
}

static int slots_grow(struct reading *r)
{
	if (r->n_slots > 2 * (size_t)r->p->n_flows + 4) /* two at a time */
		return 0;
	size_t n = r->n_slots ? r->n_slots * 2 : 1024;
	uint32_t *slot = calloc(n, sizeof(*slot));
	struct flow *flow = realloc(r->flow, n / 2 * sizeof(*flow));
	if (flow)
		r->flow = flow;
	if (!slot || !flow) {
		free(slot);
		return ERR_NOMEM;
	}
	free(r->slot);
	r->slot = slot;
	r->n_slots = n;
	for (uint32_t i = 0; i < r->p->n_flows; i++)
		r->slot[slot_of(r, &r->flow[i].key)] = i + 1;
	return 0;
}

static struct flow_key key_of(const struct qrec *q)
{
	struct flow_key k;
	memset(&k, 0, sizeof(k));
	memcpy(&k.client.ip, &q->client.ip, 16);
	memcpy(&k.server.ip, &q->server.ip, 16);
	k.client.port = q->client.port;
	k.server.port = q->server.port;
	k.proto = (uint8_t)q->proto;
	return k;
}

static int octets_add(struct plan *p, const uint8_t *b, size_t n, size_t *ret_at)
{
	if (p->n_octets + n > p->cap_octets) {
		size_t cap = (p->cap_octets ? p->cap_octets * 2 : 1 << 16) + n;
		uint8_t *o = realloc(p->octets, cap);
		if (!o)
			return ERR_NOMEM;
		p->octets = o;
		p->cap_octets = cap;
	}
	memcpy(p->octets + p->n_octets, b, n);
	*ret_at = p->n_octets;
	p->n_octets += n;
	return 0;
}

static int query_room(struct reading *r)
{
	struct plan *p = r->p;
	if (p->n < p->cap)
		return 0;
	size_t cap = p->cap ? p->cap * 2 : 1024;
	struct plan_query *q = realloc(p->query, cap * sizeof(*q));
	if (q)
		p->query = q;
	uint32_t *b = realloc(r->before, cap * sizeof(*b));
	if (b)
		r->before = b;
	if (!q || !b)
		return ERR_NOMEM;
	p->cap = cap;
	return 0;
}

/* The message's octets, or a question made from what the stream says. 0: neither. */
static size_t wire_of(struct plan *p, const struct qrec *q, uint8_t *made, size_t cap, const uint8_t **ret)
{
	*ret = q->wire;
	if (q->wire && q->wire_len >= DNS_HEADER_LEN)
		return q->wire_len;
	*ret = made;
	if (!q->qname.len || q->qtype < 0)
		return 0;
	p->n_made_up++;
	return dns_query_build(made, cap, (uint16_t)(q->id < 0 ? 0 : q->id), q->qname.b, (uint16_t)q->qtype,
			       q->flags < 0 ? DNS_RD : (uint16_t)q->flags, 0, false, false);
}

static uint32_t flow_of(struct reading *r, const struct flow_key *k)
{
	size_t at = slot_of(r, k);
	if (!r->slot[at]) {
		r->flow[r->p->n_flows] = (struct flow){.key = *k};
		r->slot[at] = ++r->p->n_flows;
	}
	return r->slot[at] - 1;
}

static int question(struct reading *r, const struct qrec *q, uint64_t first_ns)
{
	struct plan *p = r->p;
	struct flow_key k = key_of(q);
	uint8_t made[512];
	const uint8_t *wire;
	size_t len = wire_of(p, q, made, sizeof(made), &wire);
	if (len == 0) {
		p->n_unusable++;
		return 0;
	}
	struct plan_query n = {.t_ns = q->t_ns - first_ns, .len = (uint16_t)len, .proto = q->proto == QS_TCP ? QS_TCP : QS_UDP};
	int rc = slots_grow(r);
	rc = rc ? rc : query_room(r);
	rc = rc ? rc : octets_add(p, wire, len, &n.at);
	if (rc)
		return rc;
	struct flow_key client;
	memset(&client, 0, sizeof(client)); /* no port and no server: nobody's flow */
	client.client.ip = k.client.ip;
	n.flow = flow_of(r, &k);
	n.client = flow_of(r, &client);
	r->before[p->n] = r->flow[n.flow].last;
	p->query[p->n++] = n;
	r->flow[n.flow].last = (uint32_t)p->n;
	return 0;
}

#define LOOK_BACK 16 /* questions of one port that are looked at for an answer's */

static int reply(struct reading *r, const struct qrec *q)
{
	struct flow_key k = key_of(q);
	struct plan *p = r->p;
	if (!q->wire || q->wire_len < DNS_HEADER_LEN || !r->n_slots)
		return 0;
	uint32_t f = r->slot[slot_of(r, &k)];
	uint32_t at = f ? r->flow[f - 1].last : 0;
	for (int i = 0; at && i < LOOK_BACK; i++, at = r->before[at - 1]) {
		struct plan_query *x = &p->query[at - 1];
		if (x->recorded_len || memcmp(p->octets + x->at, q->wire, 2))
			continue;
		struct dns_msg a, b;
		dns_msg_parse(&a, p->octets + x->at, x->len);
		dns_msg_parse(&b, q->wire, q->wire_len);
		if (a.q.name && b.q.name && (a.q.qtype != b.q.qtype || !name_eq(a.q.name, b.q.name)))
			continue;
		x->recorded_len = (uint16_t)q->wire_len;
		return octets_add(p, q->wire, q->wire_len, &x->recorded);
	}
	return 0;
}

/* Is the newest question one that will not be sent? */
static bool is_beyond(const struct plan *p, const struct plan_until *until)
{
	return until && p->n && schedule_due_ns(&until->schedule, p->n - 1, p->n, p->query[p->n - 1].t_ns, 0) >= until->limit_ns;
}

static int all(struct reading *r, struct qs_reader *in, size_t max_bytes, const char *path, const struct plan_until *until, struct diag *d)
{
	struct qrec q;
	uint64_t first_ns = 0, end_ns = T_NEVER;
	int rc;
	while ((rc = qs_reader_next(in, &q, d)) > 0) {
		if (q.t_ns > end_ns) {
			r->p->has_enough = true;
			return 0;
		}
		if (!r->p->n)
			first_ns = q.t_ns;
		rc = q.kind == QS_QUESTION ? question(r, &q, first_ns) : q.kind == QS_REPLY ? reply(r, &q) : 0;
		if (rc)
			return diag_set(d, rc, "%s: out of memory", path);
		if (r->p->n_octets + r->p->n * sizeof(struct plan_query) > max_bytes)
			return diag_set(d, ERR_LIMIT, "%s: more than %zu octets of questions; see --memory", path, max_bytes);
		if (end_ns == T_NEVER && is_beyond(r->p, until))
			end_ns = q.t_ns + until->answers_ns;
	}
	return rc;
}

int plan_read(struct plan *ret, const char *path, size_t max_bytes, const struct plan_until *until, struct diag *d)
{
	struct plan p = {0};
	struct reading r = {.p = &p};
	struct qs_reader *in;
	int rc = qs_reader_open(&in, path, d);
	if (rc)
		return rc;
	rng_os_bytes(&r.key, sizeof(r.key));
	rc = all(&r, in, max_bytes, path, until, d);
	qs_reader_close(in);
	free(r.flow);
	free(r.slot);
	free(r.before);
	if (rc < 0) {
		plan_release(&p);
		return rc;
	}
	*ret = p;
	return 0;
}

void plan_release(struct plan *p)
{
	free(p->query);
	free(p->octets);
	memset(p, 0, sizeof(*p));
}
