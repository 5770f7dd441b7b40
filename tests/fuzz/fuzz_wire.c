/* SPDX-License-Identifier: Apache-2.0 */
/* Whole messages: what parses can be walked, and written again so that it reads the same. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/dns/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Copies every record with its owner compressed anew; RDATA as plain octets. */
static void rewrite(const struct dns_msg *m, const uint8_t *data, size_t len)
{
	static uint8_t buf[1 << 20];
	unsigned n = m->h.n_an + m->h.n_ns + m->h.n_ar;
	struct wire_out o;
	struct wire w, again;

	wire_init(&w, data, len);
	w.off = m->answer_off;
	wire_out_init(&o, buf, sizeof(buf));
	wire_put_question(&o, m->q.name, m->q.qtype, m->q.qclass);
	wire_init(&again, buf, 0);
	for (; n > 0; n--) {
		struct name owner, copy;
		struct dns_rr rr, rr2;
		size_t start = w.off, mark, at = o.len;

		wire_name(&w, &owner);
		w.off = start;
		wire_rr(&w, &rr);
		assert(!w.err && rr.end <= len && rr.rdata_off + rr.rdlen == rr.end);
		mark = wire_rr_begin(&o, owner.b, rr.type, rr.rclass, rr.ttl);
		wire_put_bytes(&o, data + rr.rdata_off, rr.rdlen);
		wire_rr_end(&o, mark);
		if (o.err)
			return;
		again.len = o.len;
		again.off = at;
		wire_name(&again, &copy);
		assert(!again.err && name_eq(copy.b, owner.b));
		again.off = at;
		wire_rr(&again, &rr2);
		assert(!again.err && again.off == o.len && rr2.ttl == rr.ttl &&
		       rr2.rdlen == rr.rdlen);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dns_msg m;
	int err = dns_msg_parse(&m, data, len);
	uint16_t opt_len = 0;
	const uint8_t *opt = dns_edns_option(&m.edns, EDNS_NSID, &opt_len);

	if (opt)
		assert(opt >= data && opt + opt_len <= data + len);
	if (err)
		return 0;
	assert(m.end <= len && m.answer_off <= m.end);
	if (m.h.n_qd == 0)
		return 0;
	assert(name_check(m.q.name, m.q.name_len) == m.q.name_len);
	rewrite(&m, data, len);
	return 0;
}
