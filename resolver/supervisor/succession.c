/* SPDX-License-Identifier: Apache-2.0 */
/* Each answer in terms of the parts; the hand-over decides when. */
#include "resolver/supervisor/succession.h"

#include "lib/base/clock.h"
#include "resolver/supervisor/pidfile.h"
#include "resolver/supervisor/supervisor.h"

#define SOON_NS (500 * NS_PER_MS)

/* --- the old one's --- */

static const char *why_not(void *ctx)
{
	const struct supervisor *s = ctx;
	if (s->process.phase != PHASE_SERVING && s->process.phase != PHASE_LAMEDUCK)
		return "it is ending";
	if (configuration_pending(&s->configuration))
		return "its configuration is changing";
	return NULL;
}

static void hold(void *ctx)
{
	struct supervisor *s = ctx;
	health_stop(&s->health);
	workers_ping(&s->workers, WORKERS_HANG_NS);
	rules_refresh(&s->rules);
}

static void resume(void *ctx)
{
	struct supervisor *s = ctx;
	health_test(&s->health);
	s->pidfile_written |= pidfile_write(s->process.flags->pidfile);
	upkeep_within(&s->upkeep, SOON_NS); /* it may have changed what it then removed */
}

static void handed_over(void *ctx, uint32_t allowed_ms)
{
	ending_handed_over(ctx, allowed_ms);
}

/* --- the new one's --- */

static void reads(void *ctx)
{
	struct supervisor *s = ctx;
	endpoints_sync(&s->endpoints);
}

static void prove(void *ctx)
{
	struct supervisor *s = ctx;
	s->process.metrics.handovers++;
	rules_inherit(&s->rules);
	upkeep_lend(&s->upkeep); /* the test asks at all our addresses, and rules lead to them */
	health_test(&s->health);
}

static void ours(void *ctx)
{
	struct supervisor *s = ctx;
	s->process.not_ours = false;
	upkeep_keep(&s->upkeep);
}

static void inherit(void *ctx)
{
	struct supervisor *s = ctx;
	ours(s);
	upkeep_now(&s->upkeep); /* the interface, if it took that along */
}

static void give_up(void *ctx)
{
	struct supervisor *s = ctx;
	upkeep_stop(&s->upkeep);
	health_stop(&s->health);
	rules_off(&s->rules); /* not ours: they stay */
	ending_done(s, 1);
}

/* --- either's --- */

static void settled(void *ctx)
{
	struct supervisor *s = ctx;
	ending_resume(s);
	if (s->process.phase == PHASE_SERVING)
		configuration_resume(&s->configuration);
}

const struct handover_asks succession_asks = {
	.why_not = why_not, .hold = hold, .resume = resume, .handed_over = handed_over,
	.reads = reads, .prove = prove, .ours = ours, .inherit = inherit, .give_up = give_up,
	.settled = settled,
};
