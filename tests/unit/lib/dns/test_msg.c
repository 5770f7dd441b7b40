/* SPDX-License-Identifier: Apache-2.0 */
/* ldns behind its door, and ldns as the oracle for what lib/dns/wire writes. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/msg.h"
#include "lib/dns/wire.h"

struct record {
	struct name owner;
	uint16_t type;
	uint32_t ttl_s;
	uint8_t rdata[512];
	size_t len;
};

static int record_read(struct record *r, const char *text, struct diag *d)
{
	return msg_rr_from_text(text, 77, &r->owner, &r->type, &r->ttl_s, r->rdata,
				sizeof(r->rdata), &r->len, d);
}

Test(msg, records_from_text)
{
	static const struct {
		const char *text;
		uint16_t type;
		uint32_t ttl_s;
		const char *rdata;
		size_t len;
	} row[] = {
		{"www.example.com. 30 IN A 192.0.2.1", DNS_A, 30, "\300\0\2\1", 4},
		{"www.example.com. A 192.0.2.1", DNS_A, 77, "\300\0\2\1", 4},
		{"www.example.com 30 CNAME b.C.", DNS_CNAME, 30, "\1b\1C", 5},
		{"a. 1 SRV 1 2 53 x.", DNS_SRV, 1, "\0\1\0\2\0\65\1x", 9},
		{"a. 1 TXT \"two words\" x", DNS_TXT, 1, "\11two words\1x", 12},
		{"a. 1 TYPE731 \\# 2 abcd", 731, 1, "\xab\xcd", 2},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct diag d = {""};
		struct record r;

		cr_assert_eq(record_read(&r, row[i].text, &d), 0, "%s", d.text);
		cr_expect_eq(r.type, row[i].type, "%s", row[i].text);
		cr_expect_eq(r.ttl_s, row[i].ttl_s, "%s", row[i].text);
		cr_assert_eq(r.len, row[i].len, "%s: %zu", row[i].text, r.len);
		cr_expect_eq(memcmp(r.rdata, row[i].rdata, r.len), 0, "%s", row[i].text);
	}
}

Test(msg, bad_records_name_themselves)
{
	struct diag d = {""};
	struct record r = {.type = 9};
	uint8_t small[3];
	size_t len = 5;

	cr_assert_eq(record_read(&r, "www.example.com. 30 A 192.0.2", &d), ERR_SYNTAX);
	cr_assert_not_null(strstr(d.text, "192.0.2"));
	cr_assert_eq(record_read(&r, "", &d), ERR_SYNTAX);
	/* ldns writes line ends beyond the end of what it keeps a TTL in */
	cr_assert_eq(record_read(&r, "a. (\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n) A 192.0.2.1", &d), ERR_SYNTAX);
	cr_assert_not_null(strstr(d.text, "a record is one line"), "%s", d.text);
	cr_assert_eq(record_read(&r, "a. 1 TXT a\rb", &d), ERR_SYNTAX);
	cr_assert_eq(r.type, 9);
	cr_assert_eq(msg_rr_from_text("a. A 192.0.2.1", 1, &r.owner, &r.type, &r.ttl_s, small,
				      sizeof(small), &len, &d),
		     ERR_SHORT);
	cr_assert_eq(len, 5);
}

static size_t reply_build(uint8_t *buf, size_t cap, bool swap)
{
	struct dns_header h = {.id = 5, .flags = DNS_QR, .n_qd = 1, .n_an = 2, .n_ar = 1};
	struct wire_out o;
	struct name q;

	name_from_text(&q, swap ? "WWW.example.com" : "www.example.com");
	wire_out_init(&o, buf, cap);
	wire_put_header(&o, &h);
	wire_put_question(&o, q.b, DNS_A, DNS_IN);
	for (int i = 0; i < 2; i++) {
		size_t m = wire_rr_begin(&o, q.b, DNS_A, DNS_IN, 30 + (uint32_t)swap);

		wire_put_u32(&o, 0xc0000201 + (uint32_t)(swap ? 1 - i : i));
		wire_rr_end(&o, m);
	}
	wire_opt_end(&o, wire_opt_begin(&o, 1232, 0, 0, true));
	cr_assert_eq(o.err, 0);
	return o.len;
}

Test(msg, what_we_write_ldns_reads)
{
	uint8_t buf[512];
	size_t len = reply_build(buf, sizeof(buf), false);
	char *text = msg_section_text(buf, len, DNS_SEC_ANSWER, 1);

	cr_assert_eq(msg_check(buf, len), 0);
	cr_assert_not_null(strstr(text, "192.0.2.2"));
	free(text);
	cr_assert_neq(msg_check(buf, len - 1), 0);
	cr_assert_neq(msg_check(buf, 11), 0);
	cr_assert_null(msg_section_text(buf, 11, DNS_SEC_ANSWER, 1));
}

Test(msg, section_text_is_canonical)
{
	uint8_t a[512], b[512];
	size_t la = reply_build(a, sizeof(a), false), lb = reply_build(b, sizeof(b), true);
	char *ta = msg_section_text(a, la, 0, 1), *tb = msg_section_text(b, lb, 0, 1);
	char *with_ttl = msg_section_text(a, la, 0, 0), *none = msg_section_text(a, la, 2, 0);

	cr_assert_str_eq(ta, tb);
	cr_assert_str_eq(
		ta, "www.example.com.\tIN\tA\t192.0.2.1\nwww.example.com.\tIN\tA\t192.0.2.2\n");
	cr_assert_not_null(strstr(with_ttl, "\t30\tIN"));
	cr_assert_str_eq(none, "", "the OPT is no record");
	free(ta);
	free(tb);
	free(with_ttl);
	free(none);
	cr_assert_null(msg_section_text(a, 5, 0, 0));
}
