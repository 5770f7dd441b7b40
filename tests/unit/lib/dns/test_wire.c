/* SPDX-License-Identifier: Apache-2.0 */
/* The cursors: sticky errors, bounds at every length, compression both ways, EDNS. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/dns/wire.h"

static struct name named(const char *text)
{
	struct name n;

	cr_assert_eq(name_from_text(&n, text), 0);
	return n;
}

Test(wire, errors_stick_and_nothing_moves)
{
	struct wire w;

	wire_init(&w, "\1\2\3", 3);
	cr_assert_eq(wire_u16(&w), 0x0102);
	cr_assert_eq(wire_u32(&w), 0);
	cr_assert_eq(w.err, ERR_SHORT);
	cr_assert_eq(wire_u8(&w), 0);
	cr_assert_null(wire_bytes(&w, 0));
	cr_assert_eq(w.off, 2);
}

Test(wire, compressed_names_expand)
{
	/* 0: a.b.  5: C + pointer to b  9: pointer to 5 */
	static const uint8_t m[] = "\1a\1b\0\1C\xc0\2\xc0\5";
	struct wire w;
	struct name n;

	wire_init(&w, m, sizeof(m) - 1);
	wire_name(&w, &n);
	cr_assert(name_eq(n.b, named("a.b").b));
	wire_name(&w, &n);
	cr_assert(name_eq(n.b, named("c.b").b));
	cr_assert_eq(w.off, 9);
	wire_name(&w, &n);
	cr_assert(name_eq(n.b, named("c.b").b));
	cr_assert_eq(w.off, 11);
	cr_assert_eq(w.err, 0);
}

Test(wire, bad_names_are_refused)
{
	static const struct {
		const char *bytes;
		size_t len, off;
		int err;
	} row[] = {
		{"\xc0\0", 2, 0, ERR_SYNTAX},	    /* to itself */
		{"\1a\xc0\0", 4, 0, ERR_SYNTAX},    /* to its own start */
		{"\xc0\2\xc0\0", 4, 0, ERR_SYNTAX}, /* forwards */
		{"\xc0\2\xc0\0", 4, 2, ERR_SYNTAX}, /* backwards, then to itself */
		{"\1a\xc0", 3, 0, ERR_SHORT},	    /* half a pointer */
		{"\5ab", 3, 0, ERR_SHORT},	    {"\1a", 2, 0, ERR_SHORT}, {"", 0, 0, ERR_SHORT},
		{"\x80", 1, 0, ERR_SYNTAX}, /* reserved label types */
		{"\x41", 1, 0, ERR_SYNTAX},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct name n = {.len = 77};
		struct wire w;

		wire_init(&w, row[i].bytes, row[i].len);
		w.off = row[i].off;
		wire_name(&w, &n);
		cr_expect_eq(w.err, row[i].err, "row %zu: %d", i, w.err);
		cr_expect_eq(w.off, row[i].off, "row %zu moved", i);
		cr_expect_eq(n.len, 77, "row %zu touched its output", i);
	}
}

/* A chain of pointers may expand to more than 255 octets: refused. */
Test(wire, expansion_is_limited)
{
	uint8_t m[600];
	size_t off = 0;
	struct name n;
	struct wire w;

	for (int i = 0; i < 5; i++) {
		m[off] = 60;
		memset(m + off + 1, 'x', 60);
		off += 61;
		if (i == 0) {
			m[off++] = 0;
		} else {
			set_be16(m + off, (uint16_t)(0xc000 | (i == 1 ? 0 : off - 124)));
			off += 2;
		}
	}
	wire_init(&w, m, off);
	w.off = off - 63;
	wire_name(&w, &n);
	cr_assert_eq(w.err, ERR_LIMIT);
}

static size_t query_build(uint8_t *buf, size_t cap)
{
	return dns_query_build(buf, cap, 0x1234, named("www.Example.com").b, DNS_AAAA,
			       DNS_RD | DNS_CD, 1232, true, true);
}

