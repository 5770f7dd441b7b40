/* SPDX-License-Identifier: Apache-2.0 */
/* A query stream as what will be sent: every question has octets that are there, a flow, and a
 * time not before its predecessor's; memory stays below what was allowed. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pcap-replay/send/plan.h"
#include "pcap-replay/send/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag d = {0};
	struct plan p;
	char path[40];
	uint8_t sum = 0;
	int fd = memfd_create("plan", MFD_CLOEXEC);
	assert(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, data, size) == (ssize_t)size && plan_read(&p, path, MAX_BYTES, NULL, &d) == 0) {
		struct schedule as_it_was = {.speed = 1};
		uint64_t last_ns = 0;
		assert(p.n_octets + p.n * sizeof(*p.query) <= MAX_BYTES);
		for (size_t i = 0; i < p.n; i++) {
			const struct plan_query *q = &p.query[i];
			assert(q->flow < p.n_flows && q->len && q->at + q->len <= p.n_octets && q->recorded + q->recorded_len <= p.n_octets);
			sum ^= p.octets[q->at] ^ p.octets[q->at + q->len - 1u];
			uint64_t due_ns = schedule_due_ns(&as_it_was, i, p.n, q->t_ns, plan_span_ns(&p));
			assert(due_ns >= last_ns);
			last_ns = due_ns;
		}
		plan_release(&p);
	} else {
		assert(d.text[0]);
	}
	close(fd);
	return sum ? 0 : 0;
}
