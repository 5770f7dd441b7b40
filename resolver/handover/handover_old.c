/* SPDX-License-Identifier: Apache-2.0 */
/* The side that hands over. It listens from the moment it serves. */
#include "resolver/handover/handover_old.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/net/fdpass.h"
#include "resolver/crew/workers.h"
#include "resolver/handover/handover_claim.h"

#define PREPARE_NS (30 * NS_PER_S)    /* the new one, until it is ready */
#define EXPORT_NS  (3 * NS_PER_S)     /* our workers: then it goes without the rest */
#define HOLD_NS    (200 * NS_PER_MS) /* a worker that does not answer does not read either */
#define GONE_NS    (500 * NS_PER_MS) /* nobody reads: clients have more patience, and rules hold longer */
#define WATCH_NS   (2500 * NS_PER_MS) /* the new one reads, but has not proved that it answers */
#define LISTEN_REST_NS (100 * NS_PER_MS) /* out of descriptors */
#define RENEW_NS   (100 * NS_PER_MS)  /* meanwhile the rules are ours to renew */
#define FINISH_MS  20000              /* less than kubelet's usual grace period */

static int say(struct handover *h, enum handover_type type, const int *fds, unsigned n_fds)
{
	struct handover_msg m = { 0 };
	return handover_send(h->peer.fd, type, &m, fds, n_fds);
}

/* --- not this time --- */

/* We go on as if nothing had been. */
static void abort_session(struct handover *h, const char *why)
{
	const struct handover_host *o = h->host;
	bool held = handover_holds(h);
	struct handover_msg m = { 0 };
	log_error("hand-over to pid %u failed: %s; serving on", h->peer_pid, why);
	snprintf(m.text, sizeof(m.text), "%s", why);
	handover_send(h->peer.fd, HANDOVER_ABORT, &m, NULL, 0);
	handover_peer_close(h);
	workers_export_close(o->workers);
	h->state = HANDOVER_IDLE;
	if (h->narrow)
		sockets_steer(o->sockets, false);
	if (held) {
		workers_serve(o->workers);
		http_accept(o->http, true);
		o->ask->resume(o->ctx);
	}
	o->ask->settled(o->ctx);
}

static void refuse(int fd, bool for_good, const char *why)
{
	struct handover_msg m = { .n = for_good };
	snprintf(m.text, sizeof(m.text), "%s", why);
	handover_send(fd, HANDOVER_REFUSE, &m, NULL, 0);
}

/* --- step by step --- */

static int offer_send(struct handover *h)
{
	const struct handover_host *o = h->host;
	struct handover_msg m = { .n = o->workers->n };
	unsigned cursor = 0;
	int rc = handover_send(h->peer.fd, HANDOVER_OFFER, &m, NULL, 0), fd;
	for (unsigned i = 0; rc == 0 && i < o->sockets->n; i++) {
		const struct socket_set *t = &o->sockets->set[i];
		int fds[HANDOVER_FDS_MAX];
		memcpy(fds, t->udp, t->n * sizeof(int));
		memcpy(fds + t->n, t->tcp, t->n * sizeof(int));
		memcpy(fds + 2 * t->n, t->more, t->n_more * sizeof(int));
		m = (struct handover_msg){ .n = t->n, .addr = t->addr, .port = t->port, .scope_id = t->scope_id,
					   .n_more = h->narrow ? 0 : (uint16_t)t->n_more };
		rc = handover_send(h->peer.fd, HANDOVER_LISTENER, &m, fds, 2 * t->n + m.n_more);
	}
	m = (struct handover_msg){ 0 };
	while (rc == 0 && http_listener_next(o->http, &cursor, &fd, &m.addr, &m.port))
		rc = handover_send(h->peer.fd, HANDOVER_HTTP, &m, &fd, 1);
	return rc == 0 ? say(h, HANDOVER_END, NULL, 0) : rc;
}

static void caches_send(struct handover *h)
{
	struct workers *w = h->host->workers;
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < w->n; i++)
		if (w->slot[i].cache_fd >= 0)
			rc = say(h, HANDOVER_CACHE, &w->slot[i].cache_fd, 1);
	workers_export_close(w);
	h->state = OLD_WARMED;
	handover_limit(h, PREPARE_NS);
	if (rc < 0 || say(h, HANDOVER_END, NULL, 0) < 0)
		abort_session(h, "the caches could not be sent");
}

