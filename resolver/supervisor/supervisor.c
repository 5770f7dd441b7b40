/* SPDX-License-Identifier: Apache-2.0 */
/* Start, signals, end; see the header for the order. */
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
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/opt.h"
#include "resolver/node/signals.h"
#include "resolver/node/privileges.h"
#include "resolver/net/sockaddr.h"

#define DRAIN_MS      5000 /* as long as the original waits for its servers */
#define DRAIN_SLACK_NS (500 * NS_PER_MS)
#define START_LIMIT_NS (10 * NS_PER_S) /* then the failing self-test is said aloud */

/* --- the end --- */

void supervisor_done(struct supervisor *s)
{
	s->phase = PHASE_DONE;
	s->loop.stop = true;
}

#define STAY_LOOK_NS NS_PER_S

/* Nobody of ours answers any more. Whoever restarts a container that ends would
 * have it take everything back at once, so after a hand-over a container's first
 * process stays until it is told to stop, or is needed again. */
static void all_finished(struct supervisor *s)
{
	if (!s->not_ours || s->told || !handover_first_process(s) || !handover_followed(s)) {
		supervisor_done(s);
		return;
	}
	if (!s->stays)
		log_info("another instance serves: waiting to be told to stop");
	s->stays = true;
	loop_timer_set(&s->loop, &s->phase_timer, s->loop.now_ns + STAY_LOOK_NS);
}

static void pidfile_remove(struct supervisor *s)
{
	if (s->pidfile_written && !s->not_ours)
		unlink(s->flags->pidfile);
	s->pidfile_written = false;
}

static void drain(struct supervisor *s)
{
	log_info("Tearing down");
	pidfile_remove(s);
	supervise_rules_off(s);
	s->phase = PHASE_DRAINING;
	workers_drain(&s->workers, DRAIN_MS);
	if (workers_alive(&s->workers) == 0)
		supervisor_done(s);
	else
		loop_timer_set(&s->loop, &s->phase_timer,
			       s->loop.now_ns + DRAIN_MS * NS_PER_MS + DRAIN_SLACK_NS);
}

void supervisor_handed_over(struct supervisor *s, uint32_t allowed_ms)
{
	s->not_ours = true;
	supervise_rules_off(s);
	http_mark(s->http);
	http_sweep(s->http);
	s->phase = PHASE_DRAINING;
	workers_finish(&s->workers, allowed_ms);
	/* Not read by us any more: whoever binds the address anew would share it with them. */
	sockets_close(&s->sockets);
	if (workers_alive(&s->workers) == 0)
		all_finished(s);
	else
		loop_timer_set(&s->loop, &s->phase_timer,
			       s->loop.now_ns + allowed_ms * NS_PER_MS + DRAIN_SLACK_NS);
}

static uint64_t lameduck(const struct supervisor *s)
{
	uint64_t ns = 0;
	for (size_t i = 0; s->config.plan && i < s->config.plan->n_blocks; i++)
		if (s->config.plan->block[i].lameduck_ns > ns)
			ns = s->config.plan->block[i].lameduck_ns;
	return ns;
}

static void phase_due(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, phase_timer);
	switch (s->phase) {
	case PHASE_STARTING:
		log_warn("no self-test has passed yet: rules wait");
		break;
	case PHASE_LAMEDUCK:
		if (handover_busy(s))
			handover_stop_later(s, false);
		else
			drain(s);
		break;
	case PHASE_DRAINING:
		if (s->stays) {
			all_finished(s);
			break;
		}
		log_error("workers did not finish in time");
		s->exit_code = 3;
		workers_kill(&s->workers);
		supervisor_done(s);
		break;
	default:
		break;
	}
}

void supervisor_stop(struct supervisor *s, bool with_lameduck)
{
	uint64_t wait = with_lameduck && s->phase == PHASE_SERVING ? lameduck(s) : 0;
	s->told = true;
	if (s->stays)
		supervisor_done(s);
	if (s->phase >= PHASE_DRAINING || (s->phase == PHASE_LAMEDUCK && with_lameduck))
		return;
	if (handover_busy(s)) {
		handover_stop_later(s, with_lameduck);
		return;
	}
	if (s->not_ours && s->phase == PHASE_STARTING) { /* we never began */
		supervisor_done(s);
		return;
	}
	s->phase = PHASE_LAMEDUCK;
	if (wait == 0) {
		drain(s);
		return;
	}
	log_info("Going into lameduck mode for %.3gs", (double)wait / 1e9);
	loop_timer_set(&s->loop, &s->phase_timer, s->loop.now_ns + wait);
}

/* Rules and interface go, everything else just stops. */
static void quit(struct supervisor *s, int code)
{
	pidfile_remove(s);
	supervise_rules_off(s);
	workers_kill(&s->workers);
	s->exit_code = code;
	supervisor_done(s);
}

