/* SPDX-License-Identifier: Apache-2.0 */
/* Names: any octets as wire form, any text as presentation form; the two forms agree. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_valid(const uint8_t *name)
{
	char text[NAME_MAX_TEXT];
	struct name back, low;
	size_t n = name_to_text(name, text, sizeof(text));

	assert(n == strlen(text) && n < sizeof(text));
	assert(name_from_text(&back, text) == 0);
	assert(back.len == name_len(name) && memcmp(back.b, name, back.len) == 0);
	assert(name_lower(low.b, name) == back.len);
	assert(name_eq(low.b, name) && name_cmp(low.b, name) == 0);
	assert(name_within(name, name_parent(name)));
	assert(name_tail(name, name_labels(name)) == name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t n = name_check(data, len);
	struct name from_text, joined;
	char *text = malloc(len + 1);

	assert(n <= len && n <= NAME_MAX_WIRE);
	if (n)
		check_valid(data);
	memcpy(text, data, len);
	text[len] = 0;
	if (name_from_text(&from_text, text) == 0) {
		assert(name_check(from_text.b, from_text.len) == from_text.len);
		check_valid(from_text.b);
		if (n && name_join(&joined, from_text.b, data) == 0)
			assert(name_within(joined.b, data));
	}
	free(text);
	return 0;
}
