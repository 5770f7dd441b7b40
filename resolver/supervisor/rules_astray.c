/* SPDX-License-Identifier: Apache-2.0 */
/* Twice in a row is no chance. */
#include "resolver/supervisor/rules_astray.h"

#include <stdbool.h>

#include "lib/base/clock.h"

#define TESTS        2
#define PAUSE_MIN_NS (10 * NS_PER_S)
#define PAUSE_MAX_NS (60 * NS_PER_S)

/* True: the rules for it go. */
static bool lost_one(struct rules_astray *a, unsigned i, uint64_t now_ns)
{
	if (now_ns < a->of[i].until_ns || ++a->of[i].n < TESTS)
		return false;
	if (a->of[i].pause_ns < PAUSE_MIN_NS)
		a->of[i].pause_ns = PAUSE_MIN_NS;
	a->of[i].until_ns = now_ns + a->of[i].pause_ns;
	a->of[i].pause_ns = a->of[i].pause_ns * 2 < PAUSE_MAX_NS ? a->of[i].pause_ns * 2 : PAUSE_MAX_NS;
	a->of[i].n = 0;
	return true;
}

static void led_one(struct rules_astray *a, unsigned i, uint64_t now_ns)
{
	a->of[i].n = 0;
	if (now_ns > a->of[i].until_ns + PAUSE_MAX_NS)
		a->of[i].pause_ns = 0;
}

uint64_t rules_astray_note(struct rules_astray *a, uint64_t asked, uint64_t lost, uint64_t now_ns)
{
	uint64_t go = 0;
	for (unsigned i = 0; i < FLAGS_LOCALIPS_MAX; i++)
		if (lost >> i & 1)
			go |= (uint64_t)lost_one(a, i, now_ns) << i;
		else if (asked >> i & 1)
			led_one(a, i, now_ns);
	return go;
}

uint64_t rules_astray_now(const struct rules_astray *a, uint64_t now_ns)
{
	uint64_t now = 0;
	for (unsigned i = 0; i < FLAGS_LOCALIPS_MAX; i++)
		now |= (uint64_t)(now_ns < a->of[i].until_ns) << i;
	return now;
}
