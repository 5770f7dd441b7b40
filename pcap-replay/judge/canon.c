/* SPDX-License-Identifier: Apache-2.0 */
/* Types whose data holds names (RFC 1035, 2782, 6672) are read by a pattern; others are octets. */
#include "pcap-replay/judge/canon.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/dns/wire.h"

/* n: a name; digit: so many octets; end: the rest as it is */
static const struct {
	uint16_t type;
	const char *pattern;
} data_patterns[] = {
	{DNS_NS, "n"}, {DNS_CNAME, "n"}, {DNS_PTR, "n"}, {DNS_DNAME, "n"}, {DNS_MX, "2n"}, {DNS_SOA, "nn"}, {DNS_SRV, "6n"},
};

static const char *pattern_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof(data_patterns) / sizeof(data_patterns[0]); i++)
		if (data_patterns[i].type == type)
			return data_patterns[i].pattern;
	return "";
}

static size_t put_name(struct wire *w, uint8_t *out)
{
	struct name n = {.len = 0};
	wire_name(w, &n);
	return w->err ? 0 : name_lower(out, n.b);
}

/* One record as octets without compression; 0 when it cannot be read. */
static size_t expand(const struct wire *msg, const struct dns_rr *rr, uint8_t *out, size_t cap)
{
	struct wire w = *msg;
	size_t n;
	w.off = rr->off;
	n = put_name(&w, out);
	set_be16(out + n, rr->type);
	set_be16(out + n + 2, rr->rclass);
	n += 4;
	w.off = rr->rdata_off;
	for (const char *p = pattern_of(rr->type); *p && !w.err; p++) {
		if (*p == 'n') {
			n += put_name(&w, out + n);
			continue;
		}
		const uint8_t *b = wire_bytes(&w, (size_t)(*p - '0'));
		if (b) {
			memcpy(out + n, b, (size_t)(*p - '0'));
			n += (size_t)(*p - '0');
		}
	}
	if (w.err || w.off > rr->end || n + (rr->end - w.off) > cap)
		return 0;
	memcpy(out + n, w.base + w.off, rr->end - w.off);
	return n + (rr->end - w.off);
}

static int by_value(const void *pa, const void *pb)
{
	const struct canon_record *a = pa, *b = pb;
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->ttl < b->ttl ? -1 : a->ttl > b->ttl;
}

static void section(struct canon_set *set, struct wire *w, unsigned n)
{
	static const struct hash_key key = {0x6e6f64656e73, 0x63616e6f6e}; /* both sides of a comparison are ours */
	uint8_t out[3 * NAME_MAX_WIRE + DNS_MSG_MAX];
	for (unsigned i = 0; i < n && !w->err && set->n < CANON_RECORDS_MAX; i++) {
		struct dns_rr rr = {0};
		wire_rr(w, &rr);
		size_t len = w->err ? 0 : expand(w, &rr, out, sizeof(out));
		if (len == 0 || rr.type == DNS_OPT)
			continue;
		set->record[set->n++] = (struct canon_record){hash_sip13(&key, out, len), rr.ttl};
	}
	qsort(set->record, set->n, sizeof(set->record[0]), by_value);
}

void canon_read(struct canon *ret, const uint8_t *msg, size_t len, const uint8_t *asked, size_t asked_len)
{
	struct dns_msg m, q;
	struct wire w;
	ret->answer.n = ret->authority.n = 0;
	ret->readable = dns_reply_parse(&m, msg, len) == 0;
	ret->rcode = m.rcode;
	ret->flags = m.h.flags & 0x07f0;
	ret->opcode = DNS_OPCODE(m.h.flags);
	ret->edns = m.edns.present;
	ret->do_bit = m.edns.do_bit;
	ret->udp_size = m.edns.udp_size;
	ret->has_question = m.q.name;
	dns_msg_parse(&q, asked, asked_len);
	ret->same_spelling = q.q.name && m.q.name && q.q.name_len == m.q.name_len && !memcmp(q.q.name, m.q.name, q.q.name_len);
	if (!ret->readable)
		return;
	wire_init(&w, msg, len);
	w.off = m.answer_off;
	section(&ret->answer, &w, m.h.n_an);
	section(&ret->authority, &w, m.h.n_ns);
}

bool canon_set_eq(const struct canon_set *a, const struct canon_set *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++)
		same = a->record[i].hash == b->record[i].hash;
	return same;
}
