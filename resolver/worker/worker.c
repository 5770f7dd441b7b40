/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waits for CTL_CONFIGURE -> serves -> CTL_DRAIN -> answers what is parked ->
 * exit 0. When the supervisor's end of the control socket closes it exits at
 * once: nobody would replace it or clean up after it.
 */
#include "resolver/worker/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/parent.h"
#include "resolver/config/config_texts.h"
#include "resolver/worker/ctl.h"
#include "resolver/net/fdpass.h"
#include "resolver/worker/cache_export.h"
#include "resolver/node/privileges.h"
#include "resolver/worker/server.h"

/* Datagrams already on their way still find us after the rules are gone. */
#define DRAIN_SERVE_NS (100 * NS_PER_MS)
#define DRAIN_POLL_NS  (5 * NS_PER_MS)
#define PART_MS        500 /* connections that ask within it end with an answer */
#define LEAVE_READ_NS   (200 * NS_PER_MS) /* what only we listened at: nothing new is sent there any more */
#define LEAVE_LATEST_NS (5 * NS_PER_S) /* what was parked before a hand-over has ended by then */

struct worker {
	const struct worker_start *start;
	struct loop loop;
	struct loop_fd ctl;
	struct server *server;
	struct loop_timer drain, part;
	uint64_t drain_serve_until_ns, drain_deadline_ns, leave_read_ns, leave_ns;
	bool draining, finishing, parted, closed;
	bool left; /* finishing: no listening socket is ours any more */
	struct cache_export *export;
	int exit_code;
};

/* --- configuration --- */

static int plan_compile(struct worker *w, const struct ctl_msg *m, const char *bytes, size_t len,
			struct corefile_plan **ret, struct diag *d)
{
	struct config_texts files = { 0 };
	struct corefile_env env;
	struct corefile *tree = NULL;
	corefile_env_defaults(&env);
	env.dns_port = w->start->dns_port;
	env.n_loops = w->start->loops->n_found;
	env.loop = w->start->loops->found;
	env.private_port = w->start->private_port;
	env.lenient = true; /* what is missing was judged by the supervisor */
	config_texts_install(&files, &env);
	int rc = config_texts_unpack(&files, bytes + m->text_len, len - m->text_len);
	if (rc < 0)
		return diag_set(d, rc, "%s: its files came damaged", m->file);
	rc = corefile_parse_text(&tree, m->file, bytes, m->text_len, &env, d);
	if (rc == 0)
		rc = corefile_compile(ret, tree, &env, d);
	corefile_free(tree);
	config_texts_release(&files);
	return rc;
}

static int plan_read(struct worker *w, const struct ctl_msg *m, int fd, struct corefile_plan **ret,
		     struct diag *d)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return diag_errno(d, "fstat");
	if (st.st_size == 0 || m->text_len > (uint64_t)st.st_size)
		return diag_set(d, ERR_SHORT, "%s: empty", m->file);
	char *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return diag_errno(d, "mmap");
	int rc = plan_compile(w, m, bytes, (size_t)st.st_size, ret, d);
	munmap(bytes, (size_t)st.st_size);
	return rc;
}

/* Beginning of the other queues of the message's listener `j`. */
static unsigned more_at(const struct ctl_msg *m, uint32_t j)
{
	unsigned at = 1 + 2 * m->n_listeners;
	for (uint32_t i = 0; i < j; i++)
		at += m->listener[i].n_more;
	return at;
}

/* The supervisor opened the sockets of each listener of its own reading of the same
 * text; they are matched by address. */
static int sockets_match(const struct corefile_plan *p, const struct ctl_msg *m, const int *fds,
			 struct server_sockets *ret, struct diag *d)
{
	for (size_t i = 0; i < p->conf.n_listeners; i++) {
		const struct core_listener *l = &p->conf.listener[i];
		uint32_t j = 0;
		while (j < m->n_listeners && (m->listener[j].port != l->port ||
					      memcmp(&m->listener[j].addr, &l->addr, sizeof(l->addr))))
			j++;
		if (j == m->n_listeners || m->listener[j].n_more >= UDP_QUEUES_MAX)
			return diag_set(d, ERR_MISSING, "%s: no socket for %s", m->file, l->label);
		ret->udp[i] = fds[1 + 2 * j];
		ret->tcp[i] = fds[2 + 2 * j];
		ret->n_more[i] = m->listener[j].n_more;
		memcpy(ret->more[i], fds + more_at(m, j), ret->n_more[i] * sizeof(int));
	}
	return 0;
}

