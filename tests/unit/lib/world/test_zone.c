/* SPDX-License-Identifier: Apache-2.0 */
/* The zone answers as a backend would, and judges replies: its own pass, each kind of lie fails. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/msg.h"
#include "lib/dns/wire.h"
#include "lib/world/zone.h"

static struct scen_record records[] = {
	{"db.prod.svc.cluster.local. 30 A 10.96.1.1", 1},
	{"db.prod.svc.cluster.local. 30 AAAA fd00::1", 2},
	{"web.prod.svc.cluster.local. A 10.96.1.2", 3},
	{"web.prod.svc.cluster.local. A 10.96.1.3", 4},
	{"_dns._udp.db.prod.svc.cluster.local. 30 SRV 0 100 53 db.prod.svc.cluster.local.", 5},
	{"1.1.96.10.in-addr.arpa. 30 PTR db.prod.svc.cluster.local.", 6},
	{"www.example.com. 60 CNAME Edge.example.net.", 7},
	{"edge.example.net. 20 A 192.0.2.1", 8},
	{"dead.example.com. 60 CNAME nowhere.example.net.", 9},
	{"loop.example.com. 60 CNAME loop.example.com.", 10},
};

static struct zone *zone_make(void)
{
	struct scenario s = {.path = "t.yaml",
			     .domain = "cluster.local",
			     .ttl_s = 30,
			     .negative_ttl_s = 5,
			     .record = records,
			     .n_records = sizeof(records) / sizeof(records[0])};
	struct zone *z = NULL;
	struct diag d = {""};

	cr_assert_eq(zone_new(&z, &s, &d), 0, "%s", d.text);
	return z;
}

static uint8_t query[512], reply[65535];

static size_t ask(const struct zone *z, const char *name, uint16_t type, uint16_t size, bool nsid)
{
	struct name n;
	size_t len;

	cr_assert_eq(name_from_text(&n, name), 0);
	len = dns_query_build(query, sizeof(query), 7, n.b, type, DNS_RD, size, false, nsid);
	return zone_reply(z, "backend-1", query, len, false, reply, sizeof(reply));
}

Test(zone, verdicts)
{
	static const struct {
		const char *name;
		uint16_t type;
		enum zone_verdict want;
	} row[] = {
		{"db.prod.svc.cluster.local", DNS_A, ZONE_ANSWER},
		{"DB.Prod.svc.Cluster.LOCAL", DNS_AAAA, ZONE_ANSWER},
		{"db.prod.svc.cluster.local", DNS_TXT, ZONE_NODATA},
		{"web.prod.svc.cluster.local", DNS_AAAA, ZONE_NODATA},
		{"prod.svc.cluster.local", DNS_A, ZONE_NODATA}, /* exists: there are names below */
		{"cluster.local", DNS_A, ZONE_NODATA},
		{"cluster.local", DNS_SOA, ZONE_ANSWER},
		{"nope.svc.cluster.local", DNS_A, ZONE_NXDOMAIN},
		{"www.example.com.svc.cluster.local", DNS_A, ZONE_NXDOMAIN},
		{"example.com", DNS_A, ZONE_NODATA},
		{"www.example.com", DNS_A, ZONE_ANSWER},
		{"www.example.com", DNS_AAAA, ZONE_NODATA},
		{"www.example.com", DNS_CNAME, ZONE_ANSWER},
		{"dead.example.com", DNS_A, ZONE_NXDOMAIN},
		{"other.example.org", DNS_A, ZONE_NXDOMAIN},
		{".", DNS_A, ZONE_NODATA},
		{"1.1.96.10.in-addr.arpa", DNS_PTR, ZONE_ANSWER},
		{"9.9.9.9.in-addr.arpa", DNS_PTR, ZONE_NXDOMAIN},
		{"db.prod.svc.cluster.local", DNS_ANY, ZONE_ANSWER},
	};
	struct zone *z = zone_make();

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct name n;

		name_from_text(&n, row[i].name);
		cr_expect_eq(zone_lookup(z, n.b, row[i].type), row[i].want, "%s %u", row[i].name,
			     row[i].type);
	}
	zone_free(z);
	zone_free(NULL);
}

