/* SPDX-License-Identifier: Apache-2.0 */
/* One message or connection as one line of a query stream. */
#include "pcap-replay/traffic/qsout.h"

#include <string.h>

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
	return m->kind == QS_CLOSE && m->pk->sport > m->pk->dport;
}

void qsout_message(void *qsout, const struct dmessage *m)
{
	struct qsout *q = qsout;
	struct qrec r;
	if (!q->begun) {
		q->begun = true;
		q->zero_ns = m->pk->t_ns;
	}
	qrec_clear(&r);
	r.t_ns = m->pk->t_ns > q->zero_ns ? m->pk->t_ns - q->zero_ns : 0;
	r.kind = m->kind;
	r.proto = m->proto;
	qsout_tuple(&r, m->pk, sent_by_client(m));
	if (m->bytes) {
		r.len = (int32_t)m->len;
		if (m->len >= DNS_HEADER_LEN) {
			r.id = m->m.h.id;
			r.flags = m->m.h.flags & ~(0x7800 | 0x000f);
		}
		if (m->m.q.name) {
			name_copy(&r.qname, m->m.q.name);
			r.qtype = m->m.q.qtype;
		}
		if (m->kind == QS_REPLY && !m->err) {
			r.rcode = m->m.rcode;
			r.ttl_s = m->m.min_ttl_s == UINT32_MAX ? -1 : (int64_t)m->m.min_ttl_s;
		}
	}
	qs_writer_put(q->w, &r);
}
