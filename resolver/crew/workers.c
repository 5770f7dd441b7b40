/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "resolver/crew/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/worker/ctl.h"
#include "resolver/net/fdpass.h"
#include "resolver/node/signals.h"
#include "resolver/worker/worker.h"

#define QUICK_NS   NS_PER_S           /* a life shorter than this counts against it */
#define BACKOFF_NS (16 * NS_PER_MS)   /* doubled per quick death after the first */
#define BACKOFF_MAX_NS NS_PER_S

static void slot_start(struct worker_slot *s);

/* --- messages --- */

static void slot_configure(struct worker_slot *s)
{
	struct workers *w = s->all;
	struct ctl_msg m = { .type = CTL_CONFIGURE, .value = w->generation };
	int fds[CTL_FDS_MAX];
	unsigned n = 0;
	if (!s->pid || !w->generation)
		return;
	if (w->held && workers_hold_one(w, s->ctl.fd) < 0)
		log_error("worker %u: cannot be held: %s", s->index, strerror(errno));
	memcpy(m.file, w->file, sizeof(m.file));
	m.text_len = w->text_len;
	m.n_listeners = w->sockets->n;
	fds[n++] = w->text_fd;
	for (unsigned i = 0; i < w->sockets->n; i++) {
		const struct socket_set *t = &w->sockets->set[i];
		m.listener[i] = (struct ctl_listener){ .addr = t->addr, .port = t->port,
						       .n_more = (uint16_t)(t->n_more / t->n) };
		fds[n++] = t->udp[s->index];
		fds[n++] = t->tcp[s->index];
	}
	for (unsigned i = 0; i < w->sockets->n; i++) {
		const struct socket_set *t = &w->sockets->set[i];
		for (unsigned k = s->index; k < t->n_more; k += t->n)
			fds[n++] = t->more[k];
	}
	if (ctl_send(s->ctl.fd, &m, fds, n) < 0)
		log_error("worker %u: cannot be configured: %s", s->index, strerror(errno));
	workers_look(w);
}

static void slot_message(struct worker_slot *s, const struct ctl_msg *m)
{
	struct workers *w = s->all;
	if (m->type == CTL_PONG)
		s->ping_ns = 0;
	workers_answer(s, m->type, m->value);
	if (m->value != w->generation)
		return; /* about a configuration already replaced */
	if (m->type == CTL_READY) {
		s->ready = m->value;
		s->hangs = 0;
		w->changed(w->ctx, NULL);
	} else if (m->type == CTL_FAILED) {
		w->changed(w->ctx, m->text);
	}
}

static void ctl_ready(struct loop_fd *fd, uint32_t events)
{
	struct worker_slot *s = container_of(fd, struct worker_slot, ctl);
	struct ctl_msg m;
	int fds[CTL_FDS_MAX], rc;
	unsigned n_fds = 0;
	(void)events;
	while ((rc = ctl_recv(fd->fd, &m, fds, &n_fds)) > 0) {
		fdpass_close(fds, n_fds); /* a worker has none to give */
		slot_message(s, &m);
	}
	if (rc < 0)
		loop_del(s->all->loop, fd); /* dying: SIGCHLD tells the rest */
}

/* --- life and death --- */

/* In the child: nothing of the supervisor's may stay open but the control
 * socket, and the standard descriptors. */
static void child_run(struct worker_slot *s, int ctl_fd, pid_t supervisor)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* These are the supervisor's business, also when they come from a terminal. */
	signals_ignore_rest();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	if (ctl_fd != 3) {
		dup2(ctl_fd, 3);
		ctl_fd = 3;
	}
	close_range(4, ~0u, 0);
	struct worker_start start = {
		.ctl_fd = ctl_fd, .supervisor = supervisor, .index = s->index,
		.shm = &s->all->shm->worker[s->index], .loops = &s->all->shm->loops,
		.dns_port = s->all->dns_port,
		.private_port = s->all->private_port,
	};
	_exit(worker_main(&start));
}

