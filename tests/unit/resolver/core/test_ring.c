/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring against a list: entries of all sizes come in at the head, leave or go round at the
 * tail, die where they lie; each keeps its octets and its turn. The account of what has
 * expired is held against a count of the list.
 */
#include "resolver/core/ring.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/rng.h"

enum { CAP = 4096, LIST_MAX = 64, HEAD = (sizeof(struct entry) + 7) & ~7u };

struct listed {
	uint32_t number, expiry_s;
	size_t size;
	bool dead;
};
static struct listed list[LIST_MAX]; /* oldest first */
static unsigned n_listed;
static uint8_t block[CAP] __attribute__((aligned(16)));
static struct ring r;
static struct rng rng;
static uint32_t number, now_s;

static void setup(void)
{
	ring_init(&r, block, CAP + 5); /* what is no multiple of 8 is left */
	rng_seed(&rng, 7);
	n_listed = 0;
}

static void teardown(void)
{
	ring_release(&r);
}

TestSuite(ring, .init = setup, .fini = teardown);

static void stamp(struct entry *e, const struct listed *l)
{
	e->kind = 1;
	e->hash = l->number;
	e->expiry_s = l->expiry_s;
	memset(e->msg, (int)(l->number & 0x7f), l->size - offsetof(struct entry, msg));
}

static void is_stamped(const struct entry *e, const struct listed *l)
{
	cr_assert_eq(e->size, l->size);
	cr_assert_eq(e->kind, l->dead ? ENTRY_DEAD : 1);
	cr_assert_eq(e->hash, l->number, "%lu, not %u", (unsigned long)e->hash, l->number);
	for (size_t i = 0; !l->dead && i < l->size - offsetof(struct entry, msg); i++)
		cr_assert_eq(e->msg[i], l->number & 0x7f);
}

/* Dead, or of a second that is over and not too far ahead when it was counted. */
static size_t dead_octets(void)
{
	size_t n = 0;

	for (unsigned i = 0; i < n_listed; i++)
		n += list[i].dead || list[i].expiry_s < now_s ? list[i].size : 0;
	return n;
}

static void check(void)
{
	struct entry *e = NULL;

	cr_assert_eq(r.cap, CAP);
	for (unsigned i = 0; i < n_listed; i++) {
		e = ring_next(&r, e);
		cr_assert_not_null(e, "%u of %u", i, n_listed);
		is_stamped(e, &list[i]);
	}
	cr_assert_null(n_listed ? ring_next(&r, e) : ring_next(&r, NULL));
	cr_assert_eq(r.dead, dead_octets());
	if (ring_tail(&r))
		is_stamped(ring_tail(&r), &list[0]);
	else
		cr_assert_eq(n_listed, 0);
}

static void tail_leave(void)
{
	struct entry *e = ring_tail(&r);

	ring_discount(&r, e);
	ring_pop(&r);
	memmove(list, list + 1, --n_listed * sizeof(*list));
}

static void push(size_t size)
{
	struct listed l = {.number = ++number, .size = size, .expiry_s = now_s + rng_below(&rng, 40)};
	size_t room = CAP;
	struct entry *e;

	while (n_listed == LIST_MAX || !(e = ring_push(&r, size))) {
		cr_assert_gt(n_listed, 0, "%zu octets do not fit into none", size);
		tail_leave();
		check();
	}
	for (unsigned i = 0; i < n_listed; i++)
		room -= list[i].size;
	cr_assert_leq(size, room);
	stamp(e, &l);
	ring_count(&r, e);
	list[n_listed++] = l;
}

static void go_round(void)
{
	struct listed first = list[0];
	struct entry *e;

	ring_tail(&r);
	e = ring_rotate(&r);
	is_stamped(e, &first);
	memmove(list, list + 1, (n_listed - 1) * sizeof(*list));
	list[n_listed - 1] = first;
}

static void die(unsigned at)
{
	struct entry *e = NULL;

	for (unsigned i = 0; i <= at; i++)
		e = ring_next(&r, e);
	if (list[at].dead)
		return;
	ring_kill(&r, e);
	list[at].dead = true;
}

Test(ring, as_a_list_would)
{
	static const size_t sizes[] = {HEAD, HEAD + 8, 200, 504, 1000, 2048, CAP - 8, CAP};

	now_s = 1000;
	ring_clock(&r, now_s);
	for (unsigned i = 0; i < 20000; i++) {
		switch (rng_below(&rng, 8)) {
		case 0:
		case 1:
		case 2:
			push(sizes[rng_below(&rng, i % 64 ? 6 : 8)]);
			break;
		case 3:
			if (n_listed)
				tail_leave();
			break;
		case 4:
		case 5:
			if (n_listed && !list[0].dead) /* nobody keeps a dead one */
				go_round();
			break;
		case 6:
			if (n_listed)
				die(rng_below(&rng, n_listed));
			break;
		default:
			now_s += rng_below(&rng, 30) ? rng_below(&rng, 3) : EXPIRY_SLOTS + rng_below(&rng, 9);
			ring_clock(&r, now_s);
		}
		check();
	}
}

/* A clock that has stood still for years is no work. */
Test(ring, years_are_over_at_once, .timeout = 5)
{
	for (unsigned i = 0; i < 1000; i++) {
		ring_init(&r, block, CAP);
		ring_clock(&r, UINT32_MAX - i);
	}
	cr_expect_eq(r.dead, 0);
}

/* What expires further ahead than the account can see is not counted, before or after. */
Test(ring, the_account_sees_so_far_ahead)
{
	static const uint32_t ahead[] = {0, EXPIRY_SLOTS - 1, EXPIRY_SLOTS, 100000};
	struct entry *e;

	ring_clock(&r, 50);
	for (unsigned i = 0; i < 4; i++) {
		struct listed l = {.number = i, .size = HEAD, .expiry_s = 50 + ahead[i]};

		e = ring_push(&r, HEAD);
		stamp(e, &l);
		ring_count(&r, e);
		cr_expect_eq(e->is_counted, i < 2, "%u", ahead[i]);
	}
	cr_expect_eq(r.dead, 0);
	ring_clock(&r, 50);
	cr_expect_eq(r.dead, 0);
	ring_clock(&r, 51);
	cr_expect_eq(r.dead, HEAD);
	ring_clock(&r, 50 + EXPIRY_SLOTS - 1);
	cr_expect_eq(r.dead, HEAD);
	ring_clock(&r, 50 + EXPIRY_SLOTS);
	cr_expect_eq(r.dead, 2 * HEAD);
	ring_clock(&r, 200000);
	cr_expect_eq(r.dead, 2 * HEAD);
	for (unsigned i = 0; i < 4; i++) {
		ring_discount(&r, ring_tail(&r));
		ring_pop(&r);
	}
	cr_expect_eq(r.dead, 0);
	cr_expect_null(ring_tail(&r));
	cr_expect_eq(r.used, 0);
}
