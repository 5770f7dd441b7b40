/* SPDX-License-Identifier: Apache-2.0 */
/* A map of addresses (kubectl's tables, or pairs): whatever it holds, it ends with names or with an error of a line. */
#include <assert.h>
#include <string.h>

#include "pcap-replay/traffic/addrmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct addrmap *m = NULL;
	struct diag d = {0};
	char text[4097];
	if (len > sizeof(text) - 1)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	if (addrmap_parse(&m, "map", text, len, &d)) {
		assert(!m && d.text[0]);
		return 0;
	}
	struct in6_addr ip = {.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}};
	enum addrmap_kind kind;
	const char *name = addrmap_name(m, &ip, &kind);
	assert(!name || strlen(name) < sizeof(text));
	addrmap_free(m);
	return 0;
}
