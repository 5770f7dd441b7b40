/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever order messages come in, they leave in order of time, each once. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "pcap-replay/read/reorder.h"

#define N 5000

static void put(struct reorder *r, uint64_t t_ns, uint32_t seq)
{
	struct dmessage m = {.kind = MSG_OPEN, .pk = {.t_ns = t_ns, .seq = seq}};
	cr_assert_eq(reorder_put(r, &m), 0);
}

/* Times by `shape`: 0 in order, 1 backwards, 2 at random within the window, 3 all equal. */
static uint64_t time_of(unsigned shape, uint32_t i, struct rng *rng)
{
	switch (shape) {
	case 0: return NS_PER_S + i * 1000;
	case 1: return NS_PER_S + (N - i) * 1000;
	case 2: return NS_PER_S + i * 1000 + rng_below(rng, 500000);
	default: return NS_PER_S;
	}
}

Test(reorder, everything_leaves_once_and_in_order)
{
	for (unsigned shape = 0; shape < 4; shape++) {
		static bool seen[N];
		struct budget b;
		struct rng rng;
		budget_init(&b, 64u << 20);
		rng_seed(&rng, shape);
		struct reorder *r = reorder_new(&b, NS_PER_S);
		uint64_t last_ns = 0, newest_ns = 0;
		uint32_t n = 0, last_seq = 0;
		for (uint32_t i = 0; i < N; i++)
			seen[i] = false;
		for (uint32_t i = 0; i <= N; i++) {
			uint64_t t_ns = i < N ? time_of(shape, i, &rng) : T_NEVER;
			if (i < N)
				put(r, t_ns, i);
			newest_ns = t_ns > newest_ns ? t_ns : newest_ns;
			for (const struct dmessage *m; (m = reorder_take(r, newest_ns)); n++) {
				cr_assert_geq(m->pk.t_ns, last_ns, "shape %u", shape);
				if (m->pk.t_ns == last_ns)
					cr_assert(n == 0 || m->pk.seq > last_seq, "equal times leave as they came");
				cr_assert(!seen[m->pk.seq]);
				seen[m->pk.seq] = true;
				last_ns = m->pk.t_ns;
				last_seq = m->pk.seq;
			}
		}
		cr_assert_eq(n, N, "shape %u: %u", shape, n);
		cr_assert_eq(reorder_late(r), 0);
		put(r, NS_PER_S / 2, 0); /* older than what has left */
		cr_assert_eq(reorder_take(r, T_NEVER)->pk.t_ns, last_ns);
		cr_assert_eq(reorder_late(r), 1);
		put(r, last_ns + 1, 0);
		put(r, last_ns + 9, 0);
		put(r, last_ns + 5, 0); /* one in the heap, two in the ring, when it ends */
		reorder_free(r);
		cr_assert_eq(b.used, 0);
	}
}

/* What is told ahead is what is taken later, in that order, each once, also where others come between and
 * where the queue runs dry. */
Test(reorder, what_is_told_ahead_is_what_comes)
{
	for (unsigned shape = 0; shape < 4; shape++) {
		struct budget b;
		struct rng rng;
		budget_init(&b, 64u << 20);
		rng_seed(&rng, shape);
		struct reorder *r = reorder_new(&b, NS_PER_S / 1000);
		const struct dmessage *told[N], *m;
		uint32_t told_seq[N], n_told = 0, n_met = 0, n = 0;
		uint64_t newest_ns = 0;
		for (uint32_t i = 0; i <= N; i++) {
			uint64_t t_ns = i < N ? time_of(shape, i, &rng) : T_NEVER;
			if (i < N)
				put(r, t_ns, i);
			newest_ns = t_ns > newest_ns ? t_ns : newest_ns;
			if (i % 1000 == 999) /* dry */
				newest_ns = T_NEVER;
			for (; (m = reorder_take(r, newest_ns)); n++) {
				if (n_met < n_told && m == told[n_met]) {
					cr_assert_eq(m->pk.seq, told_seq[n_met], "shape %u", shape);
					n_met++;
				}
				for (; (m = reorder_ahead(r)); n_told++) {
					cr_assert_lt(n_told - n_met, REORDER_AHEAD, "no more than that");
					told[n_told] = m;
					told_seq[n_told] = m->pk.seq;
				}
			}
			newest_ns = newest_ns == T_NEVER && i < N ? t_ns : newest_ns;
		}
		cr_expect_eq(n, N);
		cr_expect_eq(n_met, n_told, "shape %u: %u of %u", shape, n_met, n_told);
		cr_expect(n_told > 0, "shape %u", shape);
		reorder_free(r);
		cr_expect_eq(b.used, 0);
	}
}
