/* SPDX-License-Identifier: Apache-2.0 */
/* Clients' queries: the short way and the general one see the same. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

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
