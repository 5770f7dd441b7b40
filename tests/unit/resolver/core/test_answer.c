/* SPDX-License-Identifier: Apache-2.0 */
/* Messages into stored answers and replies, at the edges of what a message can hold. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "resolver/core/answer.h"
#include "resolver/core/reply.h"

enum { RDATA = 4, GUARD = 64 };

/* The longest name there is, the i-th of its kind: no two share a label. */
static void longest_name(struct name *n, unsigned i)
{
	uint8_t *p = n->b;

	for (unsigned k = 0; k < 4; k++) {
		unsigned len = k < 3 ? 63 : 61;

		*p++ = (uint8_t)len;
		for (unsigned j = 0; j < len; j++)
			*p++ = (uint8_t)('a' + (i >> (4 * (j % 4)) & 15));
		p[-1] = (uint8_t)('a' + k);
	}
	*p = 0;
	n->len = 255;
}

/* An answer of `n` records with owners of 255 octets, none compressed, the first
 * the question's; then filled up with a TXT to `len` octets, if there is room. */
static size_t message_make(uint8_t *msg, unsigned n, size_t len)
{
	struct dns_header h = {.id = 1, .flags = DNS_QR, .n_qd = 1, .n_an = (uint16_t)n};
	struct wire_out o;
	struct name name;

	wire_out_init(&o, msg, DNS_MSG_MAX);
	longest_name(&name, 0);
	wire_put_header(&o, &h);
	wire_put_question(&o, name.b, DNS_A, DNS_IN);
	for (unsigned i = 0; i < n; i++) {
		longest_name(&name, i);
		wire_put_name_plain(&o, name.b);
		wire_put_u16(&o, DNS_A);
		wire_put_u16(&o, DNS_IN);
		wire_put_u32(&o, 60);
		wire_put_u16(&o, RDATA);
		wire_put_u32(&o, i);
	}
	cr_assert_eq(o.err, 0);
	if (len >= o.len + 11 + 255) {
		size_t rest = len - o.len - 265;

		wire_put_name_plain(&o, name.b);
		wire_put_u16(&o, DNS_TXT);
		wire_put_u16(&o, DNS_IN);
		wire_put_u32(&o, 60);
		wire_put_u16(&o, (uint16_t)rest);
		while (rest--)
			wire_put_u8(&o, 0);
		set_be16(msg + 6, (uint16_t)(n + 1));
	}
	cr_assert_eq(o.err, 0);
	return o.len;
}

static size_t query_make(uint8_t *buf, bool edns, struct query *q)
{
	struct dns_header h = {.id = 7, .flags = DNS_RD, .n_qd = 1, .n_ar = edns};
	struct wire_out o;
	struct name name;

	longest_name(&name, 0);
	wire_out_init(&o, buf, 600);
	wire_put_header(&o, &h);
	wire_put_question(&o, name.b, DNS_A, DNS_IN);
	if (edns)
		wire_opt_end(&o, wire_opt_begin(&o, 4096, 0, 0, false));
	cr_assert_eq(query_parse(q, buf, o.len), QUERY_OK);
	return o.len;
}

/* Each limit a reply may have, octet by octet where it matters: never longer, and whole. */
static void reply_check(const struct answer *a, bool edns, size_t limit)
{
	uint8_t *out = malloc(limit + GUARD), query[600];
	struct reply_opts o = {.limit = limit, .bufsize = 1232, .nsid = "n", .nsid_len = 1};
	struct reply_age age = {1, REPLY_KEEP_TTL};
	struct dns_msg m;
	struct query q;

	query_make(query, edns, &q);
	memset(out, 0xa5, limit + GUARD);
	size_t len = reply_answer(&q, a, age, &o, out);

	cr_assert_leq(len, limit, "limit %zu: %zu octets", limit, len);
	for (size_t i = limit; i < limit + GUARD; i++)
		cr_assert_eq(out[i], 0xa5, "limit %zu: written behind it", limit);
	cr_assert_eq(dns_msg_parse(&m, out, len), 0, "limit %zu", limit);
	cr_assert_eq(m.end, len);
	cr_assert_eq(m.edns.present, edns);
	cr_assert_eq((m.h.flags & DNS_TC) != 0, m.h.n_an < get_be16(a->msg + 6));
	free(out);
}

