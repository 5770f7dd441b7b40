/* SPDX-License-Identifier: Apache-2.0 */
/* Start, signals, end, and who is told what; see the header for the order. */
#include "resolver/supervisor/supervisor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/opt.h"
#include "resolver/net/sockaddr.h"
#include "resolver/node/signals.h"
#include "resolver/supervisor/pidfile.h"
#include "resolver/supervisor/succession.h"

#define START_LIMIT_NS (10 * NS_PER_S) /* then the failing self-test is said aloud */

/* --- signals --- */

static void signal_ready(struct loop_fd *w, uint32_t events)
{
	struct supervisor *s = container_of(w, struct supervisor, signals);
	struct signalfd_siginfo si;
	(void)events;
	while (read(w->fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		switch (si.ssi_signo) {
		case SIGCHLD:
			workers_reap(&s->workers);
			ending_worker_gone(s);
			break;
		case SIGTERM:
			log_info("SIGTERM: Shutting down servers then terminating");
			ending_stop(s, true);
			break;
		case SIGINT:
			if (s->process.phase >= PHASE_LAMEDUCK) {
				ending_quit(s, 2);
				break;
			}
			log_info("SIGINT: Shutting down");
			ending_stop(s, false);
			break;
		case SIGQUIT:
			log_info("SIGQUIT: Quitting process immediately");
			ending_quit(s, 0);
			break;
		case SIGUSR1:
			log_info("SIGUSR1: Reloading");
			configuration_reload(&s->configuration, true);
			break;
		default: /* SIGHUP, SIGUSR2: as the original, nothing */
			break;
		}
	}
}

static int signals_start(struct supervisor *s, struct diag *d)
{
	static const int caught[] = { SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGHUP, SIGCHLD };
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(&set, caught[i]);
	signals_ignore_rest();
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals.ready = signal_ready;
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return diag_errno(d, "signalfd");
	return loop_add(&s->process.loop, &s->signals, fd, EPOLLIN) < 0 ? diag_errno(d, "epoll") : 0;
}

/* Clients over TCP, upstream connections and sockets: room for all of them. */
static void descriptors_allow(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	rlim_t wish = 65536;
	if (r.rlim_max < wish) {
		struct rlimit more = { wish, wish };
		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
		wish = r.rlim_max;
	}
	if (r.rlim_cur < wish) {
		r.rlim_cur = wish;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int shm_start(struct process *p, unsigned n_workers, struct diag *d)
{
	size_t len = sizeof(*p->shm) + n_workers * sizeof(p->shm->worker[0]);
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return diag_errno(d, "mmap");
	p->shm = at;
	p->shm->n_workers = n_workers;
	for (unsigned i = 0; i < n_workers && p->flags->debug_top != DEBUG_TOP_OFF; i++)
		top_init(&p->shm->worker[i].top);
	return 0;
}

/* --- who is told what --- */

static void banner(const struct node_flags *f, const struct corefile_plan *p)
{
	char text[SOCKADDR_TEXT], label[4096];
	if (f->quiet)
		return;
	for (size_t i = 0; i < p->n_blocks; i++) {
		log_escape(label, sizeof(label), p->block[i].label);
		for (size_t j = 0; j < p->conf.n_listeners; j++)
			if (p->block[i].listeners >> j & 1)
				printf("%s on %s\n", label,
				       sockaddr_text(text, &p->conf.listener[j].addr,
						     p->conf.listener[j].port));
	}
	printf("Nodens-%s\n", opt_version());
	fflush(stdout);
}

static void first_passed(void *ctx)
{
	struct supervisor *s = ctx;
	struct process *p = &s->process;
	banner(p->flags, p->plan);
	log_setup("node-cache", LOG_STYLE_COREDNS, LOG_LVL_INFO);
	log_info("Running configuration SHA256 = %s", p->plan->digest);
	loop_timer_set(&p->loop, &s->late, T_NEVER);
	p->phase = PHASE_SERVING;
	upkeep_now(&s->upkeep);
	handover_serving(p->handover);
	s->pidfile_written |= pidfile_write(p->flags->pidfile);
	configuration_resume(&s->configuration); /* asked for while we took over */
}

static void test_begins(void *ctx)
{
	struct supervisor *s = ctx;
	endpoints_look(&s->endpoints);
}

static void rules_retry(void *ctx, uint64_t in_ns)
{
	struct supervisor *s = ctx;
	upkeep_within(&s->upkeep, in_ns);
}

static void rules_counted(void *ctx)
{
	struct supervisor *s = ctx;
	endpoints_resume(&s->endpoints);
}

static void rules_leaving(void *ctx, const struct corefile_plan *but)
{
	struct supervisor *s = ctx;
	sockets_deafen(&s->sockets, but);
}

static void rules_left(void *ctx)
{
	struct supervisor *s = ctx;
	sockets_hear(&s->sockets);
}

static void keeper_gone(void *ctx)
{
	ending_stop(ctx, false);
}

static bool leaving(void *ctx, const struct corefile_plan *next)
{
	struct supervisor *s = ctx;
	return rules_leave(&s->rules, next);
}

static void stayed(void *ctx)
{
	struct supervisor *s = ctx;
	rules_listeners(&s->rules);
}

static void switched(void *ctx, bool first)
{
	struct supervisor *s = ctx;
	endpoints_sync(&s->endpoints);
	rules_listeners(&s->rules);
	if (first && handover_waiting(s->process.handover))
		handover_configured(s->process.handover);
	else if (first)
		health_test(&s->health);
}

/* What was on the interface before we came may be a living neighbour's. */
static void unservable(void *ctx)
{
	struct supervisor *s = ctx;
	upkeep_undo(&s->upkeep);
	s->process.not_ours = true;
	ending_done(s, 1);
}

static void worker_changed(void *ctx, const char *why)
{
	struct supervisor *s = ctx;
	configuration_answered(&s->configuration, why);
}

static void workers_answered(void *ctx)
{
	struct supervisor *s = ctx;
	handover_answered(s->process.handover);
}

static void late(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, late);
	if (s->process.phase == PHASE_STARTING)
		log_warn("no self-test has passed yet: rules wait");
}

static const struct health_hooks health_hooks = { .beat = test_begins, .first = first_passed };
static const struct rules_hooks rules_hooks = { .retry = rules_retry, .counted = rules_counted, .lost = keeper_gone,
						 .leaving = rules_leaving, .left = rules_left };
static const struct configuration_hooks configuration_hooks = { .leaving = leaving, .stayed = stayed, .switched = switched,
								   .unservable = unservable };

/* --- the start --- */

static unsigned workers_wanted(const struct node_flags *f)
{
	unsigned n = f->workers ? (unsigned)f->workers : 1;
	return n > SHM_WORKERS_MAX ? SHM_WORKERS_MAX : n;
}

/* What the instance that we take over from listened at, and is no address of ours. */
static void released_note(struct process *p, const struct sockets *sockets)
{
	struct node_released *r = &p->released;
	r->handed_over = true;
	for (unsigned i = 0; i < sockets->n; i++) {
		bool ours = false;
		for (size_t k = 0; k < p->flags->n_localips; k++)
			ours |= IN6_ARE_ADDR_EQUAL(&p->flags->localip[k].addr, &sockets->set[i].addr);
		if (!ours && r->n < NODE_RELEASED_MAX)
			r->addr[r->n++] = sockets->set[i].addr;
	}
}

/* The sockets of an instance that is there already, and then as many workers as it has. */
static int sockets_take(struct supervisor *s, unsigned *n_workers, struct diag *d)
{
	struct process *p = &s->process;
	s->host = (struct handover_host){ .loop = &p->loop, .sockets = &s->sockets, .workers = &s->workers,
					  .path = p->flags->handover, .signal_fd = s->signals.fd,
					  .ask = &succession_asks, .ctx = s };
	p->handover = handover_new(&s->host);
	if (!p->handover)
		return diag_set(d, ERR_NOMEM, "no memory for the hand-over");
	int rc = handover_take(p->handover, d);
	if (rc < 0 && handover_told(p->handover))
		p->phase = PHASE_DONE;
	if (rc <= 0)
		return rc;
	p->not_ours = true;
	released_note(p, &s->sockets);
	if (p->flags->workers && handover_workers(p->handover) != *n_workers)
		log_warn("%u workers, as the instance before had; %u after a start without hand-over",
			 handover_workers(p->handover), *n_workers);
	*n_workers = handover_workers(p->handover);
	return 0;
}

/* What needs a worker or tells one something. */
static int workers_begin(struct supervisor *s, unsigned n, struct diag *d)
{
	struct process *p = &s->process;
	int rc = workers_init(&s->workers, &p->loop, p->shm, &s->sockets, n, p->flags->dns_port);
	if (rc < 0)
		return rc;
	if (node_rules_kind(p->node) != RULES_NONE)
		s->workers.private_port = sockets_private_port();
	s->workers.changed = worker_changed;
	s->workers.answered = workers_answered;
	s->workers.held = s->workers.held_adopted = handover_waiting(p->handover);
	s->workers.ctx = s;
	upkeep_now(&s->upkeep); /* the interface; rules come after the self-test */
	rc = configuration_start(&s->configuration, s->workers.private_port, d);
	if (rc < 0)
		return rc;
	workers_start(&s->workers);
	return 0;
}

static int start(struct supervisor *s, int keeper_fd, struct diag *d)
{
	struct process *p = &s->process;
	unsigned n_workers = workers_wanted(p->flags);
	int rc = signals_start(s, d);
	if (rc == 0)
		rc = rules_start(&s->rules, p, keeper_fd, &rules_hooks, s, d);
	if (rc == 0)
		rc = sockets_take(s, &n_workers, d);
	if (rc == 0)
		rc = shm_start(p, n_workers, d);
	if (rc == 0)
		rc = node_open(&p->node, p->flags, d);
	if (rc == 0 && p->released.handed_over)
		node_released_set(p->node, &p->released);
	if (rc == 0)
		rc = rules_privileges(&s->rules, d);
	if (rc == 0)
		rc = endpoints_start(&s->endpoints, p, &s->rules, &s->sockets, &s->workers, d);
	s->host.http = s->endpoints.http;
	if (rc == 0)
		rc = health_start(&s->health, p, &s->rules, &s->workers, &health_hooks, s, d);
	if (rc < 0)
		return rc;
	upkeep_start(&s->upkeep, p, &s->rules, &s->endpoints, &s->sockets);
	rc = workers_begin(s, n_workers, d);
	if (rc < 0)
		return rc;
	s->late.due = late;
	loop_timer_set(&p->loop, &s->late, p->loop.now_ns + START_LIMIT_NS);
	return 0;
}

/* --- the end --- */

static void release(struct supervisor *s)
{
	struct process *p = &s->process;
	sockets_close(&s->sockets); /* who still waits there to be accepted is told so, from an address that is there */
	rules_remove(&s->rules);
	upkeep_undo(&s->upkeep);
	upkeep_leave(&s->upkeep);
	workers_kill(&s->workers);
	workers_release(&s->workers);
	upkeep_release(&s->upkeep);
	health_release(&s->health);
	rules_release(&s->rules);
	handover_free(p->handover);
	endpoints_release(&s->endpoints);
	configuration_release(&s->configuration);
	node_close(p->node);
	loop_del(&p->loop, &s->signals);
	if (s->signals.fd > 0)
		close(s->signals.fd);
	loop_release(&p->loop);
}

static int run(struct supervisor *s, int keeper_fd)
{
	struct diag d = { "" };
	if (loop_init(&s->process.loop, &d) < 0 || start(s, keeper_fd, &d) < 0) {
		if (s->process.phase == PHASE_DONE) /* told to stop before anything was done */
			return 0;
		log_line(LOG_LVL_FATAL, "%s", d.text);
		return 1;
	}
	if (loop_run(&s->process.loop) < 0)
		s->ending.exit_code = 1;
	return s->ending.exit_code;
}

int supervisor_run(const struct node_flags *f, int keeper_fd)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	if (!s)
		return 1;
	s->process.flags = f;
	s->process.start_real_s = clock_real_ns() / NS_PER_S;
	s->workers.text_fd = -1;
	s->rules.keeper.fd = -1;
	configuration_init(&s->configuration, &s->process, &s->sockets, &s->workers, &configuration_hooks, s);
	ending_init(s);
	descriptors_allow();
	int code = run(s, keeper_fd);
	release(s);
	free(s);
	return code;
}