/* Answer and authority sections as ldns reads them. */
Test(zone, replies)
{
	static const struct {
		const char *name;
		uint16_t type, rcode;
		const char *answer, *authority;
		bool aa;
	} row[] = {
		{"web.prod.svc.cluster.local", DNS_A, 0,
		 "web.prod.svc.cluster.local.\t30\tIN\tA\t10.96.1.2\n"
		 "web.prod.svc.cluster.local.\t30\tIN\tA\t10.96.1.3\n",
		 "", true},
		{"www.example.com", DNS_A, 0,
		 "edge.example.net.\t20\tIN\tA\t192.0.2.1\n"
		 "www.example.com.\t60\tIN\tCNAME\tedge.example.net.\n",
		 "", false},
		{"nope.cluster.local", DNS_A, DNS_NXDOMAIN, "",
		 "cluster.local.\t5\tIN\tSOA\tns.dns. hostmaster.dns. 1 7200 1800 86400 5\n", true},
		{"db.prod.svc.cluster.local", DNS_TXT, 0, "",
		 "cluster.local.\t5\tIN\tSOA\tns.dns. hostmaster.dns. 1 7200 1800 86400 5\n", true},
		{"dead.example.com", DNS_A, DNS_NXDOMAIN,
		 "dead.example.com.\t60\tIN\tCNAME\tnowhere.example.net.\n",
		 ".\t5\tIN\tSOA\tns.dns. hostmaster.dns. 1 7200 1800 86400 5\n", false},
		{"_dns._udp.db.prod.svc.cluster.local", DNS_SRV, 0,
		 "_dns._udp.db.prod.svc.cluster.local.\t30\tIN\tSRV\t0 100 53 "
		 "db.prod.svc.cluster.local.\n",
		 "", true},
	};
	struct zone *z = zone_make();

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t len = ask(z, row[i].name, row[i].type, 1232, false);
		char *an = msg_section_text(reply, len, 0, 0),
		     *ns = msg_section_text(reply, len, 1, 0);
		struct dns_msg m;

		cr_assert_eq(dns_msg_parse(&m, reply, len), 0);
		cr_expect_eq(m.rcode, row[i].rcode, "%s", row[i].name);
		cr_expect_eq(!!(m.h.flags & DNS_AA), row[i].aa, "%s", row[i].name);
		cr_expect_eq(m.h.flags & (DNS_QR | DNS_RD | DNS_RA | DNS_TC),
			     DNS_QR | DNS_RD | DNS_RA);
		cr_expect_str_eq(an, row[i].answer);
		cr_expect_str_eq(ns, row[i].authority);
		cr_expect_null(zone_check(z, reply, len), "%s: %s", row[i].name,
			       zone_check(z, reply, len));
		free(an);
		free(ns);
	}
	zone_free(z);
}

Test(zone, a_cname_loop_ends)
{
	struct zone *z = zone_make();

	cr_assert_gt(ask(z, "loop.example.com", DNS_A, 1232, false), 0);
	zone_free(z);
}

Test(zone, nsid_names_the_server_when_asked)
{
	struct zone *z = zone_make();
	struct dns_msg m;
	uint16_t len = 0;
	const uint8_t *id;
	size_t n = ask(z, "db.prod.svc.cluster.local", DNS_A, 1232, true);

	cr_assert_eq(dns_msg_parse(&m, reply, n), 0);
	id = dns_edns_option(&m.edns, EDNS_NSID, &len);
	cr_assert_eq(len, 9);
	cr_assert_eq(memcmp(id, "backend-1", 9), 0);
	n = ask(z, "db.prod.svc.cluster.local", DNS_A, 1232, false);
	dns_msg_parse(&m, reply, n);
	cr_assert_null(dns_edns_option(&m.edns, EDNS_NSID, &len));
	n = ask(z, "db.prod.svc.cluster.local", DNS_A, 0, false);
	dns_msg_parse(&m, reply, n);
	cr_assert_not(m.edns.present, "no OPT unless the query had one");
	zone_free(z);
}

static void many_make(struct scen_record *r, char (*text)[64], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "big.cluster.local. A 10.0.%zu.%zu", i / 250,
			 i % 250);
		r[i] = (struct scen_record){text[i], (unsigned)i + 1};
	}
}

Test(zone, truncation_follows_the_clients_size)
{
	static char text[600][64];
	static struct scen_record r[600];
	struct scenario s = {
		.path = "t.yaml", .domain = "cluster.local", .record = r, .n_records = 60};
	struct zone *z = NULL;
	struct diag d = {""};
	struct dns_msg m;
	size_t len;

	many_make(r, text, 600);
	cr_assert_eq(zone_new(&z, &s, &d), 0, "%s", d.text);
	len = ask(z, "big.cluster.local", DNS_A, 0, false);
	cr_assert_leq(len, 512);
	dns_msg_parse(&m, reply, len);
	cr_assert(m.h.flags & DNS_TC);
	cr_assert_null(zone_check(z, reply, len));
	len = ask(z, "big.cluster.local", DNS_A, 900, true);
	cr_assert_leq(len, 900);
	dns_msg_parse(&m, reply, len);
	cr_assert(m.h.flags & DNS_TC && m.edns.present);
	len = ask(z, "big.cluster.local", DNS_A, 1232, false);
	dns_msg_parse(&m, reply, len);
	cr_assert_eq(m.h.n_an, 60);
	cr_assert_null(zone_check(z, reply, len));
	zone_free(z);
	s.n_records = 600;
	cr_assert_eq(zone_new(&z, &s, &d), ERR_LIMIT);
	cr_assert_not_null(strstr(d.text, "t.yaml:505: "), "%s", d.text);
}

