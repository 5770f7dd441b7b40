/* SPDX-License-Identifier: Apache-2.0 */
/* A test is due more often the more depends on it. */
#include "resolver/supervisor/health.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

#define START_RETRY_NS   (20 * NS_PER_MS)
#define TEST_TIMEOUT_NS  (400 * NS_PER_MS)
#define TEST_INTERVAL_NS NS_PER_S
#define LAPSE_FAILURES   2
#define PROMPT_NS        (250 * NS_PER_MS)
#define TRY_PAUSE_MIN_NS (10 * NS_PER_S)
#define TRY_PAUSE_MAX_NS (60 * NS_PER_S)

static bool health_configured(const struct health *h)
{
	for (size_t i = 0; h->p->plan && i < h->p->plan->n_blocks; i++)
		if (h->p->plan->block[i].health.set)
			return true;
	return false;
}

/* Three refreshes fit into the time after which the rules lapse. With nothing
 * to refresh, nobody asking for health and all workers well there is no reason to wake up. */
static uint64_t interval(const struct health *h)
{
	if (h->p->phase == PHASE_STARTING)
		return START_RETRY_NS;
	if (rules_renewed(h->rules) && node_hold_ns(h->p->node) / 3 < TEST_INTERVAL_NS)
		return node_hold_ns(h->p->node) / 3;
	if (rules_renewed(h->rules) || health_configured(h) || h->failures || !workers_prompt(h->workers, 0))
		return TEST_INTERVAL_NS;
	return h->p->flags->sync_interval_ns;
}

static uint64_t timeout(const struct health *h)
{
	uint64_t every = interval(h);
	if (h->p->phase == PHASE_STARTING || every > TEST_TIMEOUT_NS)
		return TEST_TIMEOUT_NS;
	return every - every / 8;
}

static void selftest_failed(struct health *h, const char *words)
{
	h->p->metrics.selftest_failed++;
	h->failures++;
	if (h->p->phase == PHASE_STARTING)
		return;
	if (h->failures == LAPSE_FAILURES) {
		log_error("self-test failed: %s", words);
		rules_lapse(h->rules);
	} else if (h->failures < LAPSE_FAILURES) {
		rules_doubt(h->rules);
	}
	h->p->good = h->failures < LAPSE_FAILURES;
}

static void passed(struct health *h)
{
	if (h->failures >= LAPSE_FAILURES && h->p->phase != PHASE_STARTING)
		log_info("self-test passes again");
	h->failures = 0;
	h->p->good = true;
	if (h->p->phase == PHASE_STARTING) {
		h->hook->first(h->ctx);
		return;
	}
	rules_refresh(h->rules);
	uint64_t late_ns = clock_mono_ns() - h->due_ns;
	if (rules_stand(h->rules) && late_ns > h->p->metrics.renewal_late_ns)
		h->p->metrics.renewal_late_ns = late_ns;
}

static void selftest_passed(struct health *h)
{
	h->p->metrics.selftest_ok++;
	h->try_pause_ns = 0;
	passed(h);
}

/* Only rules that lapse, and would do so after two more tests. */
static bool may_try(const struct health *h, const struct selftest_result *r)
{
	return r->held_back && h->p->loop.now_ns >= h->try_ns && h->p->flags->setup_iptables && h->p->flags->failopen_ns &&
	       node_rules_kind(h->p->node) != RULES_NONE && !rules_hold_now(h->rules, NULL) && workers_prompt(h->workers, PROMPT_NS);
}

static void try_rules(struct health *h, const char *words)
{
	h->try_pause_ns = 2 * h->try_pause_ns < TRY_PAUSE_MIN_NS ? TRY_PAUSE_MIN_NS : 2 * h->try_pause_ns;
	if (h->try_pause_ns > TRY_PAUSE_MAX_NS)
		h->try_pause_ns = TRY_PAUSE_MAX_NS;
	h->try_ns = h->p->loop.now_ns + h->try_pause_ns;
	log_warn("self-test: %s: a firewall, or the connection table is full; rules come for a try", words);
	passed(h);
}

