/* SPDX-License-Identifier: Apache-2.0 */
/* What two answers differ by, criterion by criterion. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/dns/wire.h"
#include "pcap-replay/judge/compare.h"

struct made {
	uint8_t b[512];
	size_t n;
};
enum { PLAIN, TURNED, UPPER };

/* Two A records 10.0.0.1 and 10.0.0.`last`, perhaps in the other order or spelt in capitals. */
static struct made reply(uint16_t flags, uint32_t ttl_s, uint8_t last, int n_records, int how)
{
	struct made m;
	struct wire_out o;
	struct name name;
	cr_assert_eq(name_from_text(&name, how == UPPER ? "WEB.example" : "web.example"), 0);
	wire_out_init(&o, m.b, sizeof(m.b));
	wire_put_header(&o, &(struct dns_header){7, (uint16_t)(DNS_QR | flags), 1, (uint16_t)n_records, 0, 0});
	wire_put_question(&o, name.b, DNS_A, DNS_IN);
	for (int i = 0; i < n_records; i++) {
		size_t mark = wire_rr_begin(&o, name.b, DNS_A, DNS_IN, ttl_s);
		wire_put_u32(&o, 0x0a000000u | ((i == 0) == (how != TURNED) ? 1 : last));
		wire_rr_end(&o, mark);
	}
	m.n = o.len;
	return m;
}

static enum criterion differ(const struct made *a, const struct made *b)
{
	uint8_t asked[64];
	struct name name;
	cr_assert_eq(name_from_text(&name, "web.example"), 0);
	size_t n = dns_query_build(asked, sizeof(asked), 7, name.b, DNS_A, DNS_RD, 0, false, false);
	return compare_answers((struct octets){asked, n}, (struct octets){a ? a->b : NULL, a ? a->n : 0},
			       (struct octets){b ? b->b : NULL, b ? b->n : 0});
}

Test(compare, rotation_is_no_difference)
{
	struct made a = reply(DNS_RA, 30, 2, 2, PLAIN), b = reply(DNS_RA, 30, 2, 2, TURNED);
	cr_expect_eq(differ(&a, &b), CMP_SAME);
}

Test(compare, spelling_is_expected)
{
	struct made a = reply(DNS_RA, 30, 2, 2, PLAIN), b = reply(DNS_RA, 30, 2, 2, UPPER);
	cr_expect_eq(differ(&a, &b), CMP_SPELLING);
	cr_expect_eq(criteria[CMP_SPELLING].is, CLASS_EXPECTED);
}

Test(compare, ttls_count_down_in_a_cache_and_not_up)
{
	struct made a = reply(DNS_RA, 30, 2, 2, PLAIN), b = reply(DNS_RA, 12, 2, 2, PLAIN);
	cr_expect_eq(differ(&a, &b), CMP_TTL_LESS);
	cr_expect_eq(differ(&b, &a), CMP_TTL_MORE);
	cr_expect_eq(criteria[CMP_TTL_MORE].is, CLASS_BENIGN);
}

Test(compare, defects)
{
	struct made a = reply(DNS_RA, 30, 2, 2, PLAIN), other = reply(DNS_RA, 30, 3, 2, PLAIN), none = reply(DNS_RA, 30, 2, 0, PLAIN),
		    denied = reply(DNS_RA | DNS_NXDOMAIN, 30, 2, 0, PLAIN), cut = reply(DNS_RA | DNS_TC, 30, 2, 0, PLAIN);
	cr_expect_eq(differ(&a, &other), CMP_ANSWER);
	cr_expect_eq(differ(&a, &none), CMP_NODATA);
	cr_expect_eq(differ(&none, &denied), CMP_RCODE);
	cr_expect_eq(differ(&a, &cut), CMP_TC, "what was cut off is not compared");
	cr_expect_eq(differ(&a, NULL), CMP_SILENT_B);
	cr_expect_eq(criteria[CMP_SILENT_B].is, CLASS_DEFECT);
}

Test(compare, who_answers_more_is_no_defect)
{
	struct made a = reply(DNS_RA, 30, 2, 2, PLAIN), aa = reply(DNS_RA | DNS_AA, 30, 2, 2, PLAIN);
	cr_expect_eq(differ(NULL, &a), CMP_SILENT_A);
	cr_expect_eq(criteria[CMP_SILENT_A].is, CLASS_BENIGN);
	cr_expect_eq(differ(&a, &aa), CMP_AA);
	cr_expect_eq(differ(NULL, NULL), CMP_SAME);
}

Test(compare, what_is_copied_from_the_question)
{
	struct made a = reply(DNS_RA | DNS_RD, 30, 2, 2, PLAIN), no_rd = reply(DNS_RA, 30, 2, 2, PLAIN), cd = reply(DNS_RA | DNS_RD | DNS_CD, 30, 2, 2, PLAIN),
		    update = reply(DNS_RA | DNS_RD | 5 << 11, 30, 2, 2, PLAIN), bare = reply(DNS_RA | DNS_RD, 30, 2, 0, PLAIN), empty = bare,
		    formerr = reply(DNS_RA | DNS_RD | DNS_FORMERR, 30, 2, 0, PLAIN), formerr_bare = formerr;
	bare.b[5] = formerr_bare.b[5] = 0;
	bare.n = formerr_bare.n = DNS_HEADER_LEN;
	cr_expect_eq(differ(&a, &no_rd), CMP_COPIED);
	cr_expect_eq(differ(&a, &cd), CMP_COPIED);
	cr_expect_eq(criteria[CMP_COPIED].is, CLASS_BENIGN);
	cr_expect_eq(differ(&a, &update), CMP_QUESTION);
	cr_expect_eq(differ(&empty, &bare), CMP_QUESTION);
	cr_expect_eq(differ(&bare, &empty), CMP_QUESTION);
	cr_expect_eq(criteria[CMP_QUESTION].is, CLASS_DEFECT);
	cr_expect_leq(differ(&formerr, &formerr_bare), CMP_SPELLING, "who could not read it");
}