Test(zone, tcp_has_no_small_limit_and_short_buffers_hold)
{
	struct zone *z = zone_make();
	size_t full, qlen;
	struct name n;

	name_from_text(&n, "web.prod.svc.cluster.local");
	qlen = dns_query_build(query, sizeof(query), 7, n.b, DNS_A, 0, 1232, false, true);
	full = zone_reply(z, "b", query, qlen, true, reply, sizeof(reply));
	for (size_t cap = 0; cap < full; cap++) {
		reply[cap] = 0xee;
		zone_reply(z, "b", query, qlen, true, reply, cap);
		cr_assert_eq(reply[cap], 0xee, "%zu octets", cap);
	}
	zone_free(z);
}

Test(zone, odd_queries)
{
	struct zone *z = zone_make();
	size_t len = ask(z, "db.prod.svc.cluster.local", DNS_A, 1232, false), qlen = 54;
	struct dns_msg m;

	cr_assert_gt(len, 0);
	cr_assert_eq(zone_reply(z, "b", query, 11, false, reply, sizeof(reply)), 0);
	query[2] |= 0x80; /* a reply gets none */
	cr_assert_eq(zone_reply(z, "b", query, qlen, false, reply, sizeof(reply)), 0);
	query[2] = DNS_NOTIFY << 3;
	len = zone_reply(z, "b", query, qlen, false, reply, sizeof(reply));
	dns_msg_parse(&m, reply, len);
	cr_assert_eq(m.rcode, DNS_NOTIMP);
	query[2] = 0;
	len = zone_reply(z, "b", query, 20, false, reply, sizeof(reply));
	cr_assert_eq(len, 12);
	dns_msg_parse(&m, reply, len);
	cr_assert_eq(m.rcode, DNS_FORMERR);
	query[qlen - 5] = 1; /* EDNS version 1 */
	len = zone_reply(z, "b", query, qlen, false, reply, sizeof(reply));
	dns_msg_parse(&m, reply, len);
	cr_assert_eq(m.rcode, DNS_BADVERS);
	zone_free(z);
}

Test(zone, lies_are_found)
{
	struct zone *z = zone_make();
	size_t len = ask(z, "web.prod.svc.cluster.local", DNS_A, 0, false);
	uint8_t *last_octet = reply + len - 1;

	cr_assert_null(zone_check(z, reply, len));
	*last_octet ^= 1; /* another address: now both records are the same one */
	cr_assert_str_eq(zone_check(z, reply, len), "answer holds a record the zone does not");
	*last_octet ^= 1;
	reply[len - 7]++; /* TTL */
	cr_assert_str_eq(zone_check(z, reply, len), "answer's TTL exceeds the zone's");
	reply[len - 7] -= 2;
	cr_assert_null(zone_check(z, reply, len));
	reply[7] = 1; /* one record fewer */
	cr_assert_str_eq(zone_check(z, reply, len), "answer lacks records of the zone");
	reply[7] = 2;
	reply[3] |= DNS_NXDOMAIN;
	cr_assert_str_eq(zone_check(z, reply, len), "NXDOMAIN for a name that exists");
	reply[3] ^= DNS_NXDOMAIN ^ DNS_SERVFAIL;
	cr_assert_str_eq(zone_check(z, reply, len), "rcode is not the zone's NOERROR");
	reply[3] ^= DNS_SERVFAIL;
	cr_assert_str_eq(zone_check(z, reply, len - 1), "malformed message");
	cr_assert_str_eq(zone_check(z, query, 44), "not a reply to a question");
	zone_free(z);
}

Test(zone, bad_records_name_their_line)
{
	struct scen_record bad = {"x.cluster.local. A 10.0.0", 42};
	struct scenario s = {
		.path = "t.yaml", .domain = "cluster.local", .record = &bad, .n_records = 1};
	struct zone *z = NULL;
	struct diag d = {""};

	cr_assert_eq(zone_new(&z, &s, &d), ERR_SYNTAX);
	cr_assert_null(z);
	cr_assert_eq(strncmp(d.text, "t.yaml:42: ", 11), 0, "%s", d.text);
}
