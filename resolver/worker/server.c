/* SPDX-License-Identifier: Apache-2.0 */
/* Core, listeners, upstreams and observers of one worker, put together. */
#include "resolver/worker/server.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/checked.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/rng.h"
#include "resolver/worker/server_int.h"

#define SETTLE_ROUNDS 8 /* failures of failures before the loop gets its turn */

/* --- what the core asks for --- */

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len)
{
	struct server *s = ctx;
	if (c->proto != CORE_UDP) {
		tcp_reply(s->tcp, c, bytes, len);
		return;
	}
	uint32_t slot = (uint32_t)c->cookie;
	struct listener *l = &s->listener[slot];
	if (l->used && l->generation == c->cookie >> 32)
		udp_reply(&l->udp, c, bytes, len);
}

static void on_ask(void *ctx, const struct core_ask *a)
{
	struct server *s = ctx;
	upstreams_ask(&s->upstreams, a);
	observe_ask(s->observe, a);
}

static void on_cancel(void *ctx, uint32_t ask_id)
{
	struct server *s = ctx;
	upstreams_cancel(&s->upstreams, ask_id);
}

static void on_event(void *ctx, int level, const char *text)
{
	(void)ctx;
	log_line((enum log_level)level, "%s", text);
}

static void on_failed(void *ctx, const struct core_failed *f)
{
	struct server *s = ctx;
	observe_failed(s->observe, f);
}

static void on_done(void *ctx, const struct core_client *c, const struct core_done *done)
{
	struct server *s = ctx;
	observe_done(s->observe, c, done);
}

/* --- what upstreams tell --- */

static bool on_answer(void *ctx, uint32_t ask_id, const uint8_t *bytes, size_t len)
{
	struct server *s = ctx;
	observe_answer(s->observe, ask_id, bytes, len);
	return core_answer(s->core, s->loop->now_ns, ask_id, bytes, len);
}

static void on_fail(void *ctx, uint32_t ask_id, enum core_fail_why why)
{
	struct server *s = ctx;
	core_fail(s->core, s->loop->now_ns, ask_id, why);
}

static bool on_descriptor_make(void *ctx)
{
	struct server *s = ctx;
	return tcp_server_give_way(s->tcp);
}

/* --- the loop's hooks --- */

static void core_due(struct loop_timer *t)
{
	struct server *s = container_of(t, struct server, core_timer);
	core_tick(s->core, s->loop->now_ns);
}

/* What the core has noted is done; that may fail at once, or be read by a resumed
 * connection, and then there is more to do. */
static void core_settle(struct server *s)
{
	for (int i = 0; i < SETTLE_ROUNDS; i++) {
		if (core_deadline(s->core) <= s->loop->now_ns)
			core_tick(s->core, s->loop->now_ns);
		upstreams_flush(&s->upstreams);
		tcp_flush(s->tcp);
		if (core_deadline(s->core) > s->loop->now_ns)
			break;
	}
}

/* Everything gathered in this round leaves. */
static void before_sleep(void *ctx)
{
	struct server *s = ctx;
	if (!s->core)
		return;
	core_settle(s);
	for (unsigned i = 0; i < s->n_slots; i++)
		if (s->listener[i].udp_on)
			udp_flush(&s->listener[i].udp);
	observe_flush(s->observe);
	loop_timer_set(s->loop, &s->core_timer, core_deadline(s->core));
	IF_CHECKED(server_check(s));
}

/* --- configuration --- */

static void upstream_conf_of(struct upstream_conf *ret, const struct corefile_plan *p, size_t i)
{
	const struct core_upstream *c = &p->conf.upstream[i];
	const struct corefile_upstream *x = &p->upstream[i];
	*ret = (struct upstream_conf){
		.addr = c->addr, .port = c->port, .scope_id = x->scope_id,
		.has_source = x->has_source, .source = x->source,
		.tls = core_transport_is_tls(c->transport), .doh_path = x->doh_path,
		.doh_get = x->doh_get, .tls_name = c->tls_name,
		.tls_ca = x->tls_ca, .tls_cert = x->tls_cert, .tls_key = x->tls_key,
		.max_age_ns = x->max_age_ns, .expire_ns = x->expire_ns,
		.max_idle_conns = x->max_idle_conns,
	};
}

static int core_switch(struct server *s, const struct corefile_plan *p, struct diag *d)
{
	struct core_ops ops = { .ctx = s, .reply = on_reply, .ask = on_ask, .cancel = on_cancel,
				.event = on_event, .failed = on_failed };
	struct hash_key key;
	if (s->core)
		return core_reconfigure(s->core, &p->conf, s->loop->now_ns, d);
	rng_os_bytes(&key, sizeof(key));
	int rc = core_new(&s->core, &p->conf, &ops, &s->shm->core, &key, rng_os_u64(), d);
	if (rc == 0)
		core_set_probes(s->core, s->probes);
	return rc;
}

/* What a plan brings with it that may fail. */
struct server_next {
	struct upstream_conf conf[CORE_UPSTREAMS_MAX];
	struct upstreams_next *upstreams;
	struct listeners_next listeners;
	struct observe_plan *observe;
};

static void next_discard(struct server *s, struct server_next *next)
{
	observe_discard(next->observe);
	upstreams_discard(next->upstreams);
	listeners_discard(s, &next->listeners);
}

