/* SPDX-License-Identifier: Apache-2.0 */
/* Answers in stored form: names in RDATA, TTLs, and copies that stand alone. */
#include <criterion/criterion.h>
#include <string.h>

#include "resolver/core/answer.h"
#include "lib/dns/wire.h"

static const uint8_t a_name[] = {1, 'a', 0};

/* A reply to "a. IN <qtype>" with one record "a. <type> <ttl>" in the given section. */
static size_t reply_make(uint8_t *msg, uint16_t qtype, unsigned rcode, unsigned section, uint16_t type,
			 uint32_t ttl_s, const uint8_t *rdata, size_t len)
{
	memset(msg, 0, DNS_HEADER_LEN);
	set_be16(msg + 2, (uint16_t)(0x8180 | rcode));
	set_be16(msg + 4, 1);
	set_be16(msg + 6 + 2 * section, 1);
	memcpy(msg + 12, a_name, 3);
	set_be16(msg + 15, qtype);
	set_be16(msg + 17, DNS_IN);
	set_be16(msg + 19, 0xc00c);
	set_be16(msg + 21, type);
	set_be16(msg + 23, DNS_IN);
	set_be32(msg + 25, ttl_s);
	set_be16(msg + 29, (uint16_t)len);
	memcpy(msg + 31, rdata, len);
	return 31 + len;
}

static struct answer_buf buf, other;

static int packed(uint16_t qtype, unsigned rcode, unsigned section, uint16_t type, uint32_t ttl_s,
		  const uint8_t *rdata, size_t len)
{
	uint8_t msg[256];
	struct answer_question q = {a_name, qtype, DNS_IN};
	size_t n = reply_make(msg, qtype, rcode, section, type, ttl_s, rdata, len);

	return answer_pack(&buf, msg, n, &q, NULL, false);
}

/* What may be compressed on the way in is understood; on the way out only the types of
 * RFC 1035 are (RFC 3597 section 4). "x.a." is 4 octets compressed and 5 otherwise. */
Test(answer, names_in_rdata)
{
	static const struct {
		uint16_t type;
		uint8_t before, names, behind; /* octets, names, octets */
		uint16_t out;
	} rows[] = {
		{DNS_NS, 0, 1, 0, 4},	{DNS_CNAME, 0, 1, 0, 4}, {DNS_PTR, 0, 1, 0, 4}, {3, 0, 1, 0, 4},
		{4, 0, 1, 0, 4},	{7, 0, 1, 0, 4},	 {8, 0, 1, 0, 4},	{9, 0, 1, 0, 4},
		{DNS_SOA, 0, 2, 20, 26}, {14, 0, 2, 0, 6},	 {DNS_MX, 2, 1, 0, 6},	{18, 2, 1, 0, 7},
		{21, 2, 1, 0, 7},	{36, 2, 1, 0, 7},	 {26, 2, 2, 0, 12},	{17, 0, 2, 0, 10},
		{DNS_SRV, 6, 1, 0, 11}, {DNS_DNAME, 0, 1, 0, 5}, {99, 0, 1, 0, 4},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t rdata[64] = {0}, *p = rdata + rows[i].before;

		for (unsigned k = 0; k < rows[i].names; k++, p += 4)
			memcpy(p, "\1x\xc0\x0c", 4);
		p += rows[i].behind;
		cr_assert_gt(packed(rows[i].type, 0, 0, rows[i].type, 60, rdata, (size_t)(p - rdata)), 0,
			     "type %u", rows[i].type);
		cr_assert_eq(get_be16(buf.msg + 29), rows[i].out, "type %u: %u octets", rows[i].type,
			     get_be16(buf.msg + 29));
		/* a name that is cut off by the RDATA's end */
		cr_assert(packed(rows[i].type, 0, 0, rows[i].type, 60, rdata,
				 (size_t)(p - rdata) - rows[i].behind - 1) < 0 || rows[i].type == 99,
			  "type %u", rows[i].type);
	}
}

static uint32_t ttl_of(uint32_t ttl_s, const struct core_cache_conf *conf)
{
	static const uint8_t addr[4] = {192, 0, 2, 1};
	struct answer a;
	int n = packed(DNS_A, 0, 0, DNS_A, ttl_s, addr, 4);

	cr_assert_gt(n, 0);
	cr_assert_eq(answer_scan(&a, &buf, (size_t)n, conf), 0);
	cr_assert_eq(a.kind, ANSWER_POSITIVE);
	cr_assert_eq(a.n_ttl, 1);
	cr_assert_eq(get_be32(buf.msg + a.ttl_at[0]), a.ttl_s);
	return a.ttl_s;
}