static bool socket_used(const struct server_sockets *sk, size_t n, int fd)
{
	for (size_t i = 0; i < n; i++) {
		if (sk->udp[i] == fd || sk->tcp[i] == fd)
			return true;
		for (unsigned k = 0; k < sk->n_more[i]; k++)
			if (sk->more[i][k] == fd)
				return true;
	}
	return false;
}

/* Sockets that the plan does not use are the caller's again. */
static void sockets_close_unused(const struct server_sockets *sk, size_t n, const int *fds, unsigned n_fds)
{
	for (unsigned i = 1; i < n_fds; i++)
		if (!socket_used(sk, n, fds[i]))
			close(fds[i]);
}

static void configure(struct worker *w, const struct ctl_msg *m, const int *fds, unsigned n_fds)
{
	struct ctl_msg reply = { .type = CTL_READY, .value = m->value };
	struct corefile_plan *plan = NULL;
	struct server_sockets sk;
	struct diag d = { "" };
	int rc = m->n_listeners <= CORE_LISTENERS_MAX && n_fds == more_at(m, m->n_listeners) ? 0 : diag_set(&d, ERR_SHORT, "descriptors are missing");
	if (rc == 0)
		rc = plan_read(w, m, fds[0], &plan, &d);
	if (rc == 0)
		rc = sockets_match(plan, m, fds, &sk, &d);
	size_t n = rc == 0 ? plan->conf.n_listeners : 0;
	if (rc == 0)
		rc = server_configure(w->server, &plan, &sk, &d);
	if (rc == 0) {
		close(fds[0]);
		sockets_close_unused(&sk, n, fds, n_fds);
	} else {
		fdpass_close(fds, n_fds);
		corefile_plan_free(plan);
		reply.type = CTL_FAILED;
		memcpy(reply.text, d.text, sizeof(reply.text));
	}
	ctl_send(w->ctl.fd, &reply, NULL, 0);
}

/* --- the end --- */

static void drain_step(struct loop_timer *t)
{
	struct worker *w = container_of(t, struct worker, drain);
	uint64_t now = w->loop.now_ns;
	if (w->finishing && !w->left)
		w->left = server_leave(w->server, now >= w->leave_read_ns, now >= w->leave_ns);
	if (w->finishing && !w->parted && now + PART_MS * NS_PER_MS >= w->drain_serve_until_ns) {
		w->parted = true;
		server_part(w->server);
	}
	if (!w->closed && now >= w->drain_serve_until_ns) {
		w->closed = true;
		server_drain(w->server);
	}
	if (now >= w->drain_deadline_ns || ((w->closed || w->left) && server_idle(w->server))) {
		w->loop.stop = true;
		return;
	}
	loop_timer_set(&w->loop, &w->drain, now + DRAIN_POLL_NS);
}

static void part_due(struct loop_timer *t)
{
	struct worker *w = container_of(t, struct worker, part);
	server_part_idle(w->server);
}

static void part_begin(struct worker *w, const struct ctl_msg *m)
{
	if (m->n_listeners) {
		server_part_at(w->server, m->listener, m->n_listeners <= CORE_LISTENERS_MAX ? m->n_listeners : 0);
		return;
	}
	server_part(w->server);
	loop_timer_set(&w->loop, &w->part, w->loop.now_ns + m->value * NS_PER_MS);
}

static void drain_begin(struct worker *w, uint32_t allowed_ms)
{
	if (w->draining)
		return;
	w->draining = true;
	w->drain_deadline_ns = w->loop.now_ns + allowed_ms * NS_PER_MS;
	w->drain_serve_until_ns = w->loop.now_ns + DRAIN_SERVE_NS;
	loop_timer_set(&w->loop, &w->drain, w->loop.now_ns + DRAIN_POLL_NS);
}

/* A successor reads the sockets. Connections are ours until they end; those that
 * never do are closed after their replies when most of the time is over. */
static void finish_begin(struct worker *w, uint32_t allowed_ms)
{
	if (w->draining)
		return;
	w->finishing = true;
	w->leave_ns = w->loop.now_ns + LEAVE_LATEST_NS;
	w->leave_read_ns = w->loop.now_ns + LEAVE_READ_NS;
	w->left = server_leave(w->server, false, false);
	drain_begin(w, allowed_ms);
	w->drain_serve_until_ns = w->drain_deadline_ns - allowed_ms * NS_PER_MS / 4;
}

