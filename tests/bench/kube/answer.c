/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmarks' world as answers: every name of it exists, or is denied with its zone's SOA. */
#include "tests/bench/kube/answer.h"

#include <string.h>

#include "lib/dns/wire.h"

uint32_t kube_soa_s = KUBE_NEGATIVE_S;

static const uint8_t bench_test[] = "\5bench\4test";

static void put_address(struct wire_out *o, const uint8_t *name, uint16_t qtype, uint32_t i)
{
	size_t mark = wire_rr_begin(o, name, qtype, DNS_IN, KUBE_TTL_S);

	if (qtype == DNS_AAAA) {
		wire_put_u32(o, 0xfd000010);
		wire_put_u32(o, 0);
		wire_put_u32(o, 0);
	}
	wire_put_u32(o, 0x0a000000 + (i & 0xffffff));
	wire_rr_end(o, mark);
}

/* Of an ancestor of every name denied. */
static void put_soa(struct wire_out *o, const uint8_t *name)
{
	static const uint8_t domain[] = "\7cluster\5local";
	const uint8_t *apex = name_within(name, domain) ? domain : name_tail(name, 1);
	size_t mark = wire_rr_begin(o, apex, DNS_SOA, DNS_IN, kube_soa_s);

	wire_put_name(o, apex);
	wire_put_name(o, apex);
	for (int i = 0; i < 4; i++)
		wire_put_u32(o, 7200);
	wire_put_u32(o, kube_soa_s);
	wire_rr_end(o, mark);
}

static unsigned n_records(const struct name *name, bool unique, enum kube_verdict v)
{
	if (v != KUBE_ANSWER)
		return 0;
	return unique && name->b[0] == 3 && memcmp(name->b + 1, "r20", 3) == 0 ? 20 : 1;
}

size_t kube_answer(const uint8_t *q, size_t len, uint8_t *out, size_t cap, struct kube_asked *ret)
{
	struct dns_header h;
	struct dns_msg m;
	struct name name;
	struct wire_out o;
	bool unique;

	if (dns_msg_parse(&m, q, len) || (m.h.flags & DNS_QR) || m.h.n_qd == 0)
		return 0;
	memcpy(name.b, m.q.name, m.q.name_len);
	name.len = m.q.name_len;
	unique = name_within(name.b, bench_test);
	ret->verdict = unique ? KUBE_ANSWER : kube_lookup(name.b, m.q.qtype);
	ret->is_cluster = kube_is_cluster(name.b);
	h = (struct dns_header){.id = m.h.id,
				.flags = (uint16_t)(DNS_QR | DNS_AA | (m.h.flags & DNS_RD)),
				.n_qd = 1,
				.n_ar = m.edns.present};
	h.n_an = (uint16_t)n_records(&name, unique, ret->verdict);
	h.n_ns = h.n_an == 0;
	if (ret->verdict == KUBE_NXDOMAIN)
		h.flags |= DNS_NXDOMAIN;
	wire_out_init(&o, out, cap);
	wire_put_header(&o, &h);
	wire_put_question(&o, name.b, m.q.qtype, m.q.qclass);
	for (unsigned i = 0; i < h.n_an; i++)
		put_address(&o, name.b, m.q.qtype, i + 1);
	if (h.n_ns)
		put_soa(&o, name.b);
	if (h.n_ar)
		wire_opt_end(&o, wire_opt_begin(&o, 1232, 0, 0, m.edns.do_bit));
	return o.err ? 0 : o.len;
}
