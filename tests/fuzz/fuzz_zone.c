/* SPDX-License-Identifier: Apache-2.0 */
/* The zone: any octets as a query get a well-formed reply or none, which passes its own check. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/dns/wire.h"
#include "lib/world/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct zone *zone_make(void)
{
	static struct scen_record records[] = {
		{"www.example.com. 60 CNAME edge.example.net.", 1},
		{"edge.example.net. 20 A 192.0.2.1", 2},
		{"db.cluster.local. 30 AAAA fd00::1", 3},
		{"a. 30 MX 10 mail.a.", 4},
		{"a. 30 SRV 0 0 53 mail.a.", 5},
	};
	struct scenario s = {.path = "fuzz",
			     .domain = "cluster.local",
			     .record = records,
			     .n_records = sizeof(records) / sizeof(records[0])};
	struct zone *z = NULL;

	if (zone_new(&z, &s, NULL) != 0)
		abort();
	return z;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t out[DNS_MSG_MAX];
	static struct zone *z;
	struct dns_msg m;

	if (!z)
		z = zone_make();
	zone_check(z, data, len);
	for (int tcp = 0; tcp < 2; tcp++) {
		size_t n = zone_reply(z, "b1", data, len, tcp, out, sizeof(out));

		if (n == 0)
			continue;
		assert(dns_msg_parse(&m, out, n) == 0 && m.end == n);
		if (m.rcode == DNS_NOERROR || m.rcode == DNS_NXDOMAIN)
			assert(zone_check(z, out, n) == NULL);
	}
	return 0;
}
