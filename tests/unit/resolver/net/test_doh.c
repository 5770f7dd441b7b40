/* SPDX-License-Identifier: Apache-2.0 */
/* The texts and messages of DNS over HTTPS; conversations are in fuzz_doh and live-doh. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/dns/wire.h"
#include "resolver/net/doh_msg.h"

#define TEXT(s) (const uint8_t *)(s), strlen(s)

Test(doh, base64url_has_no_padding)
{
	static const uint8_t any[] = {0xfb, 0xff, 0xfe};
	static const char *const want[][2] = {
		{"", ""},	    {"f", "Zg"},	  {"fo", "Zm8"},	 {"foo", "Zm9v"},
		{"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
	char out[32];

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		doh_base64url(out, TEXT(want[i][0]));
		cr_assert_str_eq(out, want[i][1]);
		cr_assert(strlen(out) < DOH_BASE64_MAX(strlen(want[i][0])));
	}
	doh_base64url(out, any, sizeof(any));
	cr_assert_str_eq(out, "-__-");
	doh_base64url(out, any, 2);
	cr_assert_str_eq(out, "-_8", "nothing of what stands behind");
	doh_base64url(out, any, 1);
	cr_assert_str_eq(out, "-w");
}

Test(doh, content_types)
{
	cr_assert(doh_is_dns_type(TEXT("application/dns-message")));
	cr_assert(doh_is_dns_type(TEXT("Application/DNS-Message; charset=x")));
	cr_assert(doh_is_dns_type(TEXT("application/dns-message ;charset=x")));
	cr_assert(doh_is_dns_type(TEXT("application/dns-message\t")));
	cr_assert_not(doh_is_dns_type(TEXT("application/dns-messages")));
	cr_assert_not(doh_is_dns_type(TEXT("application/dns-json")));
	cr_assert_not(doh_is_dns_type(TEXT("")));
}

Test(doh, numbers_are_bounded)
{
	cr_assert_eq(doh_number(TEXT("0")), 0);
	cr_assert_eq(doh_number(TEXT("300")), 300);
	cr_assert_eq(doh_number(TEXT("99999999999999999999999999")), INT32_MAX);
	cr_assert_eq(doh_number(TEXT("-1")), 0);
	cr_assert_eq(doh_number(TEXT("12 s")), 0);
}

/* In whichever section a record stands. */
Test(doh, age_lowers_the_ttls_of_each_section)
{
	static const uint16_t n[][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 2, 3}, {0, 3, 1}};
	uint8_t name[] = {1, 'a', 0};

	for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
		unsigned n_all = n[i][0] + n[i][1] + n[i][2];
		uint8_t b[256];
		struct wire_out o;

		wire_out_init(&o, b, sizeof(b));
		wire_put_header(&o, &(struct dns_header){.flags = 0x8180, .n_qd = 1, .n_an = n[i][0], .n_ns = n[i][1], .n_ar = n[i][2]});
		wire_put_question(&o, name, DNS_A, 1);
		for (unsigned k = 0; k < n_all; k++) {
			size_t mark = wire_rr_begin(&o, name, DNS_A, 1, 300);

			wire_put_u32(&o, 0xc0000201);
			wire_rr_end(&o, mark);
		}
		doh_ttls_lower(b, o.len, 50);
		for (unsigned k = 0; k < n_all; k++)
			cr_assert_eq(get_be32(b + o.len - 16 * (k + 1) + 6), 250, "case %zu, record %u from behind", i, k);
	}
}

Test(doh, age_lowers_all_ttls_but_not_edns)
{
	uint8_t b[128], name[] = {1, 'a', 0};
	struct wire_out o;
	struct dns_msg m;

	wire_out_init(&o, b, sizeof(b));
	wire_put_header(&o, &(struct dns_header){.flags = 0x8180, .n_qd = 1, .n_an = 2, .n_ar = 1});
	wire_put_question(&o, name, DNS_A, 1);
	for (uint32_t ttl = 50; ttl <= 300; ttl += 250) {
		size_t mark = wire_rr_begin(&o, name, DNS_A, 1, ttl);

		wire_put_u32(&o, 0xc0000201);
		wire_rr_end(&o, mark);
	}
	wire_opt_end(&o, wire_opt_begin(&o, 1232, 0, 0, true));
	doh_ttls_lower(b, o.len, 0);
	doh_ttls_lower(b, o.len, 1);
	cr_assert_eq(dns_msg_parse(&m, b, o.len), 0);
	cr_assert_eq(m.min_ttl_s, 49);
	doh_ttls_lower(b, o.len, 39);
	cr_assert_eq(dns_msg_parse(&m, b, o.len), 0);
	cr_assert_eq(m.min_ttl_s, 10);
	cr_assert(m.edns.do_bit);
	doh_ttls_lower(b, o.len, 100);
	cr_assert_eq(dns_msg_parse(&m, b, o.len), 0);
	cr_assert_eq(m.min_ttl_s, 0);
	cr_assert_eq(get_be32(b + o.len - 11 - 16 + 6), 160);
	cr_assert(m.edns.do_bit);
}
