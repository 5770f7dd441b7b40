/* SPDX-License-Identifier: Apache-2.0 */
/* Control frames of a collector, as many as there are; and log formats. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/observe/dnstap_msg.h"
#include "resolver/observe/log_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void format_try(const uint8_t *data, size_t len)
{
	struct core_client c = {.proto = CORE_UDP};
	struct core_done done = {.query = data, .query_len = len, .reply = data, .reply_len = len};
	struct log_facts facts = {.client = &c, .done = &done};
	char *text = malloc(len + 1), line[64];
	struct log_format *f;

	memcpy(text, data, len);
	text[len] = 0;
	if (log_format_new(&f, text) == 0) {
		size_t n = log_format_print(f, &facts, line, sizeof(line));

		assert(n < sizeof(line) && line[n] == 0);
		log_format_free(f);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	enum dnstap_control c;

	for (size_t at = 0; at < len;) {
		int used = dnstap_control_take(data + at, len - at, &c);

		if (used <= 0)
			break;
		assert((size_t)used <= len - at);
		at += (size_t)used;
	}
	format_try(data, len);
	return 0;
}
