/* SPDX-License-Identifier: Apache-2.0 */
/* One timer for all three, and one that lets a burst of kernel messages pass. */
#include "resolver/supervisor/upkeep.h"

#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/node/iface_watch.h"

#define SETTLE_NS (20 * NS_PER_MS) /* an interface goes in several messages */
#define SWEEP_NS  NS_PER_S         /* after a hand-over: is the old one done with its addresses? */
#define SWEEP_FOR_NS (30 * NS_PER_S)

static void iface_sync(struct upkeep *u)
{
	struct diag d = { "" };
	if ((!u->p->not_ours || u->lent) && node_iface_ensure(u->p->node, &d) < 0)
		log_error("interface %s: %s", u->p->flags->interface_name, d.text);
}

/* Addresses that an instance before left; not while one may still come back to them. */
static void iface_sweep_once(struct upkeep *u)
{
	struct diag d = { "" };
	bool left = false;
	if (u->swept || u->p->not_ours)
		return;
	if (node_iface_sweep(u->p->node, u->p->phase == PHASE_DONE, &left, &d) < 0)
		log_error("interface %s: what an instance before left: %s", u->p->flags->interface_name, d.text);
	else
		u->swept = !left;
}

void upkeep_lend(struct upkeep *u)
{
	u->lent = true;
	iface_sync(u);
}

void upkeep_keep(struct upkeep *u)
{
	u->lent = false;
	u->sweep_until_ns = u->p->loop.now_ns + SWEEP_FOR_NS;
	upkeep_within(u, 0);
}

void upkeep_undo(struct upkeep *u)
{
	struct diag d = { "" };
	bool begun = u->p && u->p->phase == PHASE_STARTING && !u->p->flags->skip_teardown;
	if ((u->lent || begun) && u->p->node && node_iface_undo(u->p->node, &d) < 0)
		log_error("interface %s: %s", u->p->flags->interface_name, d.text);
	u->lent = false;
}

void upkeep_leave(struct upkeep *u)
{
	struct process *p = u->p;
	struct diag d = { "" };
	if (!p || p->phase != PHASE_DONE || !p->node || p->flags->skip_teardown || p->not_ours)
		return;
	iface_sweep_once(u);
	if (node_iface_remove(p->node, &d) < 0)
		log_error("interface %s: %s", p->flags->interface_name, d.text);
}

static void iface_ready(struct loop_fd *w, uint32_t events)
{
	struct upkeep *u = container_of(w, struct upkeep, iface);
	(void)events;
	if (iface_watch_read(w->fd))
		loop_timer_set(&u->p->loop, &u->settle, u->p->loop.now_ns + SETTLE_NS);
}

static void iface_settled(struct loop_timer *t)
{
	struct upkeep *u = container_of(t, struct upkeep, settle);
	if (u->p->phase <= PHASE_LAMEDUCK)
		iface_sync(u);
}

static void iface_watch_start(struct upkeep *u)
{
	struct diag d = { "" };
	int fd;
	u->iface.ready = iface_ready;
	u->settle.due = iface_settled;
	if (!u->p->flags->setup_interface)
		return;
	if (iface_watch_open(&fd, &d) < 0) {
		log_warn("%s: the interface is looked at every sync interval only", d.text);
		return;
	}
	if (loop_add(&u->p->loop, &u->iface, fd, EPOLLIN) < 0)
		close(fd);
}

void upkeep_now(struct upkeep *u)
{
	struct process *p = u->p;
	if (p->phase != PHASE_SERVING && p->phase != PHASE_STARTING)
		return;
	iface_sync(u);
	if (p->phase == PHASE_SERVING)
		loop_timer_set(&p->loop, &u->timer, p->loop.now_ns + p->flags->sync_interval_ns);
	rules_ensure(u->rules);
	if (p->phase == PHASE_SERVING)
		iface_sweep_once(u);
	if (p->loop.now_ns < u->sweep_until_ns && (!u->swept || !rules_swept(u->rules)))
		upkeep_within(u, SWEEP_NS);
	endpoints_sync(u->endpoints);
}

void upkeep_within(struct upkeep *u, uint64_t ns)
{
	struct process *p = u->p;
	if (p->phase == PHASE_SERVING && p->flags->sync_interval_ns > ns)
		loop_timer_set(&p->loop, &u->timer, p->loop.now_ns + ns);
}

static void due(struct loop_timer *t)
{
	struct upkeep *u = container_of(t, struct upkeep, timer);
	if (u->p->phase == PHASE_SERVING && !handover_busy(u->p->handover))
		sockets_steer(u->sockets, false); /* who shares a socket with a flood does so for a while only */
	upkeep_now(u);
}

void upkeep_stop(struct upkeep *u)
{
	if (u->p)
		loop_timer_set(&u->p->loop, &u->timer, T_NEVER);
}

void upkeep_start(struct upkeep *u, struct process *p, struct rules *rules, struct endpoints *endpoints,
		  const struct sockets *sockets)
{
	*u = (struct upkeep){ .p = p, .rules = rules, .endpoints = endpoints, .sockets = sockets };
	u->timer.due = due;
	iface_watch_start(u);
}

void upkeep_release(struct upkeep *u)
{
	if (!u->p)
		return;
	upkeep_stop(u);
	loop_timer_set(&u->p->loop, &u->settle, T_NEVER);
	if (u->iface.registered) {
		loop_del(&u->p->loop, &u->iface);
		close(u->iface.fd);
	}
}
