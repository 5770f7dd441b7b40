/* SPDX-License-Identifier: Apache-2.0 */
/* A whole capture file of anything: container, packing, frames, streams, order,
 * transactions, summary, query stream. Time never goes back, and the budget is given
 * back to the last octet. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pcap-replay/read/extract.h"
#include "pcap-replay/traffic/qsout.h"
#include "pcap-replay/traffic/summary.h"
#include "pcap-replay/traffic/txncsv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *nowhere;

static void closed(void *summary, const struct txn *t)
{
	assert(t->n_sent >= 1 && t->n_views >= 1 && (!t->answered_ns || t->has_answer));
	summary_txn(summary, t);
	txncsv_row(nowhere, t);
}

static void read_all(struct extract *x, struct transact *t, struct summary *s)
{
	struct qsout q = {.view = QSOUT_CLIENT};
	const struct dmessage *m;
	const struct txn *txn;
	uint64_t last_ns = 0;
	int rc = qs_writer_open_wire(&q.w, "/dev/null", NULL);
	assert(rc == 0);
	while (extract_next(x, &m, NULL) > 0) {
		assert(m->pk.t_ns >= last_ns);
		last_ns = m->pk.t_ns;
		for (const struct dmessage *soon; (soon = extract_ahead(x));)
			transact_expect(t, soon);
		enum txn_event e = transact_message(t, m, &txn);
		summary_message(s, m, e, txn);
		if (e != TXE_UNREADABLE)
			qsout_message(&q, m, e, txn);
	}
	qs_writer_close(q.w, NULL);
	transact_finish(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	const char *paths[] = {path};
	struct budget b;
	int fd = memfd_create("capture", 0);
	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	budget_init(&b, 4 << 20);
	struct summary *s = summary_new(&b, NULL);
	struct transact_conf tc = {.budget = &b, .keep_wire = true, .ctx = s, .closed = closed};
	struct transact *t = transact_new(&tc);
	struct extract_conf xc = {.paths = paths, .n_paths = 1, .budget = &b};
	struct extract *x;
	if (fd < 0 || !t || !s || !nowhere || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (extract_open(&x, &xc, NULL) == 0) {
		read_all(x, t, s);
		struct summary_ends e = {extract_counts(x), transact_counts(t), transact_waste(t), transact_n_lookups(t)};
		summary_print(s, &e, nowhere);
		summary_json(s, &e, nowhere);
		extract_close(x);
	}
	transact_free(t);
	summary_free(s);
	assert(b.used == 0);
	close(fd);
	return 0;
}