Test(answer, bound_05_owners_of_255_octets_are_counted)
{
	static uint8_t msg[DNS_MSG_MAX];
	struct core_cache_conf cc;
	struct answer_buf *buf = malloc(sizeof(*buf));
	struct name name;
	struct answer a;

	answer_no_limits(&cc);
	longest_name(&name, 0);
	for (size_t len = DNS_MSG_MAX - 2; len <= DNS_MSG_MAX; len++) {
		size_t n = message_make(msg, 240, len);
		struct answer_question q = {name.b, DNS_A, DNS_IN};

		cr_assert_eq(n, len);
		int packed = answer_pack(buf, msg, n, &q, NULL, false);

		cr_assert_gt(packed, 0);
		cr_assert_eq(answer_scan(&a, buf, (size_t)packed, &cc), 0);
		for (unsigned edns = 0; edns < 2; edns++) {
			for (size_t limit = 512; limit < 1400; limit++)
				reply_check(&a, edns, limit);
			for (size_t limit = a.len - 300; limit < a.len + 40 && limit <= DNS_MSG_MAX; limit++)
				reply_check(&a, edns, limit);
			reply_check(&a, edns, DNS_MSG_MAX);
		}
	}
	free(buf);
}

/* Compressed on the way in, the same records may not fit when written out: then
 * there is no answer, not half of one, and nothing is written behind the buffer. */
Test(answer, bound_05_what_grows_beyond_a_message_is_no_answer)
{
	static uint8_t msg[DNS_MSG_MAX];
	struct answer_buf *buf = malloc(sizeof(*buf));
	struct dns_header h = {.id = 1, .flags = DNS_QR, .n_qd = 1};
	struct wire_out o;
	struct name name, far;
	unsigned n = 0;

	longest_name(&name, 0);
	wire_out_init(&o, msg, sizeof(msg));
	wire_put_header(&o, &h);
	wire_put_question(&o, name.b, DNS_SRV, DNS_IN);
	/* Targets of SRV go out uncompressed (RFC 2782), but may come in compressed. */
	longest_name(&far, 1);
	size_t far_at = o.len + 12 + 6;

	for (; o.len + 20 < 8000; n++) {
		wire_put_u16(&o, 0xc000 | DNS_HEADER_LEN);
		wire_put_u16(&o, DNS_SRV);
		wire_put_u16(&o, DNS_IN);
		wire_put_u32(&o, 60);
		wire_put_u16(&o, (uint16_t)(6 + (n ? 2 : far.len)));
		wire_put_bytes(&o, "\0\1\0\1\0\65", 6);
		if (n)
			wire_put_u16(&o, (uint16_t)(0xc000 | far_at));
		else
			wire_put_bytes(&o, far.b, far.len);
	}
	set_be16(msg + 6, (uint16_t)n);
	cr_assert_gt(n * 275, DNS_MSG_MAX);
	memset(buf, 0xa5, sizeof(*buf));
	cr_assert_lt(answer_pack(buf, msg, o.len, &(struct answer_question){name.b, DNS_SRV, DNS_IN},
				 NULL, false), 0);
	cr_assert_eq(buf->msg[DNS_MSG_MAX], 0xa5);
	free(buf);
}

/* A message of one record that holds so many octets; what answer_take makes of it. */
static int taken(uint16_t type, uint16_t rclass, unsigned rdlen)
{
	static struct answer_buf buf;
	struct dns_header h = {.id = 1, .flags = DNS_QR, .n_qd = 1, .n_an = 1};
	uint8_t msg[512];
	struct wire_out o;
	struct name name;

	cr_assert_eq(name_from_text(&name, "a.example"), 0);
	wire_out_init(&o, msg, sizeof(msg));
	wire_put_header(&o, &h);
	wire_put_question(&o, name.b, type, rclass);
	size_t mark = wire_rr_begin(&o, name.b, type, rclass, 60);

	while (rdlen--)
		wire_put_u8(&o, 0);
	wire_rr_end(&o, mark);
	cr_assert_eq(o.err, 0);
	return answer_pack(&buf, msg, o.len, &(struct answer_question){name.b, type, rclass}, name.b, false);
}

/* An address that is too short, too long or not there is none: the message is damaged, as with a name that
 * runs over its record's end. What another class calls A is that class's business. */
Test(answer, addresses_have_their_length)
{
	for (unsigned n = 0; n <= 20; n++) {
		cr_expect_eq(taken(DNS_A, DNS_IN, n) > 0, n == 4, "A of %u", n);
		cr_expect_eq(taken(DNS_AAAA, DNS_IN, n) > 0, n == 16, "AAAA of %u", n);
		cr_expect_gt(taken(DNS_A, DNS_CH, n), 0, "CH A of %u", n);
		cr_expect_gt(taken(65280, DNS_IN, n), 0, "of a type that nobody knows");
	}
}
