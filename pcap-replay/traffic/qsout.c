/* SPDX-License-Identifier: Apache-2.0 */
/* One message or connection as one line of a query stream. */
#include "pcap-replay/traffic/qsout.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/base/clock.h"

static void qsout_tuple(struct qrec *r, const struct packet *pk, bool from_client)
{
	struct qs_addr src = {pk->src, pk->sport}, dst = {pk->dst, pk->dport};
	r->client = from_client ? src : dst;
	r->server = from_client ? dst : src;
}

/* The end that has the lower port is the server when nothing else tells. */
static bool sent_by_client(const struct dmessage *m)
{
	if (m->kind == QS_QUESTION || m->kind == QS_OPEN)
		return true;
	return m->kind == QS_CLOSE && m->pk.sport > m->pk.dport;
}

/* Is this tuple another than the client's, and seen for the first time? */
static bool is_first_translated(const struct dmessage *m, enum txn_event e, const struct txn *t)
{
	struct qrec r;
	if (!t || (e != TXE_VIEW && e != TXE_RESEND && e != TXE_ANSWER_VIEW))
		return false;
	qsout_tuple(&r, &m->pk, sent_by_client(m));
	if (addr_eq(&r.client, &t->view.client) && addr_eq(&r.server, &t->view.server))
		return false;
	if (e == TXE_ANSWER_VIEW)
		return t->passed_ns == m->pk.t_ns;
	const struct txn_view *first = t->view.next;
	while (first && (!addr_eq(&first->client, &r.client) || !addr_eq(&first->server, &r.server)))
		first = first->next;
	return first && first->last_ns == m->pk.t_ns;
}

static bool is_wanted(const struct qsout *q, const struct dmessage *m, enum txn_event e, const struct txn *t)
{
	switch (q->view) {
	case QSOUT_ALL:
		return true;
	case QSOUT_UPSTREAM:
		return is_first_translated(m, e, t);
	case QSOUT_CLIENT:
		return e != TXE_VIEW && e != TXE_ANSWER_VIEW && e != TXE_CONN_VIEW && e != TXE_ELSEWHERE;
	}
	return false;
}

static void begin(struct qsout *q, uint64_t t_ns)
{
	char text[32];
	q->begun = true;
	q->zero_ns = t_ns;
	if (q->pcap)
		pcapout_zero(q->pcap, t_ns);
	if (!q->w)
		return;
	if (q->point)
		qs_writer_fact(q->w, "point", q->point);
	if (q->source)
		qs_writer_fact(q->w, "source", q->source);
	snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64, t_ns / NS_PER_S, t_ns % NS_PER_S);
	qs_writer_fact(q->w, "zero", text);
}

void qsout_message(struct qsout *q, const struct dmessage *m, enum txn_event e, const struct txn *t)
{
	struct qrec r;
	if (!is_wanted(q, m, e, t))
		return;
	if (!q->begun)
		begin(q, m->pk.t_ns);
	qrec_clear(&r);
	r.t_ns = m->pk.t_ns - q->zero_ns;
	r.kind = m->kind;
	r.proto = m->proto;
	qsout_tuple(&r, &m->pk, sent_by_client(m));
	if (m->bytes) {
		r.len = (int32_t)m->len;
		if (!m->cut) {
			r.wire = m->bytes;
			r.wire_len = m->len;
		}
		if (m->len >= DNS_HEADER_LEN) {
			r.id = m->m.h.id;
			r.flags = m->m.h.flags & ~(0x7800 | 0x000f);
			/* of a damaged message the header's own bits, which it has anyway */
			if (m->kind == QS_REPLY)
				r.rcode = m->m.rcode;
		}
		if (m->m.q.name) {
			name_copy(&r.qname, m->m.q.name);
			r.qtype = m->m.q.qtype;
		}
		if (m->kind == QS_REPLY && !m->err)
			r.ttl_s = m->m.min_ttl_s == UINT32_MAX ? -1 : (int64_t)m->m.min_ttl_s;
	}
	if (q->w)
		qs_writer_put(q->w, &r);
	if (q->pcap)
		pcapout_put(q->pcap, &r);
	q->records++;
}
