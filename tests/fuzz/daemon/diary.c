/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run was, in two numbers: one of all that clients, upstreams, the operator and who
 * takes the cache over get of it, each with its time; one of the system calls that the
 * daemon made for it. Runs whose numbers are known say whether the daemon still does what
 * it did (fuzz_daemon runs); what it ought to do the oracle knows.
 */
#include "tests/fuzz/daemon/diary.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/hash.h"
#include "tests/fuzz/daemon/world.h"

static uint64_t digest[DIARY_SIDES];

static void add(enum diary_side side, const void *b, size_t len)
{
	struct hash_key so_far = {digest[side], len};

	digest[side] = hash_sip13(&so_far, b, len);
}

void diary_begin(void)
{
	memset(digest, 0, sizeof(digest));
}

void diary(enum diary_side side, const char *what, uint64_t x, uint64_t y, const void *octets, size_t len)
{
	uint64_t n[] = {k.now_ns, x, y};

	add(side, what, strlen(what));
	add(side, n, sizeof(n));
	if (octets)
		add(side, octets, len);
	if (w.is_traced)
		fprintf(stderr, "%18.6f %s %s %llx %llx [%zu] %016llx\n", (double)(k.now_ns - 1000000000000ull) / 1e6,
			side == DIARY_OUTWARD ? "out" : "in ", what, (unsigned long long)x, (unsigned long long)y, len,
			(unsigned long long)digest[side]);
}

uint64_t diary_of(enum diary_side side)
{
	return digest[side];
}

/* What is counted, and what is kept. */
void diary_sum_up(void)
{
	const struct core_stats *s = &w.shm->core;
	struct core_entry e;
	size_t cursor = 0;

	diary(DIARY_OUTWARD, "core", s->n_servers, s->n_upstreams, s, offsetof(struct core_stats, server));
	for (unsigned i = 0; i < s->n_servers; i++)
		diary(DIARY_OUTWARD, "server", i, 0, &s->server[i], sizeof(s->server[i]));
	for (unsigned i = 0; i < s->n_upstreams; i++)
		diary(DIARY_OUTWARD, "upstream", i, 0, &s->upstream[i], sizeof(s->upstream[i]));
	for (unsigned i = 0; i < s->n_events; i++)
		diary(DIARY_OUTWARD, "event", i, 0, &s->event[i], sizeof(s->event[i]));
	diary(DIARY_OUTWARD, "driver", 0, 0, &w.shm->driver, sizeof(w.shm->driver));
	while (core_entry_next(server_core(w.server), &cursor, &e)) {
		diary(DIARY_OUTWARD, "entry", e.stored_ns, e.expires_ns, e.msg, e.len);
		diary(DIARY_OUTWARD, "key", (uint64_t)e.qtype << 16 | e.qclass,
		      (uint64_t)e.flags << 16 | (unsigned)e.is_do << 8 | e.kind, e.ede, e.ede_len);
	}
}
