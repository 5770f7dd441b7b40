/* SPDX-License-Identifier: Apache-2.0 */
/* What workers are told when one instance takes over from another. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/worker/ctl.h"
#include "resolver/crew/workers.h"

static bool all_answered(const struct workers *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->slot[i].awaits)
			return false;
	return true;
}

/* A worker that is not there, or cannot be told, is not waited for. */
static void tell(struct worker_slot *s, uint32_t type, const int *fd, uint32_t answer)
{
	struct ctl_msg m = { .type = type };
	bool told = s->pid && ctl_send(s->ctl.fd, &m, fd, fd ? 1 : 0) == 0;
	s->awaits = told ? answer : 0;
}

int workers_hold_one(const struct workers *w, int ctl_fd)
{
	struct ctl_msg m = { .type = CTL_HOLD };
	for (unsigned i = 0; i < w->sockets->n && i < 64; i++) {
		const struct socket_set *t = &w->sockets->set[i];
		if (w->held_adopted ? !t->adopted : w->held_but >> i & 1)
			m.listener[m.n_listeners++] = (struct ctl_listener){ .addr = t->addr, .port = t->port };
	}
	return ctl_send(ctl_fd, &m, NULL, 0);
}

static void tell_all(struct workers *w, uint32_t type, uint32_t answer)
{
	for (unsigned i = 0; i < w->n; i++)
		tell(&w->slot[i], type, NULL, answer);
	if (all_answered(w))
		w->answered(w->ctx);
}

void workers_hold(struct workers *w, uint64_t but)
{
	w->held = true;
	w->held_adopted = false;
	w->held_but = but;
	for (unsigned i = 0; i < w->n; i++) {
		struct worker_slot *s = &w->slot[i];
		s->awaits = s->pid && workers_hold_one(w, s->ctl.fd) == 0 ? CTL_HELD : 0;
	}
	if (all_answered(w))
		w->answered(w->ctx);
}

void workers_serve(struct workers *w)
{
	w->held = false;
	tell_all(w, CTL_SERVE, CTL_SERVING);
}

void workers_export_close(struct workers *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (w->slot[i].cache_fd >= 0)
			close(w->slot[i].cache_fd);
		w->slot[i].cache_fd = -1;
	}
}

int workers_export(struct workers *w, struct diag *d)
{
	workers_export_close(w);
	w->n_entries = 0;
	for (unsigned i = 0; i < w->n; i++) {
		w->slot[i].cache_fd = memfd_create("cache", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (w->slot[i].cache_fd < 0) {
			int rc = diag_errno(d, "memfd_create");
			workers_export_close(w);
			return rc;
		}
	}
	for (unsigned i = 0; i < w->n; i++)
		tell(&w->slot[i], CTL_EXPORT, &w->slot[i].cache_fd, CTL_EXPORTED);
	if (all_answered(w))
		w->answered(w->ctx);
	return 0;
}

void workers_import(struct workers *w, const int *fd, unsigned n)
{
	w->n_entries = 0;
	for (unsigned i = 0; i < w->n && n; i++)
		tell(&w->slot[i], CTL_IMPORT, &fd[i % n], CTL_IMPORTED);
	if (all_answered(w))
		w->answered(w->ctx);
}

void workers_finish(struct workers *w, uint32_t allowed_ms)
{
	struct ctl_msg m = { .type = CTL_FINISH, .value = allowed_ms };
	w->stopping = true;
	for (unsigned i = 0; i < w->n; i++) {
		loop_timer_set(w->loop, &w->slot[i].restart, T_NEVER);
		if (w->slot[i].pid && ctl_send(w->slot[i].ctl.fd, &m, NULL, 0) < 0)
			kill(w->slot[i].pid, SIGKILL);
	}
}

/* Type 0: it died. */
void workers_answer(struct worker_slot *s, uint32_t type, uint32_t value)
{
	struct workers *w = s->all;
	if (!s->awaits || (type && type != s->awaits))
		return;
	s->awaits = 0;
	w->n_entries += value;
	if (type == CTL_EXPORTED)
		fcntl(s->cache_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	if (all_answered(w))
		w->answered(w->ctx);
}
