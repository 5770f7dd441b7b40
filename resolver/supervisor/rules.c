/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked of the keeper comes back as a reply; what needs no program is done at once. */
#include "resolver/supervisor/rules.h"

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

#define RETRY_NS       (2 * NS_PER_S) /* after a failure, if that is sooner than the next check */
#define FIRST_WAIT_MS  2000 /* for the first rules: what comes after them waits for them */
#define HEIR_WAIT_MS   500  /* where there are some: those are to be renewed meanwhile */
#define REMOVE_WAIT_MS 3000 /* the keeper goes on after that by itself */
#define COUNT_WAIT_NS  (300 * NS_PER_MS) /* then those of the last time are shown */
#define COUNT_FRESH_NS (250 * NS_PER_MS) /* each counting starts programs */
#define SAY_AGAIN_NS   (60 * NS_PER_S)
#define TOUCHED_NS     (10 * NS_PER_S) /* between looks at iptables' rules because somebody changed some: kube-proxy does all the time */

bool rules_kept(const struct rules *r)
{
	return r->keeper.fd >= 0;
}

static void keeper_tell(struct rules *r, uint32_t ask)
{
	struct keeper_asked q = { .ask = ask };
	if (ask == KEEPER_ENSURE) {
		q.released = r->p->released;
		q.idle = rules_idle(&r->idle);
	}
	if (rules_kept(r) && send(r->keeper.fd, &q, sizeof(q), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
		log_error("rules: asking for them: %s", strerror(errno));
}

/* Nobody has let them lapse, and they have not by themselves. */
static bool in_time(const struct rules *r)
{
	uint64_t hold = node_hold_ns(r->p->node);
	return !r->lapsed && (hold == 0 || clock_mono_ns() - r->renewed_ns < hold);
}

/* What there is to be done about connections while rules hold. */
static void tracked_go_on(struct rules *r)
{
	bool more = false;
	if (!(r->on || r->heir) || !in_time(r)) /* off: those that are open are in the table as what they are */
		rules_tracked_stop(&r->tracked);
	else
		more = rules_tracked_go_on(&r->tracked, r->p->node, ~rules_idle(&r->idle),
					   rules_hold_now(r, NULL) && !handover_paused(r->p->handover)); /* else what is tracked is in use */
	loop_timer_set(&r->p->loop, &r->tracked_timer, more ? clock_mono_ns() + RULES_TRACKED_PAUSE_NS : T_NEVER);
}

static void tracked_due(struct loop_timer *t)
{
	tracked_go_on(container_of(t, struct rules, tracked_timer));
}

/* They hold from now on; if they did not until now, for all addresses or for one, others' connections have left entries. */
static void renewed(struct rules *r)
{
	uint64_t idle = rules_idle(&r->idle);
	bool came = !in_time(r) || !r->renewed_ns || (r->idle_before & ~idle);
	r->idle_before = idle;
	r->renewed_ns = clock_mono_ns();
	r->lapsed = false;
	if (!came)
		return;
	rules_tracked_came(&r->tracked);
	tracked_go_on(r);
}

/* --- outcomes --- */

static void words_once(struct rules *r)
{
	if (r->p->flags->failopen_ns == 0 || node_failopen(r->p->node) || r->said_no_failopen ||
	    node_rules_kind(r->p->node) != RULES_IPTABLES)
		return;
	r->said_no_failopen = true;
	log_warn("rules: neither ipset nor xt_recent that iptables can ask here: the kernel cannot withdraw the rules by "
		 "itself, %s does when this process dies or hangs",
		 rules_kept(r) ? "the process in front" : "nobody");
}

/* Rules stand, and so do some of another dialect. Said once a minute. */
static void left_behind(struct rules *r, const char *text)
{
	if (!*text || r->p->loop.now_ns < r->said_left_ns)
		return;
	r->said_left_ns = r->p->loop.now_ns + SAY_AGAIN_NS;
	log_warn("rules: %s", text);
}

int rules_privileges(struct rules *r, struct diag *d)
{
	bool iptables = node_rules_kind(r->p->node) == RULES_IPTABLES;
	int rc;
	r->has_raw = !rules_kept(r) && (iptables || node_sweep_wants_raw(r->p->node));
	rc = privileges_supervisor(r->has_raw, d);
	if (rc < 0)
		return rc;
	/* When the process in front dies the rules are removed from here. */
	return sandbox_supervisor(r->has_raw ? SANDBOX_ANY_PROGRAM : iptables ? SANDBOX_LAST_PROGRAM : SANDBOX_NO_PROGRAM, d);
}

/* Only a process can take them away, and only all of them. */
static bool all_or_none(const struct rules *r)
{
	return rules_kept(r) && !node_failopen(r->p->node);
}

static bool may_hold(const struct rules *r)
{
	return r->p->good && !(all_or_none(r) && rules_astray_now(&r->astray, r->p->loop.now_ns));
}

static void idle_look(struct rules *r)
{
	if (!all_or_none(r))
		rules_idle_astray(&r->idle, r->p, rules_astray_now(&r->astray, r->p->loop.now_ns));
	rules_idle_look(&r->idle, r->p);
}

static void ensured(struct rules *r, int err, bool changed, const char *text)
{
	bool was_on = r->on;
	struct diag d;
	if (r->p->phase != PHASE_SERVING)
		return;
	if (err < 0) {
		log_error("rules: %s", text);
		r->hook->retry(r->ctx, RETRY_NS);
		return;
	}
	words_once(r);
	left_behind(r, text);
	if (r->has_raw && rules_privileges(r, &d) < 0)
		log_error("%s", d.text);
	if (!was_on && node_rules_kind(r->p->node) != RULES_NONE)
		log_info("Rules in place: %s", node_rules_words(r->p->node));
	r->on = true;
	r->heir = false;
	if (r->lapsed && !may_hold(r)) { /* since they were asked for */
		rules_lapse(r);
		return;
	}
	if (changed && was_on && !r->lapsed)
		log_warn("rules were missing or changed: repaired");
	r->p->metrics.rules_repaired += changed && was_on && !r->lapsed;
	if (changed) /* somebody had taken them away, nobody knows when */
		r->renewed_ns = 0;
	renewed(r);
	r->count.last.stand = true; /* until somebody looks again */
	r->generation = r->asked_generation; /* who came meanwhile may have come after they were looked at */
	/* What was asked for took its time: the gates may have closed meanwhile. */
	if (rules_kept(r) && r->p->good)
		rules_refresh(r);
}

static void count_done(struct rules *r)
{
	r->count.asked = r->count.late = false;
	r->count.at_ns = r->p->loop.now_ns;
	loop_timer_set(&r->p->loop, &r->count.timer, T_NEVER);
	r->hook->counted(r->ctx);
}

static void reply_take(struct rules *r, const struct keeper_reply *k)
{
	node_gate_set(r->p->node, (enum node_gate)k->gate);
	for (int i = 0; i < NODE_ERRORS; i++)
		for (uint64_t n = k->errors[i]; n; n--)
			node_error_count(r->p->node, (enum node_error)i);
	r->swept = k->swept;
	if (k->ask == KEEPER_ENSURE) {
		r->ensuring = false;
		ensured(r, k->err, k->changed, k->text);
	} else if (k->ask == KEEPER_COUNT) {
		if (k->err == 0)
			r->count.last = k->counters;
		r->count.known = k->err == 0;
		count_done(r);
	} else if (k->err < 0) {
		log_error("rules: %s", k->text);
	}
}

/* 1: took one (its kind in *ret_ask), 0: none there, -1: the keeper is gone. */
static int reply_read(struct rules *r, uint32_t *ret_ask)
{
	struct keeper_reply k;
	ssize_t n = recv(r->keeper.fd, &k, sizeof(k), MSG_DONTWAIT);
	if (n == (ssize_t)sizeof(k)) {
		reply_take(r, &k);
		*ret_ask = k.ask;
		return 1;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void keeper_lost(struct rules *r)
{
	loop_del(&r->p->loop, &r->keeper);
	close(r->keeper.fd);
	r->keeper.fd = -1;
	r->ensuring = false;
	count_done(r);
	if (r->p->phase >= PHASE_DRAINING)
		return;
	log_error("the process in front is gone: stopping");
	r->hook->lost(r->ctx);
}

static void keeper_ready(struct loop_fd *w, uint32_t events)
{
	struct rules *r = container_of(w, struct rules, keeper);
	uint32_t ask;
	int rc;
	(void)events;
	while ((rc = reply_read(r, &ask)) > 0)
		;
	if (rc < 0)
		keeper_lost(r);
}

/* True when the reply came in time. */
static bool keeper_wait(struct rules *r, uint32_t what, unsigned ms)
{
	uint64_t end = clock_mono_ns() + ms * NS_PER_MS, now;
	while (rules_kept(r) && (now = clock_mono_ns()) < end) {
		struct pollfd p = { .fd = r->keeper.fd, .events = POLLIN };
		uint32_t ask = what + 1;
		if (poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1) <= 0)
			continue;
		if (reply_read(r, &ask) < 0)
			return false;
		if (ask == what)
			return true;
	}
	return false;
}

/* --- what others ask for --- */

/* A hand-over on a node where kube-proxy holds the lock for seconds opens no gap. */
static void heir_renew(struct rules *r)
{
	if (!r->heir)
		return;
	idle_look(r);
	if (node_rules_adopt(r->p->node) == 0)
		renewed(r);
}

void rules_inherit(struct rules *r)
{
	r->heir = r->p->flags->setup_iptables;
}

void rules_ensure(struct rules *r)
{
	struct diag d = { "" };
	bool changed = false, first = !r->on;
	if (!r->p->flags->setup_iptables || r->p->phase != PHASE_SERVING || r->ensuring)
		return;
	/* Another instance proves that it answers: rules are as it wants them, if it has got so far. */
	if (handover_paused(r->p->handover))
		return;
	/* Installing renews; while the self-test fails, nothing may, nor while the
	 * cluster's address has just been seen not to lead here. */
	if (!r->p->good || (r->lapsed && !may_hold(r)))
		return;
	idle_look(r);
	if (!rules_kept(r)) {
		int rc = node_rules_ensure(r->p->node, &changed, &d);
		r->swept = node_rules_swept(r->p->node);
		ensured(r, rc, changed, d.text);
		return;
	}
	r->ensuring = true;
	r->asked_ns = r->p->loop.now_ns;
	r->asked_generation = node_rules_generation(r->p->node);
	keeper_tell(r, KEEPER_ENSURE);
	heir_renew(r);
	if (first)
		keeper_wait(r, KEEPER_ENSURE, r->heir ? HEIR_WAIT_MS : FIRST_WAIT_MS);
}

/* Renewing a gate looks at no rule. Who has flushed the tables is not left alone until the next sync: a
 * firewall that drops by default keeps pods from the cache then, and without their gates rules outlive us. */
static void touched_look(struct rules *r)
{
	if (rules_kept(r) && !r->ensuring && r->p->loop.now_ns - r->asked_ns >= TOUCHED_NS &&
	    node_rules_generation(r->p->node) != r->generation)
		rules_ensure(r);
}

void rules_refresh(struct rules *r)
{
	struct diag d = { "" };
	heir_renew(r);
	if (!rules_expire(r))
		return;
	if (r->lapsed) {
		rules_ensure(r);
		return;
	}
	idle_look(r);
	if (all_or_none(r)) {
		keeper_tell(r, KEEPER_ALIVE);
		renewed(r);
	} else if (node_rules_refresh(r->p->node, &d) < 0) { /* somebody took them away */
		if (!handover_paused(r->p->handover))
			log_warn("rules: %s", d.text);
		if (!r->repairing) {
			r->repairing = true;
			rules_ensure(r);
			r->repairing = false;
		}
	} else {
		renewed(r);
	}
	if (!r->tracked_timer.armed)
		tracked_go_on(r);
	touched_look(r);
}

void rules_listeners(struct rules *r)
{
	if (rules_idle_listeners(&r->idle, r->p, NULL) && r->on && r->p->good && !r->lapsed)
		rules_refresh(r);
}

/* The first look takes its time where there are many; what began meanwhile is the second's, and then
 * nothing begins any more that would have its handshake here and its question elsewhere. If rules have lapsed
 * by themselves before, on a machine that is busy with others, what is tracked is in use: by connections of ours, as
 * what they are, and by those that their clients have gone on with elsewhere. */
static void connections_keep(struct rules *r, uint64_t which, const struct corefile_plan *but)
{
	struct diag d;
	int rc = in_time(r) ? node_connections_keep(r->p->node, which, &d) : 0;
	r->hook->leaving(r->ctx, but);
	if (rc == 0 && in_time(r))
		rc = node_connections_keep(r->p->node, which, &d);
	if (rc < 0)
		log_warn("rules: TCP connections that are open may break: %s", d.text);
}

/* For what takes its time, and needs them. */
static void renew_once_more(struct rules *r)
{
	if (rules_expire(r) && r->p->good && in_time(r) && !all_or_none(r) && node_rules_refresh(r->p->node, NULL) == 0)
		renewed(r);
}

bool rules_leave(struct rules *r, const struct corefile_plan *next)
{
	uint64_t before = rules_idle(&r->idle), go;
	renew_once_more(r);
	bool changed = rules_idle_listeners(&r->idle, r->p, next);
	go = rules_idle(&r->idle) & ~before;
	if (!changed || !go || !rules_expire(r) || r->lapsed || all_or_none(r))
		return false;
	connections_keep(r, go, next);
	rules_refresh(r);
	r->hook->left(r->ctx); /* a listener at all addresses goes as a whole, and some of those may stay */
	return true;
}

/* Without rules the replies of connections that are open are tracked. Those at addresses that rules
 * leave alone are so already, as what they are. */
static void connections_clear(struct rules *r, uint64_t which)
{
	rules_tracked_clear(&r->tracked, r->p->node, which & ~rules_idle(&r->idle));
}

void rules_doubt(struct rules *r)
{
	if (!rules_expire(r) || r->lapsed)
		return;
	rules_tracked_doubted(&r->tracked);
	tracked_go_on(r);
}

void rules_lapse(struct rules *r)
{
	struct diag d = { "" };
	if (!rules_expire(r))
		return;
	if (!r->lapsed)
		connections_clear(r, UINT64_MAX);
	r->lapsed = true;
	tracked_go_on(r);
	if (all_or_none(r))
		keeper_tell(r, KEEPER_LAPSE);
	else if (node_rules_lapse(r->p->node, &d) < 0)
		log_error("rules: %s", d.text);
}

void rules_led(struct rules *r, uint64_t asked, uint64_t astray, const char *words)
{
	uint64_t go = r->lapsed ? 0 : rules_astray_note(&r->astray, asked, astray, r->p->loop.now_ns);
	if (!go)
		return;
	log_error("rules: questions to the cluster's address get no answer: %s", words);
	if (all_or_none(r)) {
		rules_lapse(r);
	} else if (rules_expire(r)) {
		connections_clear(r, go);
		idle_look(r); /* until they are renewed, which is next */
	}
}

static void take_away(struct rules *r, uint32_t what, int (*act)(struct node *n, struct diag *d))
{
	struct diag d = { "" };
	if (!rules_kept(r)) {
		node_deadline_set(r->p->node, clock_mono_ns() + 2 * REMOVE_WAIT_MS * NS_PER_MS);
		if (act(r->p->node, &d) < 0)
			log_error("rules: %s", d.text);
		return;
	}
	keeper_tell(r, what);
	if (!keeper_wait(r, what, REMOVE_WAIT_MS))
		log_error("rules: removing them takes longer than %d ms", REMOVE_WAIT_MS);
}

static void rules_withdraw(struct rules *r)
{
	renew_once_more(r);
	connections_keep(r, UINT64_MAX, NULL);
	if (rules_kept(r) && node_failopen(r->p->node)) /* at once, whatever holds up the rest */
		node_rules_lapse(r->p->node, NULL);
	take_away(r, KEEPER_WITHDRAW, node_rules_withdraw);
	r->withdrawn = true;
}

void rules_remove(struct rules *r)
{
	if (r->withdrawn)
		take_away(r, KEEPER_REMOVE, node_rules_remove);
	r->withdrawn = false;
}

void rules_off(struct rules *r)
{
	r->heir = false;
	if (r->p->flags->skip_teardown || r->p->not_ours || !r->p->node) {
		keeper_tell(r, KEEPER_LEAVE);
		return;
	}
	if (r->on || r->ensuring || r->p->phase != PHASE_STARTING)
		rules_withdraw(r);
	r->on = false;
}

bool rules_swept(const struct rules *r)
{
	return r->swept || !r->on;
}

bool rules_stand(const struct rules *r)
{
	return r->on;
}

bool rules_expire(const struct rules *r)
{
	return r->on && r->p->flags->failopen_ns > 0;
}

bool rules_renewed(const struct rules *r)
{
	return (r->on || r->heir) && r->p->flags->failopen_ns > 0;
}

/* What the kernel does with packets now, as far as it can be told from here: what
 * was put there has not been taken away, withdrawn, or left to expire. */
bool rules_hold_now(const struct rules *r, const struct node_counters *seen)
{
	if (!r->on || node_rules_kind(r->p->node) == RULES_NONE || (seen && !seen->stand))
		return false;
	if (rules_idle(&r->idle) + 1 == (uint64_t)1 << r->p->flags->n_localips)
		return false; /* for no address */
	return in_time(r);
}

bool rules_active(const struct rules *r, const struct node_counters *seen)
{
	return !r->idle.astray && rules_hold_now(r, seen);
}

static void count_due(struct loop_timer *t)
{
	struct rules *r = container_of(t, struct rules, count.timer);
	r->count.late = true;
	r->hook->counted(r->ctx);
}

bool rules_count(struct rules *r)
{
	if (!r->on || !rules_kept(r) || r->count.late)
		return true;
	if (r->count.asked)
		return false;
	if (r->count.at_ns && r->p->loop.now_ns < r->count.at_ns + COUNT_FRESH_NS)
		return true;
	r->count.asked = true;
	keeper_tell(r, KEEPER_COUNT);
	loop_timer_set(&r->p->loop, &r->count.timer, r->p->loop.now_ns + COUNT_WAIT_NS);
	return false;
}

bool rules_counters(struct rules *r, struct node_counters *ret)
{
	struct diag d;
	if (!r->on)
		return false;
	if (!rules_kept(r))
		return node_counters_read(r->p->node, ret, &d) == 0;
	*ret = r->count.last;
	return r->count.known;
}

int rules_start(struct rules *r, struct process *p, int keeper_fd, const struct rules_hooks *hook, void *ctx,
		struct diag *d)
{
	r->p = p;
	r->hook = hook;
	r->ctx = ctx;
	r->count.timer.due = count_due;
	r->tracked_timer.due = tracked_due;
	r->keeper.ready = keeper_ready;
	r->keeper.fd = keeper_fd;
	if (keeper_fd >= 0 && loop_add(&r->p->loop, &r->keeper, keeper_fd, EPOLLIN) < 0)
		return diag_errno(d, "epoll");
	return 0;
}

void rules_release(struct rules *r)
{
	if (!r->p)
		return;
	loop_timer_set(&r->p->loop, &r->count.timer, T_NEVER);
	loop_timer_set(&r->p->loop, &r->tracked_timer, T_NEVER);
	rules_tracked_stop(&r->tracked);
	loop_del(&r->p->loop, &r->keeper);
	if (rules_kept(r))
		close(r->keeper.fd);
	r->keeper.fd = -1;
}
