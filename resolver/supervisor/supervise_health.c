/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof of life. Rules send a node's DNS to us only while a self-test passes:
 * each success refreshes them, a second failure in a row lets them lapse, and
 * when all of us are gone the kernel forgets them by itself (node.h).
 */
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/node/iface_watch.h"
#include "resolver/supervisor/supervisor.h"

#define START_RETRY_NS   (20 * NS_PER_MS)
#define TEST_TIMEOUT_NS  (400 * NS_PER_MS)
#define TEST_INTERVAL_NS NS_PER_S
#define LAPSE_FAILURES   2
#define ASTRAY_PAUSE_MIN_NS (10 * NS_PER_S)
#define ASTRAY_PAUSE_MAX_NS (60 * NS_PER_S)
#define SOON_NS          (500 * NS_PER_MS)
#define SETTLE_NS        (20 * NS_PER_MS) /* an interface goes in several messages */
#define PROMPT_NS        (250 * NS_PER_MS)
#define HANG_NS          (3 * NS_PER_S) /* a starved machine is slower than a test */

static bool failopen_on(const struct supervisor *s)
{
	return s->rules_on && s->flags->failopen_ns > 0;
}

static bool health_configured(const struct supervisor *s)
{
	for (size_t i = 0; s->config.plan && i < s->config.plan->n_blocks; i++)
		if (s->config.plan->block[i].health.set)
			return true;
	return false;
}

/* Three refreshes fit into the time after which the rules lapse. With nothing
 * to refresh and nobody asking for health there is no reason to wake up. */
static uint64_t interval(const struct supervisor *s)
{
	if (s->phase == PHASE_STARTING)
		return START_RETRY_NS;
	if (failopen_on(s) && node_hold_ns(s->node) / 3 < TEST_INTERVAL_NS)
		return node_hold_ns(s->node) / 3;
	if (failopen_on(s) || health_configured(s) || s->selftest_failures)
		return TEST_INTERVAL_NS;
	return s->flags->sync_interval_ns;
}

static uint64_t timeout(const struct supervisor *s)
{
	uint64_t every = interval(s);
	if (s->phase == PHASE_STARTING || every > TEST_TIMEOUT_NS)
		return TEST_TIMEOUT_NS;
	return every - every / 8;
}

static void selftest_failed(struct supervisor *s, const char *words)
{
	s->metrics.selftest_failed++;
	s->selftest_failures++;
	if (s->phase == PHASE_STARTING)
		return;
	if (s->selftest_failures == LAPSE_FAILURES) {
		log_error("self-test failed: %s", words);
		supervise_rules_lapse(s);
	}
	s->selftest_good = s->selftest_failures < LAPSE_FAILURES;
}

static void selftest_passed(struct supervisor *s)
{
	s->metrics.selftest_ok++;
	if (s->selftest_failures >= LAPSE_FAILURES && s->phase != PHASE_STARTING)
		log_info("self-test passes again");
	s->selftest_failures = 0;
	s->selftest_good = true;
	if (s->phase == PHASE_STARTING) {
		supervisor_serving(s);
		return;
	}
	supervise_rules_refresh(s);
	uint64_t late_ns = clock_mono_ns() - s->selftest_due_ns;
	if (s->rules_on && late_ns > s->metrics.renewal_late_ns)
		s->metrics.renewal_late_ns = late_ns;
}

/* Under -intercept rewrite: the cache answers, but what is sent to the cluster's
 * address does not get there, so that the rules do harm. They go for a while, and for
 * longer each time that they come back in vain; whether they work cannot be told
 * without them. */
static void led_astray(struct supervisor *s, const char *words)
{
	if (s->lapsed || s->loop.now_ns < s->astray_until_ns || ++s->n_astray < LAPSE_FAILURES)
		return;
	log_error("rules: questions to the cluster's address get no answer: %s", words);
	if (s->astray_pause_ns < ASTRAY_PAUSE_MIN_NS)
		s->astray_pause_ns = ASTRAY_PAUSE_MIN_NS;
	s->astray_until_ns = s->loop.now_ns + s->astray_pause_ns;
	s->astray_pause_ns = s->astray_pause_ns * 2 < ASTRAY_PAUSE_MAX_NS ? s->astray_pause_ns * 2 : ASTRAY_PAUSE_MAX_NS;
	s->n_astray = 0;
	supervise_rules_lapse(s);
}

static void led_here(struct supervisor *s)
{
	s->n_astray = 0;
	if (!s->lapsed && s->loop.now_ns > s->astray_until_ns + ASTRAY_PAUSE_MAX_NS)
		s->astray_pause_ns = 0;
}

