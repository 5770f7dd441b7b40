/* SPDX-License-Identifier: Apache-2.0 */
/* When a cache's reply is what the server behind it says, and when not. */
#include <criterion/criterion.h>
#include <string.h>

#include "kind-e2e/lab/cluster/agree.h"
#include "lib/dns/wire.h"

struct reply {
	uint8_t b[1024];
	size_t len;
};
struct shape {
	uint16_t flags; /* QR is added */
	const char *a[3];
	uint32_t ttl_s, serial; /* serial: a SOA in the authority section, 0: none */
	bool edns;
};

static void put_address(struct wire_out *o, const char *name, const char *dotted, uint32_t ttl_s)
{
	struct name n;
	size_t mark;
	unsigned a, b, c, d;

	cr_assert_eq(name_from_text(&n, name), 0);
	cr_assert_eq(sscanf(dotted, "%u.%u.%u.%u", &a, &b, &c, &d), 4);
	mark = wire_rr_begin(o, n.b, DNS_A, DNS_IN, ttl_s);
	wire_put_u32(o, a << 24 | b << 16 | c << 8 | d);
	wire_rr_end(o, mark);
}

static void put_soa(struct wire_out *o, uint32_t serial, uint32_t ttl_s)
{
	struct name zone;
	size_t mark;

	cr_assert_eq(name_from_text(&zone, "example."), 0);
	mark = wire_rr_begin(o, zone.b, DNS_SOA, DNS_IN, ttl_s);
	wire_put_name(o, zone.b);
	wire_put_name(o, zone.b);
	wire_put_u32(o, serial);
	for (unsigned i = 0; i < 4; i++)
		wire_put_u32(o, 60);
	wire_rr_end(o, mark);
}

static struct reply make(struct shape s)
{
	struct reply r;
	struct wire_out o;
	struct name n;
	struct dns_header h = {.id = 1, .flags = (uint16_t)(DNS_QR | s.flags), .n_qd = 1};

	while (h.n_an < 3 && s.a[h.n_an])
		h.n_an++;
	h.n_ns = s.serial != 0;
	h.n_ar = s.edns;
	name_from_text(&n, "www.example.");
	wire_out_init(&o, r.b, sizeof r.b);
	wire_put_header(&o, &h);
	wire_put_question(&o, n.b, DNS_A, DNS_IN);
	for (unsigned i = 0; i < h.n_an; i++)
		put_address(&o, "www.example.", s.a[i], s.ttl_s);
	if (s.serial)
		put_soa(&o, s.serial, s.ttl_s);
	if (s.edns)
		wire_opt_end(&o, wire_opt_begin(&o, 1232, 0, 0, false));
	cr_assert_eq(o.err, 0);
	r.len = o.len;
	return r;
}

static int compare(struct shape want, struct shape got, struct diag *why)
{
	struct reply a = make(want), b = make(got);

	return agree_compare(a.b, a.len, b.b, b.len, 30, why);
}

Test(agree, order_of_records_and_ttls_may_differ)
{
	struct diag d = {""};

	cr_assert_eq(compare((struct shape){.a = {"192.0.2.1", "192.0.2.2"}, .ttl_s = 30},
			     (struct shape){.a = {"192.0.2.2", "192.0.2.1"}, .ttl_s = 3}, &d),
		     0, "%s", d.text);
}

Test(agree, a_soas_serial_may_differ)
{
	struct diag d = {""};

	cr_assert_eq(compare((struct shape){.flags = DNS_NXDOMAIN, .serial = 7, .ttl_s = 5},
			     (struct shape){.flags = DNS_NXDOMAIN, .serial = 9, .ttl_s = 5}, &d),
		     0, "%s", d.text);
}

Test(agree, a_ttl_above_the_bound_is_told)
{
	struct diag d = {""};

	cr_assert_neq(compare((struct shape){.a = {"192.0.2.1"}, .ttl_s = 30},
			      (struct shape){.a = {"192.0.2.1"}, .ttl_s = 31}, &d),
		      0);
	cr_assert(strstr(d.text, "TTL 31"), "%s", d.text);
}

Test(agree, another_code_flag_or_record_is_told)
{
	static const struct {
		struct shape want, got;
		const char *word;
	} cases[] = {
		{{.flags = DNS_NXDOMAIN}, {.flags = DNS_NOERROR}, "NOERROR instead of NXDOMAIN"},
		{{.flags = DNS_AD}, {.flags = 0}, "flags"},
		{{.flags = DNS_TC}, {.a = {"192.0.2.1"}}, "flags"},
		{{.edns = true}, {.edns = false}, "OPT"},
		{{.a = {"192.0.2.1"}}, {.a = {"192.0.2.2"}}, "answer section"},
		{{.a = {"192.0.2.1", "192.0.2.2"}}, {.a = {"192.0.2.1"}}, "answer section"},
		{{.serial = 1}, {.serial = 0}, "authority section"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct diag d = {""};

		cr_assert_neq(compare(cases[i].want, cases[i].got, &d), 0, "case %zu", i);
		cr_assert(strstr(d.text, cases[i].word), "case %zu: %s", i, d.text);
	}
}

Test(agree, truncated_replies_need_not_hold_the_same_records)
{
	struct diag d = {""};

	cr_assert_eq(compare((struct shape){.flags = DNS_TC, .a = {"192.0.2.1"}},
			     (struct shape){.flags = DNS_TC, .a = {"192.0.2.2"}}, &d),
		     0, "%s", d.text);
}
