/* SPDX-License-Identifier: Apache-2.0 */
/* dnsperf's text: it ends with questions or with an error of a line; what is written again
 * is read again the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pcap-replay/traffic/dnsperf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *memory(const void *data, size_t size)
{
	FILE *f = fmemopen((void *)(uintptr_t)data, size, "r");
	assert(f);
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag diag = {0};
	struct qrec q, again;
	char *text = NULL;
	size_t len = 0;
	int rc;
	if (!size)
		return 0;
	struct dnsperf in = {.in = memory(data, size), .path = "text", .rate = 1000};
	FILE *out = open_memstream(&text, &len);
	assert(out);
	while ((rc = dnsperf_next(&in, &q, &diag)) > 0) {
		assert(q.qtype >= 0 && name_check(q.qname.b, q.qname.len) == q.qname.len);
		bool put = dnsperf_put(out, &q);
		assert(put);
	}
	assert(rc == 0 || strstr(diag.text, "text:"));
	fclose(in.in);
	fclose(out);
	struct dnsperf first = {.in = memory(data, size), .path = "text", .rate = 1000};
	struct dnsperf second = {.in = len ? memory(text, len) : NULL, .path = "again", .rate = 1000};
	while (len && dnsperf_next(&second, &again, NULL) > 0) {
		rc = dnsperf_next(&first, &q, NULL);
		assert(rc == 1 && !memcmp(&q, &again, sizeof(q)));
	}
	assert(second.n == in.n);
	fclose(first.in);
	if (second.in)
		fclose(second.in);
	free(text);
	return 0;
}
