/* SPDX-License-Identifier: Apache-2.0 */
/* What a kubelet's Pods API may answer: whatever the octets are, they end in names or in an error. */
#include <assert.h>
#include <string.h>

#include "pcap-replay/traffic/addrmap_pods.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct addrmap *m = NULL;
	struct diag d = {0};
	if (addrmap_parse_pods(&m, "pods", data, len, &d)) {
		assert(!m && d.text[0]);
		return 0;
	}
	struct in6_addr ip = {.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}};
	enum addrmap_kind kind;
	const char *name = addrmap_name(m, &ip, &kind);
	assert(!name || strlen(name) <= len + 1);
	addrmap_free(m);
	return 0;
}