Test(wire, query_parses_back)
{
	uint8_t buf[512];
	uint16_t opt_len = 9;
	struct dns_msg m;
	size_t len = query_build(buf, sizeof(buf));

	cr_assert_eq(dns_msg_parse(&m, buf, len), 0);
	cr_assert_eq(m.h.id, 0x1234);
	cr_assert_eq(m.h.flags, DNS_RD | DNS_CD);
	cr_assert(name_eq(m.q.name, named("www.example.com").b));
	cr_assert_eq(m.q.name_len, 17);
	cr_assert_eq(m.q.name[5], 'E');
	cr_assert_eq(m.q.qtype, DNS_AAAA);
	cr_assert(m.edns.present && m.edns.do_bit);
	cr_assert_eq(m.edns.udp_size, 1232);
	cr_assert_not_null(dns_edns_option(&m.edns, EDNS_NSID, &opt_len));
	cr_assert_eq(opt_len, 0);
	cr_assert_null(dns_edns_option(&m.edns, EDNS_COOKIE, &opt_len));
	cr_assert_eq(m.end, len);
	cr_assert_eq(m.min_ttl_s, UINT32_MAX);
}

Test(wire, every_truncation_is_an_error_and_every_small_buffer_too)
{
	uint8_t buf[512], small[512];
	size_t len = query_build(buf, sizeof(buf));

	for (size_t n = 0; n < len; n++) {
		struct dns_msg m;

		cr_assert_eq(dns_msg_parse(&m, buf, n), ERR_SHORT, "%zu octets", n);
		cr_assert_eq(query_build(small, n), 0, "%zu octets", n);
	}
	cr_assert_eq(query_build(small, len), len);
}

/* A reply with compression, three TTLs, a CNAME and an OPT with an extended rcode. */
static size_t reply_build(uint8_t *buf, size_t cap)
{
	struct dns_header h = {
		.id = 1, .flags = DNS_QR | DNS_RD, .n_qd = 1, .n_an = 2, .n_ns = 1, .n_ar = 1};
	struct name q = named("www.example.com"), alias = named("web.EXAMPLE.com");
	struct wire_out o;
	size_t m;

	wire_out_init(&o, buf, cap);
	wire_put_header(&o, &h);
	wire_put_question(&o, q.b, DNS_A, DNS_IN);
	m = wire_rr_begin(&o, q.b, DNS_CNAME, DNS_IN, 300);
	wire_put_name(&o, alias.b);
	wire_rr_end(&o, m);
	m = wire_rr_begin(&o, alias.b, DNS_A, DNS_IN, 60);
	wire_put_u32(&o, 0xc0000201);
	wire_rr_end(&o, m);
	m = wire_rr_begin(&o, named("com").b, DNS_NS, DNS_IN, 0x80000001);
	wire_put_name_plain(&o, q.b);
	wire_rr_end(&o, m);
	m = wire_opt_begin(&o, 4096, 1, 0, false);
	wire_opt_end(&o, m);
	return o.err ? 0 : o.len;
}

Test(wire, writer_compresses_without_regard_to_case)
{
	uint8_t buf[512];
	struct dns_msg m;
	struct dns_rr rr;
	struct name n;
	struct wire w;
	size_t len = reply_build(buf, sizeof(buf));

	/* header, question, 2+10+6 for the CNAME, 2+10+4, 2+10+17, 11 */
	cr_assert_eq(len, 12u + 21 + 18 + 16 + 29 + 11);
	cr_assert_eq(dns_msg_parse(&m, buf, len), 0);
	cr_assert_eq(m.rcode, DNS_BADVERS);
	cr_assert_eq(m.min_ttl_s, 0, "RFC 2181: a TTL with its top bit set counts as 0");
	wire_init(&w, buf, len);
	w.off = m.answer_off;
	wire_rr(&w, &rr);
	cr_assert_eq(rr.type, DNS_CNAME);
	cr_assert_eq(get_be32(buf + rr.ttl_off), 300);
	w.off = rr.rdata_off;
	wire_name(&w, &n);
	cr_assert_eq(w.off, rr.end);
	cr_assert(name_eq(n.b, named("web.example.com").b));
	wire_rr(&w, &rr);
	cr_assert_eq(rr.rdlen, 4);
	cr_assert_eq(get_be32(buf + rr.rdata_off), 0xc0000201);
}

Test(wire, writer_never_overruns)
{
	uint8_t buf[512];
	size_t len = reply_build(buf, sizeof(buf));

	for (size_t n = 0; n < len; n++) {
		buf[n] = 0xee;
		cr_assert_eq(reply_build(buf, n), 0);
		cr_assert_eq(buf[n], 0xee, "%zu octets", n);
	}
}

