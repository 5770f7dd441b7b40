/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text as iptables-save might print it, planned against: whatever stands there,
 * a plan names only lines that were there or rules that are wanted, and carrying
 * it out twice would change nothing more.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/node/iptables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flags_ip ip[2];
	struct ipt_conf c = {.ip = ip, .n_ips = 2, .v4 = true, .port = 53, .health_port = 8080,
			     .gate_name = "nodelocaldns4", .hold_s = 1};
	struct node_counters counters = {0};
	char *saved = malloc(size + 1);

	if (!saved || size > 1 << 16) {
		free(saved);
		return 0;
	}
	memcpy(saved, data, size);
	saved[size] = '\0';
	assert(!flags_ip_parse("169.254.20.10", &ip[0]) && !flags_ip_parse("fd00::a", &ip[1]));
	for (int i = 0; i < 9; i++) {
		struct ipt_plan p = {0};
		size_t lines = 0;

		c.gate = (enum node_gate)(i % 3);
		if (iptables_plan(saved, &c, (enum ipt_intent)(i / 3), &p, NULL))
			abort();
		for (const char *at = p.text; at && (at = strstr(at, "\n-")); at++)
			lines++;
		assert(!p.text == !(p.inserts + p.deletes));
		assert(lines == p.inserts + p.deletes);
		assert(i / 3 == IPT_ENSURE || !p.inserts);
		free(p.text);
	}
	iptables_count(saved, &c, &counters);
	free(saved);
	return 0;
}