static void warm(struct handover *h)
{
	struct diag d;
	h->state = OLD_EXPORTING;
	handover_limit(h, EXPORT_NS);
	if (workers_export(h->host->workers, &d) == 0)
		return;
	log_warn("hand-over: %s: without the cache", d.text);
	caches_send(h);
}

static void hold(struct handover *h, uint64_t left)
{
	h->state = OLD_HOLDING;
	h->hold_ns = clock_mono_ns();
	handover_limit(h, HOLD_NS);
	workers_hold(h->host->workers, left);
}

static void watch(struct handover *h, uint64_t ns)
{
	if (ns)
		h->until_ns = h->host->loop->now_ns + ns;
	h->host->ask->hold(h->host->ctx);
	handover_limit(h, RENEW_NS);
}

static void go(struct handover *h)
{
	struct handover_msg m = { .t_ns = h->hold_ns, .path_id = h->path_id };
	http_accept(h->host->http, false);
	h->state = OLD_GONE;
	watch(h, GONE_NS);
	if (handover_send(h->peer.fd, HANDOVER_GO, &m, &h->listen.fd, 1) < 0)
		abort_session(h, "it is gone");
}

static void reading(struct handover *h)
{
	h->state = OLD_WATCHING;
	watch(h, WATCH_NS);
}

/* The other one has everything: what is left of us are open questions and
 * connections. */
static void leave(struct handover *h)
{
	const struct handover_host *o = h->host;
	say(h, HANDOVER_BYE, NULL, 0);
	log_info("handed over to pid %u; finishing", h->peer_pid);
	handover_peer_close(h);
	loop_del(o->loop, &h->listen);
	close(h->listen.fd);
	h->listen.fd = -1;
	h->state = HANDOVER_IDLE;
	o->ask->handed_over(o->ctx, FINISH_MS);
}

void handover_old_answered(struct handover *h)
{
	if (h->state == OLD_EXPORTING)
		caches_send(h);
	else if (h->state == OLD_HOLDING)
		go(h);
}

void handover_old_late(struct handover *h)
{
	if (handover_heard(h))
		return;
	if (h->state == OLD_EXPORTING)
		caches_send(h);
	else if (h->state == OLD_HOLDING)
		go(h);
	else if (h->state == HANDOVER_IDLE)
		handover_peer_close(h); /* it did not even greet */
	else if (h->state >= OLD_GONE && h->host->loop->now_ns < h->until_ns)
		watch(h, 0);
	else
		abort_session(h, h->state >= OLD_GONE ? "it does not answer" : "it is not ready in time");
}

static void message(struct handover *h, const struct handover_msg *m)
{
	if (m->type == HANDOVER_WARM && h->state == OLD_OFFERED)
		warm(h);
	else if (m->type == HANDOVER_READY && h->state == OLD_WARMED)
		hold(h, m->left);
	else if (m->type == HANDOVER_READING && h->state == OLD_GONE)
		reading(h);
	else if (m->type == HANDOVER_DONE && h->state == OLD_WATCHING)
		leave(h);
	else
		abort_session(h, "it speaks out of turn");
}

/* --- a new one comes --- */

static const char *why_not(const struct handover *h, const struct handover_msg *m, bool *ret_for_good)
{
	struct handover_id own = handover_netns();
	*ret_for_good = m->type != HANDOVER_HELLO || m->netns.ino != own.ino || m->netns.dev != own.dev;
	if (m->type != HANDOVER_HELLO)
		return "a greeting was expected";
	if (*ret_for_good)
		return "it is of another network namespace";
	return h->host->ask->why_not(h->host->ctx);
}

static void hello(struct handover *h, const struct handover_msg *m)
{
	bool for_good;
	const char *why = why_not(h, m, &for_good);
	if (why) {
		refuse(h->peer.fd, for_good, why);
		handover_peer_close(h);
		return;
	}
	log_info("handing over to pid %u", m->pid);
	h->peer_pid = m->pid;
	h->narrow = m->n < SOCKETS_MORE_MAX; /* of an earlier version: our workers read the other queues empty meanwhile */
	if (h->narrow)
		sockets_steer(h->host->sockets, true);
	h->state = OLD_OFFERED;
	handover_limit(h, PREPARE_NS);
	if (offer_send(h) < 0)
		abort_session(h, "the sockets could not be sent");
}