static void restart_later(struct worker_slot *s)
{
	uint64_t wait = 0, now = s->all->loop->now_ns;
	if (s->quick_deaths > 1)
		wait = BACKOFF_NS << (s->quick_deaths - 2 < 6 ? s->quick_deaths - 2 : 6);
	if (wait > BACKOFF_MAX_NS)
		wait = BACKOFF_MAX_NS;
	loop_timer_set(s->all->loop, &s->restart, now + wait);
}

static void restart_due(struct loop_timer *t)
{
	slot_start(container_of(t, struct worker_slot, restart));
}

static void start_failed(struct worker_slot *s, const char *why)
{
	log_error("worker %u: starting it: %s", s->index, why);
	s->quick_deaths++;
	restart_later(s);
}

static void slot_start(struct worker_slot *s)
{
	struct workers *w = s->all;
	struct diag d;
	int fd[2];
	pid_t me = getpid(), pid;
	if (s->pid || w->stopping)
		return;
	if (ctl_pair(fd, &d) < 0) {
		start_failed(s, d.text);
		return;
	}
	pid = fork();
	if (pid == 0)
		child_run(s, fd[1], me);
	close(fd[1]);
	s->started_ns = clock_mono_ns();
	if (pid < 0 || loop_add(w->loop, &s->ctl, fd[0], EPOLLIN) < 0) {
		start_failed(s, strerror(errno));
		close(fd[0]);
		return;
	}
	s->pid = pid;
	s->ready = 0;
	s->ping_ns = 0;
	slot_configure(s);
}

/* Gauges of a dead worker are nobody's any more; its counters stay. */
static void gauges_reset(struct shm_worker *m)
{
	m->core.entries_success = m->core.entries_denial = m->core.bytes_used = 0;
	memset(m->core.block_entries, 0, sizeof(m->core.block_entries));
	m->core.inflight = m->core.waiters = m->core.clients = 0;
	m->driver.tcp_open = m->driver.tcp_held_bytes = m->driver.up_udp_open = m->driver.up_tcp_open = 0;
	m->driver.dnstap_connected = 0;
}

static void slot_died(struct worker_slot *s, int status)
{
	struct workers *w = s->all;
	loop_del(w->loop, &s->ctl);
	close(s->ctl.fd);
	s->pid = 0;
	s->ready = 0;
	gauges_reset(&w->shm->worker[s->index]);
	workers_answer(s, 0, 0);
	if (w->stopping)
		return;
	w->shm->worker_restarts++;
	bool quick = clock_mono_ns() - s->started_ns < QUICK_NS;
	s->quick_deaths = quick ? s->quick_deaths + 1 : 0;
	if (WIFSIGNALED(status))
		log_error("worker %u died of signal %d (%s), replacing it", s->index, WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	else
		log_error("worker %u ended with status %d, replacing it", s->index, WEXITSTATUS(status));
	if (s->quick_deaths > 1)
		restart_later(s);
	else
		slot_start(s);
}

void workers_reap(struct workers *w)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < w->n; i++)
			if (w->slot[i].pid == pid)
				slot_died(&w->slot[i], status);
}

/* --- all of them --- */

int workers_init(struct workers *w, struct loop *loop, struct shm *shm, const struct sockets *s,
		 unsigned n, uint16_t dns_port)
{
	*w = (struct workers){ .loop = loop, .shm = shm, .sockets = s, .n = n, .dns_port = dns_port,
			       .text_fd = -1 };
	for (unsigned i = 0; i < n; i++) {
		w->slot[i].all = w;
		w->slot[i].index = i;
		w->slot[i].cache_fd = -1;
		w->slot[i].ctl.ready = ctl_ready;
		w->slot[i].restart.due = restart_due;
	}
	return 0;
}