static void selftest_done(void *ctx, const struct selftest_result *r)
{
	struct health *h = ctx;
	if (h->p->phase >= PHASE_DRAINING || handover_paused(h->p->handover))
		return;
	if (health_configured(h))
		metrics_health_add(&h->p->metrics, r->took_ns, r->ok);
	/* Where packets for our address end up elsewhere (the rules have lapsed), a
	 * reply proves nothing about us: the workers' loops must turn as well. */
	if (r->ok && workers_prompt(h->workers, PROMPT_NS)) {
		/* A queue that somebody fills loses a question, too. */
		bool full = sockets_drops(h->workers->sockets) != h->drops;
		rules_led(h->rules, full ? r->asked & ~r->astray : r->asked, full ? 0 : r->astray, r->words);
		selftest_passed(h);
	} else if (may_try(h, r)) {
		h->p->metrics.selftest_failed++;
		try_rules(h, r->words);
	} else
		selftest_failed(h, r->ok ? "a worker does not move" : r->words);
	if (h->p->phase < PHASE_DRAINING)
		loop_timer_set(&h->p->loop, &h->timer, h->p->loop.now_ns + interval(h));
}

static struct selftest_ways ways(const struct health *h)
{
	const struct node_flags *f = h->p->flags;
	struct selftest_ways w = { .port = f->dns_port, .holds = rules_hold_now(h->rules, NULL) };
	uint64_t idle = rules_idle(&h->rules->idle);
	for (int i = 0; i < 2; i++) {
		w.set[i] = node_rewrites(h->p->node, i == 0, &w.vip[i], &w.target[i]);
		for (size_t k = 0; w.set[i] && k < f->n_localips; k++)
			if (IN6_ARE_ADDR_EQUAL(&f->localip[k].addr, &w.target[i]))
				w.vip_bit[i] = (uint64_t)1 << k & ~idle;
	}
	if (w.set[0] || w.set[1])
		return w;
	for (size_t i = 0; i < f->n_localips && w.n_services < SELFTEST_SERVICES_MAX; i++) {
		if (corefile_never_service(&f->localip[i].addr) || idle >> i & 1)
			continue;
		w.service_bit[w.n_services] = (uint64_t)1 << i;
		w.service[w.n_services++] = f->localip[i].addr;
	}
	return w;
}

static void selftest_begin(struct health *h, uint64_t due_ns)
{
	const struct corefile_plan *p = h->p->plan;
	struct selftest_ways w;
	if (!p || h->p->phase >= PHASE_DRAINING || handover_paused(h->p->handover))
		return;
	if (!selftest_busy(h->selftest))
		h->due_ns = due_ns;
	h->hook->beat(h->ctx);
	workers_ping(h->workers, WORKERS_HANG_NS);
	loop_timer_set(&h->p->loop, &h->timer, T_NEVER);
	if (!selftest_busy(h->selftest))
		h->drops = sockets_drops(h->workers->sockets);
	w = ways(h);
	selftest_run(h->selftest, &p->conf, p->listener_scope, &w, timeout(h));
}

void health_test(struct health *h)
{
	selftest_begin(h, h->p->loop.now_ns);
}

static void selftest_due(struct loop_timer *t)
{
	struct health *h = container_of(t, struct health, timer);
	selftest_begin(h, t->at_ns);
}

void health_stop(struct health *h)
{
	if (h->p)
		loop_timer_set(&h->p->loop, &h->timer, T_NEVER);
}

int health_start(struct health *h, struct process *p, struct rules *rules, struct workers *workers,
		 const struct health_hooks *hook, void *ctx, struct diag *d)
{
	*h = (struct health){ .p = p, .rules = rules, .workers = workers, .hook = hook, .ctx = ctx };
	h->timer.due = selftest_due;
	h->selftest = selftest_new(&p->loop, selftest_done, h);
	return h->selftest ? 0 : diag_set(d, ERR_NOMEM, "no memory for the self-test");
}

void health_release(struct health *h)
{
	selftest_free(h->selftest);
	health_stop(h);
}
