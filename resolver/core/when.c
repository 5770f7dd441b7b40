/* SPDX-License-Identifier: Apache-2.0 */
/* When something is to be done about a question that is under way. */
#include "resolver/core/core_int.h"

#define HEDGE_MIN_NS     (5 * NS_PER_MS)
#define HEDGE_BLIND_NS   (400 * NS_PER_MS) /* while the upstream is unknown */
#define FOLLOW_MAX_NS    (250 * NS_PER_MS)

uint64_t question_wakes(const struct question *q)
{
	uint64_t at = q->end_ns;

	if (q->retry_ns < at)
		at = q->retry_ns;
	if (q->hedge_ns < at)
		at = q->hedge_ns;
	if (q->stale_ns < at)
		at = q->stale_ns;
	if (q->follow_ns < at)
		at = q->follow_ns;
	return at;
}

void question_timer(struct core *c, uint32_t qi)
{
	timers_set(&c->timers, qi, question_wakes(&c->tab.question[qi]));
}

uint64_t hedge_delay(struct core *c, unsigned upstream)
{
	uint64_t p95 = rtt_p95(&c->up[upstream].rtt);

	if (!p95)
		return HEDGE_BLIND_NS;
	return p95 < HEDGE_MIN_NS ? HEDGE_MIN_NS : p95;
}

uint64_t follow_delay(struct core *c, const struct question *leader)
{
	uint64_t delay = FOLLOW_MAX_NS;

	for (unsigned i = 0; i < ASKS_MAX; i++) {
		if (leader->ask[i].id) {
			uint64_t p95 = 2 * hedge_delay(c, leader->ask[i].upstream);

			return p95 < delay ? p95 : delay;
		}
	}
	return delay;
}
