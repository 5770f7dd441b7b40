/* SPDX-License-Identifier: Apache-2.0 */
/* Clients' queries: the short way and the general one see the same. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/wire.h"
#include "resolver/core/query.h"

static size_t build(uint8_t *buf, size_t cap, const char *text, uint16_t size, bool nsid)
{
	struct name n;

	cr_assert_eq(name_from_text(&n, text), 0);
	return dns_query_build(buf, cap, 7, n.b, DNS_A, DNS_RD, size, true, nsid);
}

Test(query, plain_opt_and_general_parser_agree)
{
	uint8_t plain[512], options[512];
	size_t a = build(plain, sizeof(plain), "Www.Example.COM", 1400, false);
	size_t b = build(options, sizeof(options), "Www.Example.COM", 1400, true);
	struct query p, q;

	cr_assert_eq(query_parse(&p, plain, a), QUERY_OK);
	cr_assert_eq(query_parse(&q, options, b), QUERY_OK);
	cr_assert(q.want_nsid && !p.want_nsid);
	cr_assert(p.edns.present && p.edns.do_bit && p.edns.udp_size == 1400);
	cr_assert(q.edns.present && q.edns.do_bit && q.edns.udp_size == 1400);
	cr_assert_eq(p.key_flags, QUERY_DO);
	cr_assert_eq(q.key_flags, QUERY_DO);
	cr_assert_eq(memcmp(p.name, "\3www\7example\3com", 17), 0);
	cr_assert_eq(p.n_labels, 3);
	cr_assert_eq(p.label_at[1], 4);
	cr_assert_eq(p.label_at[3], 16);
}

Test(query, every_shorter_prefix_is_an_error)
{
	uint8_t buf[512];
	size_t len = build(buf, sizeof(buf), "www.example.com", 1400, true);
	struct query q;

	for (size_t n = 0; n < len; n++) {
		uint8_t *exact = malloc(n + 1);

		memcpy(exact, buf, n);
		cr_assert_neq(query_parse(&q, exact, n), QUERY_OK, "%zu octets", n);
		free(exact);
	}
}

/* The longest has 255 octets, whatever follows. */
Test(query, a_name_too_long_is_an_error)
{
	for (unsigned last = 61; last <= 63; last++) { /* 3 * 64 + 1 + last + 1 octets */
		uint8_t buf[512] = {0, 7, 1, 0, 0, 1};
		struct query q;

		for (unsigned i = 0; i < 4; i++)
			buf[DNS_HEADER_LEN + 64 * i] = (uint8_t)(i < 3 ? 63 : last);
		cr_expect_eq(query_parse(&q, buf, sizeof(buf)), last == 61 ? QUERY_OK : QUERY_FORMERR, "%u", last);
		cr_expect_eq(q.name_len, last == 61 ? 255 : 0, "%u", last);
	}
}

Test(query, compact_keeps_what_a_reply_needs)
{
	uint8_t buf[2048], small[QUERY_COMPACT_MAX];
	size_t len = build(buf, sizeof(buf), "www.example.com", 1400, true), n;
	uint16_t pad = 1000;
	struct query q, r;

	/* a padding option of 1,000 octets behind the NSID option */
	set_be16(buf + len - 6, (uint16_t)(get_be16(buf + len - 6) + pad + 4));
	set_be16(buf + len, EDNS_PADDING);
	set_be16(buf + len + 2, pad);
	memset(buf + len + 4, 0, pad);
	len += pad + 4u;
	cr_assert_eq(query_parse(&q, buf, len), QUERY_OK);
	n = query_compact(&q, small);
	cr_assert_leq(n, QUERY_COMPACT_MAX);
	cr_assert_eq(query_parse(&r, small, n), QUERY_OK);
	cr_assert(r.want_nsid && r.edns.do_bit && r.edns.udp_size == 1400 && r.id == 7);
	cr_assert_eq(memcmp(q.name, r.name, q.name_len), 0);
}