static void peer_ready(struct loop_fd *fd, uint32_t events)
{
	struct handover *h = container_of(fd, struct handover, peer);
	struct handover_msg m;
	int fds[HANDOVER_FDS_MAX], rc;
	unsigned n_fds;
	(void)events;
	while (h->peer.fd >= 0 && (rc = handover_recv(h->peer.fd, &m, fds, &n_fds)) != 0) {
		if (rc > 0) {
			fdpass_close(fds, n_fds);
			if (h->state == HANDOVER_IDLE)
				hello(h, &m);
			else
				message(h, &m);
		} else if (h->state != HANDOVER_IDLE) {
			abort_session(h, "it is gone");
		} else {
			if (rc == ERR_UNKNOWN)
				refuse(h->peer.fd, false, "it speaks another version");
			handover_peer_close(h);
		}
	}
}

static void listen_rested(struct loop_timer *t)
{
	struct handover *h = container_of(t, struct handover, rest);
	if (h->listen.fd >= 0)
		loop_mod(h->host->loop, &h->listen, EPOLLIN);
}

/* Without a descriptor who waits there goes on waiting, and the loop would spin. */
static void listen_rest(struct handover *h)
{
	loop_mod(h->host->loop, &h->listen, 0);
	h->rest.due = listen_rested;
	loop_timer_set(h->host->loop, &h->rest, h->host->loop->now_ns + LISTEN_REST_NS);
}

static void listen_ready(struct loop_fd *fd, uint32_t events)
{
	struct handover *h = container_of(fd, struct handover, listen);
	struct diag d;
	(void)events;
	int peer = accept4(fd->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (peer < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			listen_rest(h);
		return;
	}
	if (h->peer.fd >= 0) {
		refuse(peer, false, "it is handing over to another one");
		close(peer);
	} else if (handover_peer_check(peer, &d) < 0) {
		log_warn("hand-over refused: %s", d.text);
		close(peer);
	} else {
		int size = 1 << 20;
		setsockopt(peer, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		h->peer.ready = peer_ready;
		if (loop_add(h->host->loop, &h->peer, peer, EPOLLIN) < 0) {
			close(peer);
			h->peer.fd = -1;
			return;
		}
		handover_limit(h, NS_PER_S); /* for its greeting */
	}
}

/* --- where it comes --- */

/* Bound under another name first, so that there is never a moment without. */
static int listen_open(const char *path, struct diag *d)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char temporary[sizeof(sa.sun_path)];
	struct stat st;
	if (snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid()) >= (int)sizeof(temporary))
		return diag_set(d, ERR_LIMIT, "%s: too long a path", path);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return diag_set(d, ERR_EXISTS, "%s is there, and is no socket", path);
	memcpy(sa.sun_path, temporary, sizeof(temporary));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return diag_errno(d, "socket");
	unlink(temporary);
	mode_t before = umask(0177);
	int rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	umask(before);
	if (rc < 0 || listen(fd, 8) < 0 || rename(temporary, path) < 0) {
		rc = diag_errno(d, "%s", path);
		unlink(temporary);
		close(fd);
		return rc;
	}
	return fd;
}

/* `fd`: the predecessor's socket, or -1. */
static void listen_at(struct handover *h, int fd)
{
	const char *path = h->host->path;
	struct handover_id now = handover_path_id(path);
	struct diag d;
	/* If it is the one at our path. */
	if (fd >= 0 && (now.ino != h->path_id.ino || now.dev != h->path_id.dev)) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		fd = listen_open(path, &d);
	if (fd < 0) {
		log_warn("no hand-over to a successor: %s", d.text);
		return;
	}
	h->path_id = handover_path_id(path);
	h->listen.ready = listen_ready;
	if (loop_add(h->host->loop, &h->listen, fd, EPOLLIN) < 0) {
		close(fd);
		h->listen.fd = -1;
	}
}

void handover_old_listen(struct handover *h)
{
	int fd = h->next_listen;
	h->next_listen = -1;
	if (!h->foreign)
		listen_at(h, fd);
	handover_claim_end(h->host->path, &h->claim); /* from here on it is seen that we are there */
}
