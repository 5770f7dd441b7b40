/* SPDX-License-Identifier: Apache-2.0 */
/* When to do which; how is resolver/node/established.c's. */
#include "resolver/supervisor/rules_tracked.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/worked.h"

#define SWEEP_NS      (10 * NS_PER_S) /* what was asked elsewhere has its answer by then */
#define CLEAR_NS      (2 * NS_PER_S) /* until then: rules may lapse and come again, and who has come to us meanwhile has not gone on elsewhere */
#define SWEEP_LONG_NS (200 * NS_PER_MS) /* for a part: the table is very large, the kernel goes through it at once, and renewing must not wait */
#define SWEEP_REST_NS (3600 * NS_PER_S)
#define SWEEP_FOR_NS  (60 * NS_PER_S) /* then the rest is left */

static void failed(struct rules_tracked *t, const struct diag *d)
{
	if (!t->said)
		log_warn("rules: answers over TCP may be lost when they lapse: %s", d->text);
	t->said = true;
}

void rules_tracked_came(struct rules_tracked *t)
{
	rules_tracked_stop(t);
	t->ends = true;
	t->sweep_ns = clock_mono_ns() + SWEEP_NS;
	t->clear_ns = clock_mono_ns() + CLEAR_NS;
}

void rules_tracked_doubted(struct rules_tracked *t)
{
	t->clears = true;
}

void rules_tracked_stop(struct rules_tracked *t)
{
	established_walk_end(&t->ending);
	established_walk_end(&t->clearing);
	established_sweep_end(&t->sweeping);
	t->ends = t->clears = false;
}

static void clear_part(struct rules_tracked *t, struct node *n, uint64_t which)
{
	struct diag d = { "" };
	if (node_connections_clear(n, which, &t->clearing, &d) < 0)
		failed(t, &d);
	t->clears = established_walking(&t->clearing);
}

static void end_part(struct rules_tracked *t, struct node *n, uint64_t which)
{
	struct diag d = { "" };
	if (node_connections_end(n, which, &t->ending, &d) < 0)
		failed(t, &d);
	t->ends = established_walking(&t->ending);
}

/* What counts is processor time: a machine that is busy with others takes longer for little, too. */
static bool sweep_part(struct rules_tracked *t, struct node *n, uint64_t which)
{
	struct diag d = { "" };
	uint64_t now = clock_mono_ns(), worked = clock_worked_ns();
	int rc;
	if (!t->sweep_ns || now < t->sweep_ns || now < t->rest_ns)
		return false;
	rc = node_connections_sweep(n, which, &t->sweeping, &d);
	if (rc < 0)
		failed(t, &d);
	if (clock_worked_ns() - worked > SWEEP_LONG_NS)
		t->rest_ns = now + SWEEP_REST_NS;
	if (rc > 0 && now >= t->rest_ns && now - t->sweep_ns <= SWEEP_FOR_NS)
		return true;
	established_sweep_end(&t->sweeping);
	t->sweep_ns = 0;
	return false;
}

static void clear_when_due(struct rules_tracked *t)
{
	uint64_t now = clock_mono_ns();
	if (t->clears || t->ends || now < t->clear_ns || now >= t->sweep_ns)
		return;
	t->clears = true;
	t->clear_ns = now + CLEAR_NS;
}

bool rules_tracked_go_on(struct rules_tracked *t, struct node *n, uint64_t which, bool sweep)
{
	clear_when_due(t);
	if (t->clears)
		clear_part(t, n, which);
	else if (t->ends)
		end_part(t, n, which);
	else if (sweep)
		return sweep_part(t, n, which);
	return t->clears || t->ends;
}

void rules_tracked_clear(struct rules_tracked *t, struct node *n, uint64_t which)
{
	struct diag d = { "" };
	if (node_connections_clear(n, which, NULL, &d) < 0)
		failed(t, &d);
}
