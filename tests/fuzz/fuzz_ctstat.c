/* SPDX-License-Identifier: Apache-2.0 */
/* What conntrack-model watch reads of a node: the counters' text, and a kernel's configuration. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack-model/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);
	struct watch_counters c = {.drop = 7};
	struct diag d = {{0}};

	assert(text);
	memcpy(text, data, len);
	text[len] = 0;
	int rc = watch_counters_parse(&c, text, &d);
	assert(rc == 0 ? !d.text[0] : d.text[0] && c.drop == 7);
	unsigned hz = watch_hz_parse(text);
	assert(hz == 0 || (hz >= 24 && hz <= 10000));
	free(text);
	return 0;
}