Test(query, a_name_of_127_labels_is_read)
{
	uint8_t buf[DNS_HEADER_LEN + 255 + 4] = {0, 7, 1, 0, 0, 1};
	struct query q;

	for (unsigned i = 0; i < 127; i++) {
		buf[DNS_HEADER_LEN + 2 * i] = 1;
		buf[DNS_HEADER_LEN + 2 * i + 1] = 'x';
	}
	buf[sizeof(buf) - 3] = 1;
	buf[sizeof(buf) - 1] = 1;
	cr_assert_eq(query_parse(&q, buf, sizeof(buf)), QUERY_OK);
	cr_assert_eq(q.n_labels, 127);
	cr_assert_eq(q.name_len, 255);
}

/* A query with these options behind its OPT; `pad` octets of padding last. */
static size_t build_options(uint8_t *buf, size_t cap, uint16_t cookie_len, int keepalive_len, uint16_t pad)
{
	size_t len = build(buf, cap, "www.example.com", 1400, true), rdlen_at = len - 6;
	struct wire_out o = {.base = buf, .cap = cap, .len = len};

	if (cookie_len) {
		wire_put_u16(&o, EDNS_COOKIE);
		wire_put_u16(&o, cookie_len);
		for (unsigned i = 0; i < cookie_len; i++)
			wire_put_u8(&o, (uint8_t)(i + 1));
	}
	if (keepalive_len >= 0) {
		wire_put_u16(&o, EDNS_KEEPALIVE);
		wire_put_u16(&o, (uint16_t)keepalive_len);
		for (int i = 0; i < keepalive_len; i++)
			wire_put_u8(&o, 0);
	}
	if (pad) {
		wire_put_u16(&o, EDNS_PADDING);
		wire_put_u16(&o, pad);
		for (unsigned i = 0; i < pad; i++)
			wire_put_u8(&o, 0);
	}
	set_be16(buf + rdlen_at, (uint16_t)(get_be16(buf + rdlen_at) + o.len - len));
	return o.len;
}

Test(query, a_cookie_is_8_or_16_to_40_octets)
{
	static const uint16_t good[] = {8, 16, 17, 39, 40}, bad[] = {1, 7, 9, 15, 41, 100};
	uint8_t buf[1024];
	struct query q;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t len = build_options(buf, sizeof(buf), good[i], -1, 0);

		cr_assert_eq(query_parse(&q, buf, len), QUERY_OK, "%u octets", good[i]);
		cr_assert(q.cookie && q.cookie_len == good[i] && q.cookie[7] == 8);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t len = build_options(buf, sizeof(buf), bad[i], -1, 0);

		cr_assert_eq(query_parse(&q, buf, len), QUERY_FORMERR, "%u octets", bad[i]);
		cr_assert_null(q.cookie);
	}
}

Test(query, keepalive_is_wanted_by_an_empty_option)
{
	uint8_t buf[1024];
	struct query q;

	cr_assert_eq(query_parse(&q, buf, build_options(buf, sizeof(buf), 0, 0, 0)), QUERY_OK);
	cr_assert(q.want_keepalive);
	cr_assert_eq(query_parse(&q, buf, build_options(buf, sizeof(buf), 0, 2, 0)), QUERY_OK);
	cr_assert(!q.want_keepalive);
	cr_assert_eq(query_parse(&q, buf, build_options(buf, sizeof(buf), 0, -1, 0)), QUERY_OK);
	cr_assert(!q.want_keepalive);
}

/* What fits is kept octet by octet; what does not is written anew, with each option that
 * shapes a reply. */
