/* SPDX-License-Identifier: Apache-2.0 */
/* A remembered answer is the zone's own, to the octet. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/dns/wire.h"
#include "sim/world/answers.h"

static const char yaml[] =
	"scenario: 1\nname: t\nduration: 1s\npods: {per_node: 1}\nloads:\n  - {name: a, transport: new-port, rate: 1/s}\n"
	"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  records:\n"
	"    - web.default.svc.cluster.local. 30 A 10.96.10.1\n"
	"    - tail.default.svc.cluster.local. 30 TXT \"backend-1\"\n"
	"    - big.default.svc.cluster.local. 30 TXT \"" "0123456789012345678901234567890123456789012345678901234567890123456789"
	"0123456789012345678901234567890123456789012345678901234567890123456789\"\n"
	"    - www.example.com. 60 A 192.0.2.10\n";

Test(answers, are_the_zones_to_the_octet)
{
	static const char *const names[] = {"web.default.svc.cluster.local", "WEB.default.svc.cluster.local", "gone.svc.cluster.local",
					    "tail.default.svc.cluster.local", "big.default.svc.cluster.local", "www.example.com"};
	static const char *const servers[] = {"backend-1", "backend-2", "backend-17", "external"};
	static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_TXT};
	static const uint16_t sizes[] = {0, 512, 1232};
	struct answers *a = answers_new();
	struct scenario *s;
	struct zone *z;
	struct diag d = {{0}};
	unsigned n = 0;

	cr_assert(a);
	cr_assert_eq(scenario_parse(&s, "t", yaml, strlen(yaml), &d), 0, "%s", d.text);
	cr_assert_eq(zone_new(&z, s, &d), 0);
	for (unsigned round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			for (size_t t = 0; t < 3; t++)
				for (unsigned v = 0; v < 4 * 3 * 2 * 2 * 2; v++) {
					uint8_t q[600], want[2048], got[2048];
					struct name name;
					const char *server = servers[v % 4];
					bool nsid = v / 24 % 2, tcp = v / 12 % 2, spelled = v / 48 % 2;
					cr_assert_eq(name_from_text(&name, names[i]), 0);
					size_t len = dns_query_build(q, sizeof(q), (uint16_t)(round * 977 + n), name.b, types[t], DNS_RD,
								     sizes[v / 4 % 3], false, nsid);
					size_t n_want = zone_reply(z, server, q, len, tcp, want, sizeof(want));
					size_t n_got = answers_reply(a, answers_ahead(a, q, len, tcp, spelled), z, server, q, len, tcp, spelled, got, sizeof(got));
					cr_assert_eq(n_got, n_want);
					cr_assert_arr_eq(got, want, n_want, "%s, type %u, %s", names[i], types[t], server);
					const struct answer_said *said = answers_said(a, answers_ahead(a, q, len, tcp, spelled), z, got, n_got);
					struct stub_said read;
					struct dns_msg m;
					cr_assert_eq(dns_msg_parse(&m, got, n_got), 0);
					stub_said_of(&read, &m, got, n_got);
					if (said)
						cr_assert_eq(memcmp(&said->stub, &read, sizeof(read)), 0);
					if (!spelled && n_got < 400)
						cr_assert(said, "%s, type %u, %s", names[i], types[t], server);
					got[n_got / 2] ^= 1;
					cr_assert_null(answers_said(a, answers_ahead(a, q, len, tcp, spelled), z, got, n_got), "other octets");
					n++;
				}
	/* no question, and what is none */
	uint8_t junk[14] = {1, 2, 3, 4}, out[512];
	for (size_t len = 0; len <= sizeof(junk); len++)
		for (unsigned round = 0; round < 2; round++) {
			uint8_t want[512];
			size_t n_want = zone_reply(z, "backend-1", junk, len, false, want, sizeof(want));
			cr_assert_eq(answers_reply(a, answers_ahead(a, junk, len, false, true), z, "backend-1", junk, len, false, true, out, sizeof(out)), n_want);
			cr_assert_arr_eq(out, want, n_want);
		}
	zone_free(z);
	scenario_free(s);
	answers_free(a);
}
