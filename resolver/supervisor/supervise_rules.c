/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules, seen from the supervisor. nftables' are one netlink message away.
 * iptables' are asked of the keeper (resolver/node/keeper.h), so that a program waiting
 * for a lock keeps nothing else waiting; gates are renewed from here all the same.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/node/keeper.h"
#include "resolver/node/privileges.h"
#include "resolver/node/sandbox.h"
#include "resolver/supervisor/supervisor.h"

#define RETRY_NS       (2 * NS_PER_S) /* after a failure, if that is sooner than the next check */
#define FIRST_WAIT_MS  2000 /* for the first rules: what comes after them waits for them */
#define REMOVE_WAIT_MS 3000 /* the keeper goes on after that by itself */
#define COUNT_WAIT_NS  (300 * NS_PER_MS) /* then those of the last time are shown */
#define COUNT_FRESH_NS (250 * NS_PER_MS) /* each counting starts programs */
#define SAY_AGAIN_NS   (60 * NS_PER_S)

static bool kept(const struct supervisor *s)
{
	return s->keeper.fd >= 0;
}

static void keeper_tell(struct supervisor *s, uint32_t ask)
{
	if (kept(s) && send(s->keeper.fd, &ask, sizeof(ask), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
	    errno != EAGAIN)
		log_error("rules: asking for them: %s", strerror(errno));
}

/* --- outcomes --- */

static void sync_sooner(struct supervisor *s)
{
	if (s->phase == PHASE_SERVING && s->flags->sync_interval_ns > RETRY_NS)
		loop_timer_set(&s->loop, &s->sync_timer, s->loop.now_ns + RETRY_NS);
}

static void words_once(struct supervisor *s)
{
	if (s->flags->failopen_ns == 0 || node_failopen(s->node) || s->said_no_failopen ||
	    node_rules_kind(s->node) != RULES_IPTABLES)
		return;
	s->said_no_failopen = true;
	log_warn("rules: neither ipset nor xt_recent that iptables can ask here: the kernel cannot withdraw the rules by "
		 "itself, %s does when this process dies or hangs",
		 kept(s) ? "the process in front" : "nobody");
}

/* Rules stand, and so do some of another dialect. Said once a minute. */
static void left_behind(struct supervisor *s, const char *text)
{
	if (!*text || s->loop.now_ns < s->said_left_ns)
		return;
	s->said_left_ns = s->loop.now_ns + SAY_AGAIN_NS;
	log_warn("rules: %s", text);
}

int supervise_rules_privileges(struct supervisor *s, struct diag *d)
{
	bool iptables = node_rules_kind(s->node) == RULES_IPTABLES;
	int rc;
	s->has_raw = !kept(s) && (iptables || node_sweep_wants_raw(s->node));
	rc = privileges_supervisor(s->has_raw, d);
	if (rc < 0)
		return rc;
	/* When the process in front dies the rules are removed from here. */
	return sandbox_supervisor(s->has_raw ? SANDBOX_ANY_PROGRAM : iptables ? SANDBOX_LAST_PROGRAM : SANDBOX_NO_PROGRAM, d);
}

static void ensured(struct supervisor *s, int err, bool changed, const char *text)
{
	bool was_on = s->rules_on;
	struct diag d;
	if (s->phase != PHASE_SERVING)
		return;
	if (err < 0) {
		log_error("rules: %s", text);
		sync_sooner(s);
		return;
	}
	words_once(s);
	left_behind(s, text);
	if (s->has_raw && supervise_rules_privileges(s, &d) < 0)
		log_error("%s", d.text);
	if (!was_on && node_rules_kind(s->node) != RULES_NONE)
		log_info("Rules in place: %s", node_rules_words(s->node));
	s->rules_on = true;
	if (changed && was_on && !s->lapsed)
		log_warn("rules were missing or changed: repaired");
	s->metrics.rules_repaired += changed && was_on && !s->lapsed;
	s->lapsed = false;
	s->counters.stand = true; /* until somebody looks again */
	s->renewed_ns = clock_mono_ns();
	/* What was asked for took its time: the gates may have closed meanwhile. */
	if (kept(s) && s->selftest_good)
		supervise_rules_refresh(s);
}

static void count_done(struct supervisor *s)
{
	s->counting = s->count_late = false;
	s->counted_ns = s->loop.now_ns;
	loop_timer_set(&s->loop, &s->count_timer, T_NEVER);
	if (s->http)
		http_resume(s->http);
}

static void reply_take(struct supervisor *s, const struct keeper_reply *r)
{
	node_gate_set(s->node, (enum node_gate)r->gate);
	for (int i = 0; i < NODE_ERRORS; i++)
		for (uint64_t n = r->errors[i]; n; n--)
			node_error_count(s->node, (enum node_error)i);
	if (r->ask == KEEPER_ENSURE) {
		s->ensuring = false;
		ensured(s, r->err, r->changed, r->text);
	} else if (r->ask == KEEPER_COUNT) {
		if (r->err == 0)
			s->counters = r->counters;
		s->counted = r->err == 0;
		count_done(s);
	} else if (r->err < 0) {
		log_error("rules: %s", r->text);
	}
}

/* 1: took one (its kind in *ret_ask), 0: none there, -1: the keeper is gone. */
static int reply_read(struct supervisor *s, uint32_t *ret_ask)
{
	struct keeper_reply r;
	ssize_t n = recv(s->keeper.fd, &r, sizeof(r), MSG_DONTWAIT);
	if (n == (ssize_t)sizeof(r)) {
		reply_take(s, &r);
		*ret_ask = r.ask;
		return 1;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void keeper_lost(struct supervisor *s)
{
	loop_del(&s->loop, &s->keeper);
	close(s->keeper.fd);
	s->keeper.fd = -1;
	s->ensuring = false;
	count_done(s);
	if (s->phase >= PHASE_DRAINING)
		return;
	log_error("the process in front is gone: stopping");
	supervisor_stop(s, false);
}

static void keeper_ready(struct loop_fd *w, uint32_t events)
{
	struct supervisor *s = container_of(w, struct supervisor, keeper);
	uint32_t ask;
	int rc;
	(void)events;
	while ((rc = reply_read(s, &ask)) > 0)
		;
	if (rc < 0)
		keeper_lost(s);
}

/* True when the reply came in time. */
static bool keeper_wait(struct supervisor *s, uint32_t what, unsigned ms)
{
	uint64_t end = clock_mono_ns() + ms * NS_PER_MS, now;
	while (kept(s) && (now = clock_mono_ns()) < end) {
		struct pollfd p = { .fd = s->keeper.fd, .events = POLLIN };
		uint32_t ask = what + 1;
		if (poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1) <= 0)
			continue;
		if (reply_read(s, &ask) < 0)
			return false;
		if (ask == what)
			return true;
	}
	return false;
}

/* --- what others ask for --- */

void supervise_rules_ensure(struct supervisor *s)
{
	struct diag d = { "" };
	bool changed = false, first = !s->rules_on;
	if (!s->flags->setup_iptables || s->phase != PHASE_SERVING || s->ensuring)
		return;
	/* Installing renews; while the self-test fails, nothing may, nor while the
	 * cluster's address has just been seen not to lead here. */
	if (!s->selftest_good || (s->lapsed && s->loop.now_ns < s->astray_until_ns))
		return;
	if (!kept(s)) {
		int rc = node_rules_ensure(s->node, &changed, &d);
		ensured(s, rc, changed, d.text);
		return;
	}
	s->ensuring = true;
	keeper_tell(s, KEEPER_ENSURE);
	if (first)
		keeper_wait(s, KEEPER_ENSURE, FIRST_WAIT_MS);
}

void supervise_rules_refresh(struct supervisor *s)
{
	struct diag d = { "" };
	if (!s->rules_on || s->flags->failopen_ns == 0)
		return;
	if (s->lapsed) {
		supervise_rules_ensure(s);
		return;
	}
	if (kept(s) && !node_failopen(s->node)) {
		keeper_tell(s, KEEPER_ALIVE);
		s->renewed_ns = clock_mono_ns();
	} else if (node_rules_refresh(s->node, &d) < 0) { /* somebody took them away */
		log_warn("rules: %s", d.text);
		if (!s->repairing) {
			s->repairing = true;
			supervise_rules_ensure(s);
			s->repairing = false;
		}
	} else {
		s->renewed_ns = clock_mono_ns();
	}
}

void supervise_rules_lapse(struct supervisor *s)
{
	struct diag d = { "" };
	if (!s->rules_on || s->flags->failopen_ns == 0)
		return;
	s->lapsed = true;
	if (kept(s) && !node_failopen(s->node))
		keeper_tell(s, KEEPER_LAPSE);
	else if (node_rules_lapse(s->node, &d) < 0)
		log_error("rules: %s", d.text);
}

static void rules_remove(struct supervisor *s)
{
	struct diag d = { "" };
	if (!kept(s)) {
		node_deadline_set(s->node, clock_mono_ns() + 2 * REMOVE_WAIT_MS * NS_PER_MS);
		if (node_rules_remove(s->node, &d) < 0)
			log_error("rules: %s", d.text);
		return;
	}
	if (node_failopen(s->node)) /* at once, whatever holds up the rest */
		node_rules_lapse(s->node, NULL);
	keeper_tell(s, KEEPER_REMOVE);
	if (!keeper_wait(s, KEEPER_REMOVE, REMOVE_WAIT_MS))
		log_error("rules: removing them takes longer than %d ms", REMOVE_WAIT_MS);
}

void supervise_rules_off(struct supervisor *s)
{
	loop_timer_set(&s->loop, &s->sync_timer, T_NEVER);
	loop_timer_set(&s->loop, &s->selftest_timer, T_NEVER);
	if (s->flags->skip_teardown || s->not_ours || !s->node) {
		keeper_tell(s, KEEPER_LEAVE);
		return;
	}
	if (s->rules_on || s->ensuring || s->phase != PHASE_STARTING)
		rules_remove(s);
	s->rules_on = false;
}

/* What the kernel does with packets now, as far as it can be told from here: what
 * was put there has not been taken away, withdrawn, or left to expire. */
bool supervise_rules_hold_now(const struct supervisor *s, const struct node_counters *seen)
{
	uint64_t hold = node_hold_ns(s->node);
	if (!s->rules_on || s->lapsed || node_rules_kind(s->node) == RULES_NONE || (seen && !seen->stand))
		return false;
	return hold == 0 || clock_mono_ns() - s->renewed_ns < hold;
}

static void count_due(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, count_timer);
	s->count_late = true;
	http_resume(s->http);
}

bool supervise_rules_count(struct supervisor *s)
{
	if (!s->rules_on || !kept(s) || s->count_late)
		return true;
	if (s->counting)
		return false;
	if (s->counted_ns && s->loop.now_ns < s->counted_ns + COUNT_FRESH_NS)
		return true;
	s->counting = true;
	keeper_tell(s, KEEPER_COUNT);
	loop_timer_set(&s->loop, &s->count_timer, s->loop.now_ns + COUNT_WAIT_NS);
	return false;
}

bool supervise_rules_counters(struct supervisor *s, struct node_counters *ret)
{
	struct diag d;
	if (!s->rules_on)
		return false;
	if (!kept(s))
		return node_counters_read(s->node, ret, &d) == 0;
	*ret = s->counters;
	return s->counted;
}

int supervise_rules_start(struct supervisor *s, int keeper_fd, struct diag *d)
{
	s->count_timer.due = count_due;
	s->keeper.ready = keeper_ready;
	s->keeper.fd = keeper_fd;
	if (keeper_fd >= 0 && loop_add(&s->loop, &s->keeper, keeper_fd, EPOLLIN) < 0)
		return diag_errno(d, "epoll");
	return 0;
}

void supervise_rules_release(struct supervisor *s)
{
	loop_timer_set(&s->loop, &s->count_timer, T_NEVER);
	loop_del(&s->loop, &s->keeper);
	if (kept(s))
		close(s->keeper.fd);
	s->keeper.fd = -1;
}
