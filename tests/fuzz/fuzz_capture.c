/* SPDX-License-Identifier: Apache-2.0 */
/* A whole capture file of anything: container, packing, frames, streams,
 * transactions and summary. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pcap-replay/traffic/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd = memfd_create("capture", 0);
	struct transact *t = transact_new();
	struct extract_ports ports = {1, {53}};
	struct extract_sink sink = {t, transact_message};
	struct extract_counts counts;
	struct diag d;
	if (fd < 0 || !t || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	extract_file(path, &ports, &sink, &counts, &d);
	struct summary *s = summary_new(&counts, t);
	FILE *out = fopen("/dev/null", "w");
	if (s && out)
		summary_print(s, out);
	if (out)
		fclose(out);
	summary_free(s);
	transact_free(t);
	close(fd);
	return 0;
}