/* --- hand-over --- */

static void reply_send(struct worker *w, uint32_t type, uint32_t value)
{
	struct ctl_msg m = { .type = type, .value = value };
	ctl_send(w->ctl.fd, &m, NULL, 0);
}

static void exported(void *ctx, uint32_t n)
{
	struct worker *w = ctx;
	w->export = NULL;
	reply_send(w, CTL_EXPORTED, n);
}

static void export_begin(struct worker *w, int fd)
{
	cache_export_free(w->export);
	w->export = cache_export_new(&w->loop, server_core(w->server), fd, exported, w);
	if (!w->export)
		reply_send(w, CTL_EXPORTED, 0);
}

static void serve_begin(struct worker *w)
{
	struct diag d;
	if (server_serve(w->server, &d) < 0)
		log_error("worker %u: %s", w->start->index, d.text);
	reply_send(w, CTL_SERVING, 0);
}

/* The descriptors stay the caller's, but for those of a configuration. */
static void command(struct worker *w, const struct ctl_msg *m, const int *fds, unsigned n_fds)
{
	switch (m->type) {
	case CTL_PING:
		reply_send(w, CTL_PONG, m->value);
		break;
	case CTL_HOLD:
		server_hold(w->server, m->listener, m->n_listeners <= CORE_LISTENERS_MAX ? m->n_listeners : 0);
		reply_send(w, CTL_HELD, 0);
		break;
	case CTL_SERVE:
		serve_begin(w);
		break;
	case CTL_EXPORT:
		if (n_fds == 1)
			export_begin(w, fds[0]);
		break;
	case CTL_IMPORT:
		reply_send(w, CTL_IMPORTED,
			   n_fds == 1 ? cache_import(server_core(w->server), w->loop.now_ns, fds[0]) : 0);
		break;
	case CTL_FINISH:
		finish_begin(w, m->value);
		break;
	case CTL_PART:
		part_begin(w, m);
		break;
	case CTL_DRAIN:
		drain_begin(w, m->value);
		break;
	default:
		break;
	}
}

static void ctl_ready(struct loop_fd *fd, uint32_t events)
{
	struct worker *w = container_of(fd, struct worker, ctl);
	struct ctl_msg m;
	int fds[CTL_FDS_MAX], rc;
	unsigned n_fds = 0;
	(void)events;
	while ((rc = ctl_recv(fd->fd, &m, fds, &n_fds)) > 0) {
		if (m.type == CTL_CONFIGURE && !w->draining) {
			configure(w, &m, fds, n_fds);
			continue;
		}
		command(w, &m, fds, n_fds);
		fdpass_close(fds, n_fds);
	}
	if (rc < 0) {
		w->exit_code = 1;
		w->loop.stop = true;
	}
}

/* Die with the supervisor, for nobody would clean up after us. Then give everything up. */
static int sandbox_enter(pid_t supervisor, struct diag *d)
{
	privileges_user();
	if (!parent_tie(supervisor))
		return diag_set(d, ERR_PEER, "the supervisor is gone");
	return privileges_worker(d);
}

int worker_main(const struct worker_start *start)
{
	struct worker w = { .start = start, .ctl.ready = ctl_ready, .drain.due = drain_step, .part.due = part_due };
	struct diag d = { "" };
	prctl(PR_SET_NAME, "node-cache-dns", 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	log_setup("node-cache", LOG_STYLE_COREDNS, LOG_LVL_INFO);
	int rc = sandbox_enter(start->supervisor, &d);
	if (rc == 0)
		rc = loop_init(&w.loop, &d);
	if (rc == 0)
		rc = server_new(&w.server, &w.loop, start->shm, &start->loops->probes, &d);
	if (rc == 0 && loop_add(&w.loop, &w.ctl, start->ctl_fd, EPOLLIN) < 0)
		rc = diag_errno(&d, "epoll");
	if (rc < 0) {
		log_error("worker %u: %s", start->index, d.text);
		return 1;
	}
	if (loop_run(&w.loop) < 0)
		w.exit_code = 1;
	loop_del(&w.loop, &w.ctl);
	cache_export_free(w.export);
	server_free(w.server);
	loop_timer_set(&w.loop, &w.drain, T_NEVER);
	loop_timer_set(&w.loop, &w.part, T_NEVER);
	loop_release(&w.loop);
	return w.exit_code;
}