static int next_prepare(struct server *s, struct server_next *next, const struct corefile_plan *p,
			const struct server_sockets *sk, struct diag *d)
{
	next->observe = NULL;
	next->upstreams = NULL;
	next->listeners.n = 0;
	for (size_t i = 0; i < p->conf.n_upstreams; i++)
		upstream_conf_of(&next->conf[i], p, i);
	int rc = observe_prepare(s->observe, p, &next->observe, d);
	if (rc == 0)
		rc = upstreams_prepare(&s->upstreams, next->conf, (unsigned)p->conf.n_upstreams,
				       &next->upstreams, d);
	if (rc == 0)
		rc = listeners_prepare(s, &p->conf, sk, &next->listeners, d);
	return rc;
}

/* One switch: the core is the last that can fail, and says nothing while all of it
 * changes hands; nobody has seen a part of it. Who waits at a listener that is gone
 * hears it from there, so its sockets close when the core has had its turn. */
int server_configure(struct server *s, struct corefile_plan **plan, const struct server_sockets *sk,
		     struct diag *d)
{
	struct corefile_plan *old = s->plan, *p = *plan;
	struct server_next next;
	int rc = next_prepare(s, &next, p, sk, d);
	if (rc == 0) {
		listeners_going(s, &next.listeners);
		rc = core_switch(s, p, d);
	}
	if (rc < 0) {
		next_discard(s, &next);
		return rc;
	}
	s->plan = p;
	*plan = NULL;
	upstreams_commit(&s->upstreams, next.upstreams);
	for (size_t i = 0; i < p->conf.n_upstreams; i++)
		upstreams_set_stats(&s->upstreams, (unsigned)i,
				    stats_upstream_of(&s->shm->core, (unsigned)i));
	tcp_server_set_core(s->tcp, s->core);
	listeners_commit(s, sk, &next.listeners);
	observe_commit(s->observe, next.observe);
	core_set_done(s->core, observe_wants_done(s->observe) ? on_done : NULL);
	core_settle(s);
	listeners_gone(s);
	corefile_plan_free(old);
	return 0;
}

/* --- life --- */

int server_new(struct server **ret, struct loop *loop, struct shm_worker *shm,
	       struct core_probes *probes, struct diag *d)
{
	struct upstream_events ev = { .answer = on_answer, .fail = on_fail, .event = on_event,
				     .descriptor_make = on_descriptor_make };
	struct tcp_limits limits;
	struct server *s = calloc(1, sizeof(*s));
	if (!s)
		return diag_set(d, ERR_NOMEM, "no memory for the server");
	tcp_limits_default(&limits);
	s->loop = loop;
	s->shm = shm;
	s->probes = probes;
	s->core_timer.due = core_due;
	s->batch = udp_batch_new();
	s->scratch = malloc(sizeof(*s->scratch));
	s->tcp = s->scratch ? tcp_server_new(loop, &limits, s->scratch, &shm->driver) : NULL;
	ev.ctx = s;
	if (!s->batch || !s->tcp ||
	    upstreams_init(&s->upstreams, loop, &ev, s->scratch, &shm->driver) < 0 ||
	    observe_new(&s->observe, loop, shm, &s->upstreams, d) < 0) {
		server_free(s);
		return diag_set(d, ERR_NOMEM, "no memory for the server");
	}
	loop->before_sleep = before_sleep;
	loop->ctx = s;
	*ret = s;
	return 0;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	listeners_close(s);
	tcp_server_free(s->tcp);
	upstreams_release(&s->upstreams);
	core_free(s->core);
	udp_batch_free(s->batch);
	free(s->scratch);
	observe_free(s->observe);
	corefile_plan_free(s->plan);
	loop_timer_set(s->loop, &s->core_timer, T_NEVER);
	s->loop->before_sleep = NULL;
	free(s);
}

void server_hold(struct server *s, const struct ctl_listener *but, size_t n)
{
	s->held = true;
	s->n_read_on = n;
	if (n)
		memcpy(s->read_on, but, n * sizeof(*but));
	listeners_pause(s, false);
}

int server_serve(struct server *s, struct diag *d)
{
	if (!s->held)
		return 0;
	s->held = false;
	int rc = listeners_resume(s, d);
	s->n_read_on = 0;
	return rc;
}

bool server_leave(struct server *s, bool all, bool now)
{
	bool udp;
	s->held = true;
	if (all || now) {
		listeners_empty(s); /* those that nobody else reads */
		s->n_read_on = 0;
	}
	udp = now || s->shm->core.waiters == 0;
	listeners_leave(s, udp);
	return udp && s->n_read_on == 0;
}

void server_part(struct server *s)
{
	tcp_server_part(s->tcp, -1);
}

void server_part_at(struct server *s, const struct ctl_listener *at, size_t n)
{
	for (unsigned i = 0; i < s->n_slots; i++)
		if (s->listener[i].used && listener_among(&s->listener[i], at, n))
			tcp_server_part(s->tcp, (int)i);
}

void server_part_idle(struct server *s)
{
	tcp_server_drain(s->tcp, -1);
}

void server_drain(struct server *s)
{
	listeners_empty(s);
	listeners_pause(s, true);
	tcp_server_drain(s->tcp, -1);
}

bool server_idle(const struct server *s)
{
	return s->shm->core.waiters == 0 && tcp_server_open(s->tcp) == 0;
}

struct core *server_core(struct server *s)
{
	return s->core;
}

const struct corefile_plan *server_plan(const struct server *s)
{
	return s->plan;
}
