/* SPDX-License-Identifier: Apache-2.0 */
/* Ids and their owners, against a plain array; the rows of asks, likewise. */
#include "tests/fixtures/no_memory.h"

#include <criterion/criterion.h>

#include "lib/base/err.h"
#include "lib/base/rng.h"
#include "resolver/net/asks.h"
#include "resolver/net/idmap.h"

static struct idmap m;
static int owner[IDMAP_MAX];
static void *have[65536];
static bool used[65536];

/* Each id that is in use is found, with its owner, and no other is. */
static void all_hold(unsigned n, unsigned n_orphans)
{
	unsigned n_owners = 0, at = 0;
	void *o;

	for (unsigned id = 0; id < 65536; id++) {
		void *found = &m;

		cr_assert_eq(idmap_find(&m, (uint16_t)id, &found), used[id], "%u", id);
		cr_assert_eq(found, used[id] ? have[id] : &m, "%u", id);
	}
	cr_assert_eq(m.n, n);
	while ((o = idmap_next(&m, &at))) {
		cr_assert(o >= (void *)owner && o < (void *)(owner + IDMAP_MAX));
		n_owners++;
	}
	cr_assert_eq(n_owners, n - n_orphans);
}

Test(idmap, ids_come_and_go)
{
	static uint16_t in_use[IDMAP_MAX];
	unsigned n = 0, n_orphans = 0;
	struct rng r;
	void *o = NULL;
	uint16_t id;

	rng_seed(&r, 3);
	cr_expect_not(idmap_take(&m, 7, &o), "of an empty one");
	all_hold(0, 0);
	for (int i = 0; i < 20000; i++) {
		if (rng_below(&r, 100) < (i / 5000 % 2 ? 40 : 60) && n < IDMAP_MAX) {
			cr_assert_eq(idmap_add(&m, &owner[n], &id), 0);
			cr_assert_not(used[id], "an id twice");
			used[id] = true;
			have[id] = &owner[n];
			in_use[n++] = id;
		} else if (n) {
			unsigned k = (unsigned)rng_below(&r, n);

			id = in_use[k];
			if (have[id] && rng_below(&r, 4) == 0) {
				idmap_orphan(&m, id);
				have[id] = NULL;
				n_orphans++;
				continue;
			}
			cr_assert(idmap_take(&m, id, &o));
			cr_assert_eq(o, have[id]);
			cr_assert_not(idmap_take(&m, id, &o), "it is free again");
			n_orphans -= !have[id];
			used[id] = false;
			in_use[k] = in_use[--n];
		}
		if (i % 500 == 0)
			all_hold(n, n_orphans);
	}
	all_hold(n, n_orphans);
	idmap_release(&m);
	cr_expect_eq(m.n, 0);
}

Test(idmap, so_many_at_once)
{
	uint16_t id;

	for (unsigned i = 0; i < IDMAP_MAX; i++)
		cr_assert_eq(idmap_add(&m, &owner[i], &id), 0);
	cr_expect_eq(idmap_add(&m, owner, &id), ERR_LIMIT);
	idmap_release(&m);
	if (!NO_MEMORY_HERE)
		cr_skip_test("the sanitizer has its own heap");
	memory_fail(0, true);
	int err = idmap_add(&m, owner, &id);

	memory_back();
	cr_expect_eq(err, ERR_NOMEM);
	cr_expect_eq(idmap_add(&m, owner, &id), 0, "and then there is");
	idmap_release(&m);
}

Test(asks, rows_come_and_go)
{
	enum { MAX = 300 };
	static struct ask *row[4000];
	struct asks t;
	struct rng r;
	unsigned n = 0;

	rng_seed(&r, 5);
	cr_assert_eq(asks_init(&t, MAX), 0);
	for (int i = 0; i < 20000; i++) {
		uint32_t id = 1 + (uint32_t)rng_below(&r, 3999);

		cr_assert_eq(asks_find(&t, id), row[id]);
		if (row[id]) {
			asks_free(&t, row[id]);
			row[id] = NULL;
			n--;
		} else if (n < MAX) {
			row[id] = asks_new(&t, id);
			cr_assert(row[id]);
			cr_assert(row[id]->id == id && !row[id]->list_next && row[id]->place == ASK_FREE);
			n++;
		} else {
			cr_assert_null(asks_new(&t, id), "all are taken");
		}
		if (i % 3000 == 2999)
			for (id = 1; id < 4000; id++) {
				cr_assert_eq(asks_find(&t, id), row[id]);
				if (row[id] && i % 2)
					asks_free(&t, row[id]), row[id] = NULL, n--;
			}
	}
	asks_release(&t);
}

Test(asks, memory_is_short)
{
	struct asks t;

	if (!NO_MEMORY_HERE)
		cr_skip_test("the sanitizer has its own heap");
	for (long n = 0; n < 2; n++) {
		long kept = memory_kept;

		memory_fail(n, true);
		int err = asks_init(&t, 100);

		memory_back();
		cr_expect_eq(err, ERR_NOMEM);
		cr_expect_eq(memory_kept, kept);
	}
}