Test(query, compact_at_its_border_and_with_all_options)
{
	uint8_t buf[2048], small[QUERY_COMPACT_MAX];
	size_t len = build_options(buf, sizeof(buf), 24, 0, 1), n;
	struct query q, r;

	len = build_options(buf, sizeof(buf), 24, 0, (uint16_t)(QUERY_COMPACT_MAX - len + 1));
	cr_assert_eq(len, (size_t)QUERY_COMPACT_MAX);
	cr_assert_eq(query_parse(&q, buf, len), QUERY_OK);
	cr_assert_eq(query_compact(&q, small), len);
	cr_assert_eq(memcmp(small, buf, len), 0);

	for (int with = 0; with < 2; with++) {
		len = build_options(buf, sizeof(buf), with ? 24 : 0, with ? 0 : -1, 500);
		buf[11] = 1;
		cr_assert_eq(query_parse(&q, buf, len), QUERY_OK);
		n = query_compact(&q, small);
		cr_assert_lt(n, 100u);
		cr_assert_eq(query_parse(&r, small, n), QUERY_OK);
		cr_assert(r.id == q.id && r.flags == q.flags && r.qtype == q.qtype && r.qclass == q.qclass);
		cr_assert(r.edns.present && r.edns.do_bit && r.edns.udp_size == 1400 && r.edns.version == 0);
		cr_assert(r.want_nsid);
		cr_assert_eq(r.want_keepalive, with == 1);
		cr_assert_eq(r.cookie != NULL, with == 1);
		if (with)
			cr_assert(r.cookie_len == 24 && memcmp(r.cookie, q.cookie, 24) == 0);
		cr_assert_eq(get_be16(small + 10), 1);
		cr_assert_eq(get_be16(small + 6) | get_be16(small + 8), 0);
	}
}

Test(query, a_long_query_without_edns_is_its_question)
{
	uint8_t buf[DNS_HEADER_LEN + 255 + 4 + 2 * 270] = {0, 7, 1, 0, 0, 1}, small[QUERY_COMPACT_MAX];
	struct wire_out o = {.base = buf, .cap = sizeof(buf), .len = DNS_HEADER_LEN};
	struct query q;
	struct name n;

	cr_assert_eq(name_from_text(&n, "a.example"), 0);
	wire_put_question(&o, n.b, DNS_A, DNS_IN);
	wire_put_name_plain(&o, n.b); /* a record in the answer section, of no use */
	wire_put_u16(&o, DNS_TXT);
	wire_put_u16(&o, DNS_IN);
	wire_put_u32(&o, 0);
	wire_put_u16(&o, 510);
	for (unsigned i = 0; i < 510; i++)
		wire_put_u8(&o, i % 255 ? 'x' : 254);
	cr_assert_eq(o.err, 0);
	buf[7] = 1;
	cr_assert_eq(query_parse(&q, buf, o.len), QUERY_OK);
	cr_assert_eq(query_compact(&q, small), (size_t)q.question_end);
	cr_assert_eq(get_be16(small + 4), 1);
	cr_assert_eq(get_be16(small + 6) | get_be16(small + 8) | get_be16(small + 10), 0);
}

Test(query, types_that_are_no_question)
{
	uint8_t buf[512];
	struct query q;
	struct name n;
	size_t len;

	cr_assert_eq(name_from_text(&n, "a.example"), 0);
	len = dns_query_build(buf, sizeof(buf), 7, n.b, DNS_OPT, DNS_RD, 0, false, false);
	cr_assert_eq(query_parse(&q, buf, len), QUERY_FORMERR);
	len = dns_query_build(buf, sizeof(buf), 7, n.b, DNS_AXFR, DNS_RD, 0, false, false);
	cr_assert_eq(query_parse(&q, buf, len), QUERY_REFUSED);
	len = dns_query_build(buf, sizeof(buf), 7, n.b, DNS_IXFR, DNS_RD, 0, false, false);
	cr_assert_eq(query_parse(&q, buf, len), QUERY_REFUSED);
	len = dns_query_build(buf, sizeof(buf), 7, n.b, DNS_ANY, DNS_RD, 0, false, false);
	cr_assert_eq(query_parse(&q, buf, len), QUERY_OK);
}
