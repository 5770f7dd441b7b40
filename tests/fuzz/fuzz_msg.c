/* SPDX-License-Identifier: Apache-2.0 */
/* Behind the ldns door: messages of any octets and, after a double quote, record text. */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void try_record(const uint8_t *data, size_t len)
{
	static uint8_t rdata[65535];
	struct name owner = {0};
	size_t rdlen = 0;
	uint32_t ttl_s;
	uint16_t type;
	char *text = malloc(len + 1);

	memcpy(text, data, len);
	text[len] = 0;
	if (msg_rr_from_text(text, 30, &owner, &type, &ttl_s, rdata, sizeof(rdata), &rdlen, NULL) ==
	    0)
		assert(name_check(owner.b, owner.len) == owner.len && rdlen <= sizeof(rdata));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > 0 && data[0] == '"') {
		try_record(data + 1, len - 1);
		return 0;
	}
	bool fits = msg_check(data, len) == 0;

	for (int section = 0; section < 3; section++) {
		char *text = msg_section_text(data, len, section, section & 1);

		assert(!text || fits); /* ldns cannot print all that it parses */
		free(text);
	}
	return 0;
}
