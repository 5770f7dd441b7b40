/* SPDX-License-Identifier: Apache-2.0 */
/* When to do which; how is resolver/node/established.c's. */
#include "resolver/supervisor/rules_tracked.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

#define SWEEP_NS      (10 * NS_PER_S) /* what was asked elsewhere has its answer by then */
#define SWEEP_LONG_NS (200 * NS_PER_MS) /* for a part: the table is very large, and renewing must not wait */
#define SWEEP_REST_NS (3600 * NS_PER_S)
#define SWEEP_FOR_NS  (60 * NS_PER_S) /* then the rest is left */

static void failed(struct rules_tracked *t, const struct diag *d)
{
	if (!t->said)
		log_warn("rules: answers over TCP may be lost when they lapse: %s", d->text);
	t->said = true;
}

void rules_tracked_came(struct rules_tracked *t, struct node *n, uint64_t which)
{
	struct diag d = { "" };
	t->sweep_ns = clock_mono_ns() + SWEEP_NS;
	t->part = 0;
	if (node_connections_end(n, which, &d) < 0)
		failed(t, &d);
}

void rules_tracked_sweep(struct rules_tracked *t, struct node *n, uint64_t which)
{
	struct diag d = { "" };
	uint64_t now = clock_mono_ns();
	int rc;
	if (!t->sweep_ns || now < t->sweep_ns || now < t->rest_ns)
		return;
	rc = node_connections_sweep(n, which, &t->part, &d);
	if (rc <= 0 || now - t->sweep_ns > SWEEP_FOR_NS)
		t->sweep_ns = 0;
	if (rc < 0)
		failed(t, &d);
	if (clock_mono_ns() - now > SWEEP_LONG_NS)
		t->rest_ns = now + SWEEP_REST_NS;
}

void rules_tracked_clear(struct rules_tracked *t, struct node *n, uint64_t which)
{
	struct diag d = { "" };
	if (node_connections_clear(n, which, &d) < 0)
		failed(t, &d);
}