static void selftest_done(void *ctx, const struct selftest_result *r)
{
	struct supervisor *s = ctx;
	if (s->phase >= PHASE_DRAINING || handover_paused(s))
		return;
	if (health_configured(s))
		metrics_health_add(&s->metrics, r->took_ns, r->ok);
	/* Where packets for our address end up elsewhere (the rules have lapsed), a
	 * reply proves nothing about us: the workers' loops must turn as well. */
	if (r->ok && workers_prompt(&s->workers, PROMPT_NS)) {
		if (r->led_here)
			led_here(s);
		else
			led_astray(s, r->words);
		selftest_passed(s);
	} else
		selftest_failed(s, r->ok ? "a worker does not move" : r->words);
	if (s->phase < PHASE_DRAINING)
		loop_timer_set(&s->loop, &s->selftest_timer, s->loop.now_ns + interval(s));
}

static bool rewrites(const struct supervisor *s, struct selftest_rewrite *ret)
{
	*ret = (struct selftest_rewrite){ .port = s->flags->dns_port,
					  .holds = supervise_rules_hold_now(s, NULL) };
	for (int f = 0; f < 2; f++)
		ret->set[f] = node_rewrites(s->node, f == 0, &ret->vip[f], &ret->target[f]);
	return ret->set[0] || ret->set[1];
}

static void selftest_begin(struct supervisor *s, uint64_t due_ns)
{
	const struct corefile_plan *p = s->config.plan;
	struct selftest_rewrite rewrite;
	if (!p || s->phase >= PHASE_DRAINING || handover_paused(s))
		return;
	if (!selftest_busy(s->selftest))
		s->selftest_due_ns = due_ns;
	endpoints_look(s);
	if (s->phase == PHASE_SERVING)
		workers_ping(&s->workers, HANG_NS);
	loop_timer_set(&s->loop, &s->selftest_timer, T_NEVER);
	selftest_run(s->selftest, &p->conf, p->listener_scope, rewrites(s, &rewrite) ? &rewrite : NULL, timeout(s));
}

void supervise_selftest(struct supervisor *s)
{
	selftest_begin(s, s->loop.now_ns);
}

static void selftest_due(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, selftest_timer);
	selftest_begin(s, t->at_ns);
}

/* --- interface and rules --- */

static void iface_sync(struct supervisor *s)
{
	struct diag d = { "" };
	if (!s->not_ours && node_iface_ensure(s->node, &d) < 0)
		log_error("interface %s: %s", s->flags->interface_name, d.text);
}

static void iface_ready(struct loop_fd *w, uint32_t events)
{
	struct supervisor *s = container_of(w, struct supervisor, iface);
	(void)events;
	if (iface_watch_read(w->fd))
		loop_timer_set(&s->loop, &s->iface_settle, s->loop.now_ns + SETTLE_NS);
}

static void iface_settled(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, iface_settle);
	if (s->phase <= PHASE_LAMEDUCK)
		iface_sync(s);
}

static void iface_watch_start(struct supervisor *s)
{
	struct diag d = { "" };
	int fd;
	s->iface.ready = iface_ready;
	s->iface_settle.due = iface_settled;
	if (!s->flags->setup_interface)
		return;
	if (iface_watch_open(&fd, &d) < 0) {
		log_warn("%s: the interface is looked at every sync interval only", d.text);
		return;
	}
	if (loop_add(&s->loop, &s->iface, fd, EPOLLIN) < 0)
		close(fd);
}

void supervise_sync(struct supervisor *s)
{
	if (s->phase != PHASE_SERVING && s->phase != PHASE_STARTING)
		return;
	iface_sync(s);
	if (s->phase == PHASE_SERVING)
		loop_timer_set(&s->loop, &s->sync_timer, s->loop.now_ns + s->flags->sync_interval_ns);
	supervise_rules_ensure(s);
	endpoints_sync(s);
}

void supervise_sync_soon(struct supervisor *s)
{
	if (s->phase == PHASE_SERVING)
		loop_timer_set(&s->loop, &s->sync_timer, s->loop.now_ns + SOON_NS);
}

static void sync_due(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, sync_timer);
	if (s->phase == PHASE_SERVING && !handover_busy(s))
		sockets_steer(&s->sockets, false); /* who shares a socket with a flood does so for a while only */
	supervise_sync(s);
}

void supervise_rules_hold(struct supervisor *s)
{
	loop_timer_set(&s->loop, &s->selftest_timer, T_NEVER);
	supervise_rules_refresh(s);
}

int supervise_health_start(struct supervisor *s, struct diag *d)
{
	s->selftest_timer.due = selftest_due;
	s->sync_timer.due = sync_due;
	iface_watch_start(s);
	s->selftest = selftest_new(&s->loop, selftest_done, s);
	return s->selftest ? 0 : diag_set(d, ERR_NOMEM, "no memory for the self-test");
}

void supervise_health_release(struct supervisor *s)
{
	if (s->iface.registered) {
		loop_del(&s->loop, &s->iface);
		close(s->iface.fd);
	}
	loop_timer_set(&s->loop, &s->iface_settle, T_NEVER);
	selftest_free(s->selftest);
	s->selftest = NULL;
	loop_timer_set(&s->loop, &s->selftest_timer, T_NEVER);
	loop_timer_set(&s->loop, &s->sync_timer, T_NEVER);
}