static int all_write(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int workers_configure(struct workers *w, const struct config *c, struct diag *d)
{
	char *files = NULL;
	size_t files_len = 0;
	if (config_texts_pack(&c->files, &files, &files_len) < 0)
		return diag_set(d, ERR_NOMEM, "no memory for the files of the Corefile");
	int fd = memfd_create("Corefile", MFD_CLOEXEC), rc = 0;
	if (fd < 0 || all_write(fd, c->text, c->len) < 0 || all_write(fd, files, files_len) < 0)
		rc = diag_errno(d, fd < 0 ? "memfd_create" : "write");
	free(files);
	if (rc < 0) {
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (w->text_fd >= 0)
		close(w->text_fd);
	w->text_fd = fd;
	w->text_len = (uint32_t)c->len;
	snprintf(w->file, sizeof(w->file), "%s", c->name);
	w->generation++;
	for (unsigned i = 0; i < w->n; i++)
		slot_configure(&w->slot[i]);
	return 0;
}

void workers_start(struct workers *w)
{
	for (unsigned i = 0; i < w->n; i++)
		slot_start(&w->slot[i]);
}

bool workers_ready(const struct workers *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->slot[i].ready != w->generation || !w->generation)
			return false;
	return true;
}

unsigned workers_alive(const struct workers *w)
{
	unsigned n = 0;
	for (unsigned i = 0; i < w->n; i++)
		n += w->slot[i].pid != 0;
	return n;
}

static void all_tell(const struct workers *w, const struct ctl_msg *m)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->slot[i].pid)
			ctl_send(w->slot[i].ctl.fd, m, NULL, 0);
}

void workers_part(struct workers *w, uint32_t idle_ms)
{
	struct ctl_msg m = { .type = CTL_PART, .value = idle_ms };
	all_tell(w, &m);
}

void workers_part_but(struct workers *w, const struct corefile_plan *next)
{
	struct ctl_msg m = { .type = CTL_PART };
	for (unsigned i = 0; i < w->sockets->n; i++) {
		const struct socket_set *t = &w->sockets->set[i];
		if (!sockets_wanted(t, next))
			m.listener[m.n_listeners++] = (struct ctl_listener){ .addr = t->addr, .port = t->port };
	}
	if (m.n_listeners)
		all_tell(w, &m);
}

unsigned workers_connections(const struct workers *w)
{
	unsigned n = 0;
	for (unsigned i = 0; i < w->n; i++)
		n += w->slot[i].pid ? (unsigned)w->shm->worker[i].driver.tcp_open : 0;
	return n;
}

uint64_t workers_waiters(const struct workers *w)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < w->n; i++)
		n += w->slot[i].pid ? w->shm->worker[i].core.waiters : 0;
	return n;
}

void workers_drain(struct workers *w, uint32_t allowed_ms)
{
	struct ctl_msg m = { .type = CTL_DRAIN, .value = allowed_ms };
	w->stopping = true;
	for (unsigned i = 0; i < w->n; i++) {
		loop_timer_set(w->loop, &w->slot[i].restart, T_NEVER);
		if (w->slot[i].pid && ctl_send(w->slot[i].ctl.fd, &m, NULL, 0) < 0)
			kill(w->slot[i].pid, SIGKILL);
	}
}

void workers_kill(struct workers *w)
{
	w->stopping = true;
	for (unsigned i = 0; i < w->n; i++)
		if (w->slot[i].pid)
			kill(w->slot[i].pid, SIGKILL);
}

void workers_release(struct workers *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		struct worker_slot *s = &w->slot[i];
		loop_timer_set(w->loop, &s->restart, T_NEVER);
		if (!s->pid)
			continue;
		loop_del(w->loop, &s->ctl);
		close(s->ctl.fd);
	}
	workers_export_close(w);
	if (w->loop)
		loop_timer_set(w->loop, &w->look, T_NEVER);
	if (w->text_fd >= 0)
		close(w->text_fd);
	w->text_fd = -1;
}