Test(compare, damage_is_seen_and_survived)
{
	struct made a = reply(DNS_RA, 30, 2, 2, PLAIN), b = a;
	for (b.n = 0; b.n < a.n; b.n++)
		cr_expect_eq(differ(&a, &b), CMP_UNREADABLE, "cut at %zu", b.n);
}

/* So many A records, the last of them 10.9.9.`last`, with the TTLs of the first and the others. */
static size_t long_reply(uint8_t *b, size_t cap, unsigned n, uint8_t last, uint32_t first_ttl_s, uint32_t ttl_s)
{
	struct wire_out o;
	struct name name;
	cr_assert_eq(name_from_text(&name, "web.example"), 0);
	wire_out_init(&o, b, cap);
	wire_put_header(&o, &(struct dns_header){7, DNS_QR, 1, (uint16_t)n, 0, 0});
	wire_put_question(&o, name.b, DNS_A, DNS_IN);
	for (unsigned i = 0; i < n; i++) {
		size_t mark = wire_rr_begin(&o, name.b, DNS_A, DNS_IN, i ? ttl_s : first_ttl_s);
		wire_put_u32(&o, i + 1 < n ? 0x0a000000u + i : 0x0a090900u | last);
		wire_rr_end(&o, mark);
	}
	return o.len;
}

static enum criterion differ_long(unsigned n, uint8_t last, uint32_t first_ttl_s, uint32_t ttl_s)
{
	static uint8_t a[65535], b[65535];
	uint8_t asked[64];
	struct name name;
	cr_assert_eq(name_from_text(&name, "web.example"), 0);
	size_t n_asked = dns_query_build(asked, sizeof(asked), 7, name.b, DNS_A, DNS_RD, 0, false, false);
	size_t n_a = long_reply(a, sizeof(a), n, 1, 30, 300), n_b = long_reply(b, sizeof(b), n, last, first_ttl_s, ttl_s);
	return compare_answers((struct octets){asked, n_asked}, (struct octets){a, n_a}, (struct octets){b, n_b});
}

Test(compare, every_record_counts_however_many_there_are)
{
	cr_expect_eq(differ_long(2000, 1, 30, 300), CMP_SAME);
	for (unsigned n = 250; n < 2000; n += 250) {
		cr_expect_eq(differ_long(n, 1, 30, 300), CMP_SAME);
		cr_expect_eq(differ_long(n, 2, 30, 300), CMP_ANSWER, "the last of %u", n);
	}
}

/* An answer of no records with an OPT record of this size and these flags. */
static struct made reply_edns(uint16_t size, uint16_t flags)
{
	struct made m = reply(DNS_RA, 30, 2, 0, PLAIN);
	const uint8_t opt[] = {0, 0, DNS_OPT, (uint8_t)(size >> 8), (uint8_t)size, 0, 0, (uint8_t)(flags >> 8), (uint8_t)flags, 0, 0};
	memcpy(m.b + m.n, opt, sizeof(opt));
	m.n += sizeof(opt);
	m.b[11] = 1;
	return m;
}

Test(compare, edns_and_its_bit_do)
{
	struct made none = reply(DNS_RA, 30, 2, 0, PLAIN), plain = reply_edns(1232, 0), wide = reply_edns(4096, 0), secure = reply_edns(1232, 0x8000),
		    wide_secure = reply_edns(4096, 0x8000), other = reply_edns(1232, 0x4000);
	cr_expect_eq(differ(&plain, &plain), CMP_SAME);
	cr_expect_eq(differ(&none, &plain), CMP_EDNS);
	cr_expect_eq(differ(&plain, &none), CMP_EDNS);
	cr_expect_eq(differ(&plain, &secure), CMP_EDNS);
	cr_expect_eq(differ(&secure, &plain), CMP_EDNS);
	cr_expect_eq(differ(&secure, &secure), CMP_SAME);
	cr_expect_eq(differ(&plain, &wide), CMP_EDNS_SIZE);
	cr_expect_eq(differ(&plain, &wide_secure), CMP_EDNS, "the worse of two");
	cr_expect_eq(differ(&plain, &other), CMP_SAME, "no bit that means anything");
	cr_expect_eq(criteria[CMP_EDNS].is, CLASS_BENIGN);
}

Test(compare, ttls_are_compared_record_by_record)
{
	cr_expect_eq(differ_long(2, 1, 30, 100), CMP_TTL_LESS, "the longer one, above the shorter");
	cr_expect_eq(differ_long(2, 1, 100, 300), CMP_TTL_MORE, "the shorter one, below the longer");
	cr_expect_eq(differ_long(2, 1, 10, 301), CMP_TTL_MORE, "one less, one more");
}
