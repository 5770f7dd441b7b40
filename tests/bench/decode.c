/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench decode: the stages of pcap-replay's reading, each without those that come after it.
 *
 *   decode STAGE CAPTURE
 *
 *   frames        the file's frames, looked at no further
 *   decode        layers off, datagrams and streams put together, messages in order and taken apart:
 *                 what extract_next hands out
 *   transactions  and these paired with their views, resends and answers
 *
 * Prints what it counted; what it costs is for the caller to measure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pcap-replay/read/extract.h"
#include "pcap-replay/traffic/transact.h"

static int frames(const char *path, struct diag *d)
{
	struct frames *fs;
	struct frame f;
	uint16_t lane;
	uint64_t n = 0, octets = 0;
	int rc = frames_open(&fs, &path, 1, d);
	if (rc)
		return rc;
	for (; (rc = frames_next(fs, &f, &lane, d)) > 0; n++)
		octets += f.caplen;
	printf("%" PRIu64 " frames, %" PRIu64 " octets\n", n, octets);
	frames_close(fs);
	return rc;
}

static int messages(const char *path, bool pairs, struct diag *d)
{
	struct budget b;
	budget_init(&b, BUDGET_DEFAULT_BYTES);
	struct extract_conf xc = {.paths = &path, .n_paths = 1, .budget = &b};
	struct transact_conf tc = {.budget = &b};
	struct transact *t = pairs ? transact_new(&tc) : NULL;
	struct extract *x;
	const struct dmessage *m;
	const struct txn *txn;
	uint64_t n = 0, good = 0;
	int rc = extract_open(&x, &xc, d);
	if (rc)
		return rc;
	for (; (rc = extract_next(x, &m, d)) > 0; n++) {
		good += m->err == 0;
		for (const struct dmessage *soon; t && (soon = extract_ahead(x));)
			transact_expect(t, soon);
		if (t)
			transact_message(t, m, &txn);
	}
	if (t)
		transact_finish(t);
	printf("%" PRIu64 " messages, %" PRIu64 " of them whole", n, good);
	if (t)
		printf(", %" PRIu64 " questions, %" PRIu64 " answers", transact_counts(t)->event[TXE_NEW], transact_counts(t)->event[TXE_ANSWER]);
	putchar('\n');
	extract_close(x);
	transact_free(t);
	return rc;
}

int main(int argc, char **argv)
{
	struct diag d = {0};
	int rc = ERR_UNKNOWN;
	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "frames"))
		rc = frames(argv[2], &d);
	else if (!strcmp(argv[1], "decode") || !strcmp(argv[1], "transactions"))
		rc = messages(argv[2], argv[1][0] == 't', &d);
	if (rc)
		fprintf(stderr, "decode: %s\n", d.text);
	return rc != 0;
}
