/* SPDX-License-Identifier: Apache-2.0 */
/* Does a worker's loop turn? Who has much to read when it is configured turns late, and must not be killed for it for ever. */
#include <signal.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/crew/workers.h"
#include "resolver/worker/ctl.h"

#define LOOK_NS   (500 * NS_PER_MS)
#define HANGS_MAX 5 /* doublings of the patience */

static bool is_loading(const struct worker_slot *s)
{
	return s->pid && s->ready != s->all->generation;
}

static void look_due(struct loop_timer *t)
{
	struct workers *w = container_of(t, struct workers, look);
	bool any = false;
	for (unsigned i = 0; i < w->n; i++)
		any |= is_loading(&w->slot[i]);
	if (!any || w->stopping)
		return;
	workers_ping(w, WORKERS_HANG_NS);
	workers_look(w);
}

void workers_look(struct workers *w)
{
	w->look.due = look_due;
	if (!w->look.armed)
		loop_timer_set(w->loop, &w->look, w->loop->now_ns + LOOK_NS);
}

static bool slot_ping(struct worker_slot *s, uint64_t patience_ns)
{
	struct ctl_msg m = { .type = CTL_PING };
	uint64_t now = s->all->loop->now_ns;
	if (!s->ping_ns) {
		ctl_send(s->ctl.fd, &m, NULL, 0);
		s->ping_ns = now;
	} else if (now - s->ping_ns > patience_ns << s->hangs) {
		bool loading = is_loading(s);
		log_error("worker %u has not moved for %.1f s%s", s->index, (double)(now - s->ping_ns) / 1e9,
			  loading ? ", being configured" : "");
		s->hangs += loading && s->hangs < HANGS_MAX;
		kill(s->pid, SIGKILL);
		s->ping_ns = 0;
		return true;
	}
	return false;
}

bool workers_ping(struct workers *w, uint64_t patience_ns)
{
	bool killed = false;
	for (unsigned i = 0; i < w->n; i++)
		killed |= w->slot[i].pid && slot_ping(&w->slot[i], patience_ns);
	return killed;
}

bool workers_prompt(const struct workers *w, uint64_t age_ns)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->slot[i].ping_ns && w->loop->now_ns - w->slot[i].ping_ns > age_ns)
			return false;
	return true;
}
