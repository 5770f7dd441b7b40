/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of a loop's timers between two rounds: builds for tests look. */
#include <assert.h>

#include "lib/base/clock.h"
#include "resolver/net/loop.h"

/* A row of siblings, none of them earlier than who stands above. */
static void siblings_check(struct loop_timer *const *at, uint64_t above_ns)
{
	for (const struct loop_timer *t = *at; t; at = &t->next, t = *at) {
		assert(t->armed && t->due && t->at_ns != T_NEVER);
		assert(t->prev == at && t->at_ns >= above_ns);
		siblings_check(&t->child, t->at_ns);
	}
}

void loop_check(const struct loop *l)
{
	const struct loop_timer *t = l->timers;

	if (!t)
		return;
	assert(t->armed && t->due && t->at_ns != T_NEVER);
	siblings_check(&t->child, t->at_ns);
}