Test(answer, ttls_have_limits)
{
	struct core_cache_conf conf;

	answer_no_limits(&conf);
	conf.pos_min_s = 5;
	conf.pos_max_s = 3600;
	cr_assert_eq(ttl_of(4, &conf), 5);
	cr_assert_eq(ttl_of(6, &conf), 6);
	cr_assert_eq(ttl_of(3601, &conf), 3600);
	cr_assert_eq(ttl_of(0, &conf), 0);
	cr_assert_eq(ttl_of(0x80000000, &conf), 0);
	cr_assert_eq(ttl_of(0x7fffffff, &conf), 3600);
	conf.pos_min_set = true;
	cr_assert_eq(ttl_of(0, &conf), 5);
}

/* A denial's: the smaller of the SOA's and its MINIMUM, within the limits of denials. */
Test(answer, denials_have_the_soa_s)
{
	uint8_t soa[22] = {0, 0}; /* root names, serial, ..., MINIMUM */
	struct core_cache_conf conf;
	struct answer a;
	int n;

	answer_no_limits(&conf);
	conf.neg_max_s = 900;
	set_be32(soa + 18, 300);
	n = packed(DNS_A, DNS_NXDOMAIN, 1, DNS_SOA, 600, soa, sizeof(soa));
	cr_assert_eq(answer_scan(&a, &buf, (size_t)n, &conf), 0);
	cr_assert_eq(a.kind, ANSWER_NXDOMAIN);
	cr_assert_eq(a.ttl_s, 300);
	cr_assert_eq(a.own_s, 300);
	set_be32(soa + 18, 1000);
	n = packed(DNS_A, DNS_NXDOMAIN, 1, DNS_SOA, 2000, soa, sizeof(soa));
	cr_assert_eq(answer_scan(&a, &buf, (size_t)n, &conf), 0);
	cr_assert_eq(a.ttl_s, 900);
	cr_assert_eq(a.own_s, 1000 < ANSWER_OWN_MAX ? 1000 : ANSWER_OWN_MAX);
	n = packed(DNS_A, DNS_NOERROR, 1, DNS_SOA, 200, soa, sizeof(soa));
	cr_assert_eq(answer_scan(&a, &buf, (size_t)n, &conf), 0);
	cr_assert_eq(a.kind, ANSWER_DENIAL);
	cr_assert_eq(a.ttl_s, 200);
	cr_assert_eq(a.own_s, 0);
	n = packed(DNS_A, DNS_SERVFAIL, 1, DNS_SOA, 200, soa, sizeof(soa));
	cr_assert_eq(answer_scan(&a, &buf, (size_t)n, &conf), 0);
	cr_assert_eq(a.kind, ANSWER_FAILURE);
	cr_assert_eq(a.ttl_s, 0);
}

Test(answer, a_copy_stands_alone)
{
	static const uint8_t addr[4] = {192, 0, 2, 1}, ede[] = {0, 3, 'o', 'l', 'd'};
	struct core_cache_conf conf;
	struct answer a, copy, again;
	int n = packed(DNS_A, 0, 0, DNS_A, 60, addr, 4);

	answer_no_limits(&conf);
	cr_assert_eq(answer_scan(&a, &buf, (size_t)n, &conf), 0);
	memcpy(buf.ede, ede, sizeof(ede));
	a.ede = buf.ede;
	a.ede_len = sizeof(ede);
	answer_copy(&copy, &other, &a);
	memset(&buf, 0xee, sizeof(buf));
	cr_assert_eq(copy.len, (size_t)n);
	cr_assert_eq(copy.n_ttl, 1);
	cr_assert_eq(copy.ttl_at[0], 25);
	cr_assert_eq(get_be32(copy.msg + copy.ttl_at[0]), 60);
	cr_assert_arr_eq(copy.ede, ede, sizeof(ede));
	answer_copy(&again, &other, &copy); /* it is there already */
	cr_assert_eq(again.msg, copy.msg);
	cr_assert_eq(get_be32(again.msg + again.ttl_at[0]), 60);
}
