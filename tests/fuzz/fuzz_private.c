/* SPDX-License-Identifier: Apache-2.0 */
/* A message made fit to be shown: as long as it was, readable if it was, with as many records
 * of the same types at the same places, and the question's name as private_name has it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/wire.h"
#include "pcap-replay/traffic/private_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_records(const uint8_t *a, const uint8_t *b, size_t len, const struct dns_msg *m)
{
	struct wire x, y;
	wire_init(&x, a, len);
	wire_init(&y, b, len);
	x.off = y.off = m->answer_off;
	for (unsigned i = 0; i < (unsigned)m->h.n_an + m->h.n_ns + m->h.n_ar; i++) {
		struct dns_rr p, q;
		wire_rr(&x, &p);
		wire_rr(&y, &q);
		assert(!y.err && p.off == q.off && p.end == q.end && p.type == q.type && p.ttl == q.ttl);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hash_key key = {1, 2};
	struct name keep[1];
	struct dns_msg before, after;
	uint8_t *msg = malloc(size + 1);
	assert(msg);
	memcpy(msg, data, size);
	int rc = name_from_text(&keep[0], "svc.cluster.local");
	assert(!rc);
	int readable = dns_reply_parse(&before, data, size);
	rc = private_message(&key, msg, size, keep, 1);
	if (rc == 0 && !readable) {
		rc = dns_reply_parse(&after, msg, size);
		assert(!rc && before.answer_off == after.answer_off && before.h.id == after.h.id && before.rcode == after.rcode);
		same_records(data, msg, size, &before);
		if (before.q.name && before.h.n_qd == 1) {
			struct name q;
			name_copy(&q, before.q.name);
			private_name(&key, &q, keep, 1);
			assert(!memcmp(q.b, after.q.name, q.len));
		}
	}
	free(msg);
	return 0;
}