Test(wire, rewinding_forgets_targets)
{
	uint8_t buf[64];
	struct name a = named("a.example"), b = named("b.example");
	struct wire_out o;

	wire_out_init(&o, buf, 24);
	wire_put_name(&o, a.b);
	wire_put_name(&o, b.b); /* 4 octets: b and a pointer */
	cr_assert_eq(o.len, 15);
	wire_put_bytes(&o, buf, 20);
	cr_assert_eq(o.err, ERR_SHORT);
	wire_out_rewind(&o, 0);
	cr_assert_eq(o.err, 0);
	cr_assert_eq(o.n_names, 0);
	wire_put_bytes(&o, "\0\0\0\0\0\0\0\0\0\0\0\0", 11);
	wire_put_name(&o, a.b);
	cr_assert_eq(o.len, 22, "written in full again");
}

Test(wire, targets_beyond_the_pointers_reach_are_not_used)
{
	static uint8_t buf[40000];
	struct name n = named("far.example");
	struct wire_out o;

	wire_out_init(&o, buf, sizeof(buf));
	o.len = 0x3ffe;
	wire_put_name(&o, n.b); /* first label at 0x3ffe: a target; the second is not */
	wire_put_name(&o, n.b);
	cr_assert_eq(o.len, 0x3ffeu + 13 + 2);
	wire_put_name(&o, named("x.example").b);
	cr_assert_eq(o.len, 0x3ffeu + 13 + 2 + 11);
}

Test(wire, more_names_than_targets_stay_correct)
{
	static uint8_t buf[8192];
	struct name got, want;
	struct wire_out o;
	struct wire w;
	char text[32];

	wire_out_init(&o, buf, sizeof(buf));
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "n%d.z%d.example", i, i % 70);
		wire_put_name(&o, named(text).b);
	}
	wire_init(&w, buf, o.len);
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "n%d.z%d.example", i, i % 70);
		want = named(text);
		wire_name(&w, &got);
		cr_assert(name_eq(got.b, want.b), "%s", text);
	}
	cr_assert_eq(w.err, 0);
	cr_assert_eq(w.off, o.len);
}

Test(wire, opt_rules)
{
	uint8_t buf[512];
	struct dns_msg m;
	size_t len = query_build(buf, sizeof(buf)), opt = len - 15;

	memcpy(buf + len, buf + opt, 15); /* a second OPT */
	set_be16(buf + 10, 2);
	cr_assert_eq(dns_msg_parse(&m, buf, len + 15), ERR_SYNTAX);
	set_be16(buf + 10, 1);
	set_be16(buf + len - 2, 1); /* option longer than the RDATA */
	cr_assert_eq(dns_msg_parse(&m, buf, len + 15), ERR_SYNTAX);
	cr_assert(m.edns.present, "fields before the fault stay readable");
	set_be16(buf + len - 2, 0);
	cr_assert_eq(dns_msg_parse(&m, buf, len + 15), 0);
	cr_assert_eq(m.end, len, "trailing octets are visible");
	buf[opt] = 0xc0; /* OPT not owned by the root */
	cr_assert_neq(dns_msg_parse(&m, buf, len), 0);
}

Test(wire, compressed_question_is_refused)
{
	static const uint8_t m[] = {0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 4, 0, 1, 0, 1};
	struct dns_msg p;

	cr_assert_eq(dns_msg_parse(&p, m, sizeof(m)), ERR_SYNTAX);
	cr_assert_eq(p.h.id, 1);
}

Test(wire, mnemonics)
{
	char buf[16];
	uint16_t v;

	cr_assert_str_eq(dns_type_str(DNS_HTTPS, buf), "HTTPS");
	cr_assert_str_eq(dns_type_str(65280, buf), "TYPE65280");
	cr_assert_str_eq(dns_class_str(42, buf), "CLASS42");
	cr_assert_str_eq(dns_rcode_str(11 + 1, buf), "RCODE12");
	cr_assert_str_eq(dns_rcode_str(DNS_BADCOOKIE, buf), "BADCOOKIE");
	cr_assert(dns_type_from_str("aaaa", &v) == 0 && v == DNS_AAAA);
	cr_assert(dns_type_from_str("TYPE731", &v) == 0 && v == 731);
	cr_assert_eq(dns_type_from_str("TYPE65536", &v), ERR_UNKNOWN);
	cr_assert_eq(dns_type_from_str("TYPE", &v), ERR_UNKNOWN);
	cr_assert_eq(dns_type_from_str("BOGUS", &v), ERR_UNKNOWN);
	cr_assert(dns_rcode_from_str("nxdomain", &v) == 0 && v == DNS_NXDOMAIN);
}