static void signal_ready(struct loop_fd *w, uint32_t events)
{
	struct supervisor *s = container_of(w, struct supervisor, signals);
	struct signalfd_siginfo si;
	(void)events;
	while (read(w->fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		switch (si.ssi_signo) {
		case SIGCHLD:
			workers_reap(&s->workers);
			if (s->phase == PHASE_DRAINING && workers_alive(&s->workers) == 0)
				all_finished(s);
			break;
		case SIGTERM:
			log_info("SIGTERM: Shutting down servers then terminating");
			supervisor_stop(s, true);
			break;
		case SIGINT:
			if (s->phase >= PHASE_LAMEDUCK) {
				quit(s, 2);
				break;
			}
			log_info("SIGINT: Shutting down");
			supervisor_stop(s, false);
			break;
		case SIGQUIT:
			log_info("SIGQUIT: Quitting process immediately");
			quit(s, 0);
			break;
		case SIGUSR1:
			log_info("SIGUSR1: Reloading");
			supervise_reload(s, true);
			break;
		default: /* SIGHUP, SIGUSR2: as the original, nothing */
			break;
		}
	}
}

/* --- the start --- */

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
	return loop_add(&s->loop, &s->signals, fd, EPOLLIN) < 0 ? diag_errno(d, "epoll") : 0;
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

static int shm_start(struct supervisor *s, unsigned n_workers, struct diag *d)
{
	size_t len = sizeof(*s->shm) + n_workers * sizeof(s->shm->worker[0]);
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return diag_errno(d, "mmap");
	s->shm = p;
	s->shm->n_workers = n_workers;
	for (unsigned i = 0; i < n_workers && s->flags->debug_top != DEBUG_TOP_OFF; i++)
		top_init(&s->shm->worker[i].top);
	return 0;
}

void supervisor_pidfile_write(struct supervisor *s)
{
	char text[32];
	struct diag d;
	if (!*s->flags->pidfile)
		return;
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (file_write_atomic(s->flags->pidfile, text, (size_t)n, &d) < 0)
		log_error("pidfile: %s", d.text);
	else
		s->pidfile_written = true;
}

static void banner(const struct supervisor *s)
{
	const struct corefile_plan *p = s->config.plan;
	char text[SOCKADDR_TEXT], label[4096];
	if (s->flags->quiet)
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

void supervisor_serving(struct supervisor *s)
{
	banner(s);
	log_setup("node-cache", LOG_STYLE_COREDNS, LOG_LVL_INFO);
	log_info("Running configuration SHA256 = %s", s->config.plan->digest);
	loop_timer_set(&s->loop, &s->phase_timer, T_NEVER);
	s->phase = PHASE_SERVING;
	supervise_sync(s);
	handover_serving(s);
	supervisor_pidfile_write(s);
}

static int start(struct supervisor *s, int keeper_fd, struct diag *d)
{
	unsigned n_workers = s->flags->workers ? (unsigned)s->flags->workers : 1;
	int rc = loop_init(&s->loop, d);
	if (n_workers > SHM_WORKERS_MAX)
		n_workers = SHM_WORKERS_MAX;
	if (rc == 0)
		rc = signals_start(s, d);
	if (rc == 0)
		rc = supervise_rules_start(s, keeper_fd, d);
	if (rc == 0)
		rc = handover_take(s, d);
	if (rc > 0) {
		if (s->flags->workers && handover_workers(s) != n_workers)
			log_warn("%u workers, as the instance before had; %u after a start without hand-over",
				 handover_workers(s), n_workers);
		n_workers = handover_workers(s);
		rc = 0;
	}
	if (rc == 0)
		rc = shm_start(s, n_workers, d);
	if (rc == 0)
		rc = node_open(&s->node, s->flags, d);
	if (rc == 0)
		rc = supervise_rules_privileges(s, d);
	if (rc == 0)
		rc = endpoints_start(s, d);
	if (rc == 0)
		rc = supervise_health_start(s, d);
	if (rc == 0)
		rc = workers_init(&s->workers, &s->loop, s->shm, &s->sockets, n_workers,
				  s->flags->dns_port);
	if (rc < 0)
		return rc;
	if (node_rules_kind(s->node) != RULES_NONE)
		s->source.private_port = s->workers.private_port = sockets_private_port();
	s->workers.changed = supervise_worker_changed;
	s->workers.answered = handover_answered;
	s->workers.held = handover_waiting(s);
	s->workers.ctx = s;
	s->phase_timer.due = phase_due;
	supervise_sync(s); /* the interface; rules come after the self-test */
	rc = supervise_config_start(s, d);
	if (rc < 0)
		return rc;
	workers_start(&s->workers);
	loop_timer_set(&s->loop, &s->phase_timer, s->loop.now_ns + START_LIMIT_NS);
	return 0;
}

static void release(struct supervisor *s)
{
	struct diag d;
	if (s->phase == PHASE_DONE && s->node && !s->flags->skip_teardown && !s->not_ours &&
	    node_iface_remove(s->node, &d) < 0)
		log_error("interface %s: %s", s->flags->interface_name, d.text);
	workers_kill(&s->workers);
	workers_release(&s->workers);
	supervise_health_release(s);
	supervise_rules_release(s);
	handover_release(s);
	endpoints_release(s);
	sockets_close(&s->sockets);
	supervise_config_release(s);
	node_close(s->node);
	loop_del(&s->loop, &s->signals);
	if (s->signals.fd > 0)
		close(s->signals.fd);
	loop_release(&s->loop);
}

int supervisor_run(const struct node_flags *f, int keeper_fd)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	struct diag d = { "" };
	int code = 1;
	if (!s)
		return 1;
	s->flags = f;
	s->start_real_s = clock_real_ns() / NS_PER_S;
	s->workers.text_fd = -1;
	s->watch.fd.fd = -1;
	s->keeper.fd = -1;
	config_source_init(&s->source, f);
	descriptors_allow();
	if (start(s, keeper_fd, &d) < 0) {
		if (s->phase == PHASE_DONE) /* told to stop before anything was done */
			code = 0;
		else
			log_line(LOG_LVL_FATAL, "%s", d.text);
	} else {
		if (loop_run(&s->loop) < 0)
			s->exit_code = 1;
		code = s->exit_code;
	}
	release(s);
	free(s);
	return code;
}