/* A row of bare pointers, each to the one before it; the first leads to a name.
 * Returns where the last stands. */
static size_t pointer_row(uint8_t *m, unsigned n)
{
	size_t at = 3;

	memcpy(m, "\1a\0", 3);
	for (unsigned i = 0; i < n; i++, at += 2)
		set_be16(m + at, (uint16_t)(0xc000 | (i ? at - 2 : 0)));
	return at - 2;
}

Test(wire, bound_01_a_name_follows_so_many_pointers)
{
	uint8_t m[1000] = {0};
	struct wire w;
	struct name n;

	wire_init(&w, m, sizeof(m));
	w.off = pointer_row(m, WIRE_NAME_JUMPS_MAX);
	wire_name(&w, &n);
	cr_assert_eq(w.err, 0);
	cr_assert(name_eq(n.b, named("a").b));
	wire_init(&w, m, sizeof(m));
	w.off = pointer_row(m, WIRE_NAME_JUMPS_MAX + 1);
	wire_name(&w, &n);
	cr_assert_eq(w.err, ERR_LIMIT);
}

/* Work for a whole message is bounded, not only for each of its names. */
Test(wire, bound_01_a_message_follows_so_many_pointers)
{
	uint8_t m[1000] = {0};
	unsigned names = 0;
	struct wire w;
	struct name n;

	wire_init(&w, m, sizeof(m));
	size_t last = pointer_row(m, WIRE_NAME_JUMPS_MAX);

	for (w.off = last; !w.err; w.off = last, names++)
		wire_name(&w, &n);
	cr_assert_eq(w.err, ERR_LIMIT);
	cr_assert_eq(names - 1, WIRE_JUMPS_MAX / WIRE_NAME_JUMPS_MAX);
}

/* Names as long and as alike as can be, against as many targets as are kept. */
Test(wire, bound_02_compressing_costs_so_much)
{
	static uint8_t buf[DNS_MSG_MAX];
	struct wire_out o;
	struct name n;
	struct wire w;
	unsigned names = 0;

	wire_out_init(&o, buf, sizeof(buf));
	n.len = 255;
	for (unsigned i = 0; i < 127; i++)
		memcpy(n.b + 2 * i, "\1a", 2);
	n.b[254] = 0;
	wire_put_name(&o, n.b);
	/* Alike to the last label but one, then not: no target is found. */
	n.b[251] = 'b';
	for (;;) {
		uint32_t work = o.work;

		n.b[1] = (uint8_t)('c' + names % 20);
		wire_put_name(&o, n.b);
		if (o.err)
			break;
		cr_assert_leq(o.work - work, 127u * WIRE_COMPRESS_MAX + 255u * WIRE_COMPRESS_MAX);
		names++;
	}
	cr_assert_leq(o.work, WIRE_COMPRESS_WORK_MAX + 255u);
	cr_assert_eq(o.err, ERR_SHORT);
	cr_assert_gt(names, 200);
	/* Found or not, what was written is what was meant. */
	wire_init(&w, buf, o.len);
	wire_name(&w, &n);
	for (unsigned i = 0; i < names; i++) {
		wire_name(&w, &n);
		cr_assert_eq(n.len, 255);
		cr_assert_eq(n.b[1], 'c' + i % 20);
		cr_assert_eq(n.b[251], 'b');
	}
	cr_assert_eq(w.err, 0);
}

Test(wire, bound_02_beyond_it_names_are_written_in_full)
{
	static uint8_t buf[DNS_MSG_MAX];
	struct wire_out o;
	struct name n = named("www.example.org");

	wire_out_init(&o, buf, sizeof(buf));
	wire_put_name(&o, n.b);
	o.work = WIRE_COMPRESS_WORK_MAX;
	size_t len = o.len;

	wire_put_name(&o, n.b);
	cr_assert_eq(o.len - len, n.len);
}
