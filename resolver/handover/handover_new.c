/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The side that takes over. Up to the sockets it is a conversation that waits
 * for each answer, for nothing of ours runs yet; from then on it goes by events.
 */
#include "resolver/handover/handover_new.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/net/fdpass.h"
#include "resolver/crew/workers.h"
#include "resolver/handover/handover_claim.h"
#include "resolver/handover/handover_old.h"

#define BUSY_NS    (30 * NS_PER_S)  /* how long an old one may put us off */
#define AGAIN_MS   100
#define ANSWER_MS  1000
#define PATH_LONGEST 96            /* with what is added to it while it is bound: sun_path has 108 */
#define OLD_NS     (40 * NS_PER_S)  /* longer than the old one's own limits */

/* --- the sockets --- */

static int old_connect(const char *path, struct diag *d)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	memcpy(sa.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return diag_errno(d, "socket");
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	int rc = errno == ENOENT || errno == ECONNREFUSED ? ERR_MISSING : ERR_TIMEOUT;
	diag_errno(d, "%s", path);
	close(fd);
	return rc;
}

/* Waits for `fd` or a signal. */
static bool signal_wait(struct handover *h, int fd, int timeout_ms)
{
	struct pollfd p[2] = { { h->host->signal_fd, POLLIN, 0 }, { fd, POLLIN, 0 } };
	poll(p, fd < 0 ? 1 : 2, timeout_ms);
	h->told |= p[0].revents & POLLIN;
	return h->told;
}

static int message_wait(struct handover *h, int fd, struct handover_msg *m, int *fds, unsigned *n_fds)
{
	int rc = handover_recv(fd, m, fds, n_fds);
	if (rc != 0)
		return rc;
	if (signal_wait(h, fd, ANSWER_MS))
		return ERR_TIMEOUT;
	rc = handover_recv(fd, m, fds, n_fds);
	return rc == 0 ? ERR_TIMEOUT : rc;
}

static int offer_take(struct handover *h, const struct handover_msg *m, const int *fds, unsigned n_fds)
{
	if (m->type == HANDOVER_OFFER && m->n >= 1 && m->n <= SHM_WORKERS_MAX) {
		h->n_workers = m->n;
		h->peer_pid = m->pid;
		return 0;
	}
	if (m->type == HANDOVER_LISTENER && h->n_workers && m->n == h->n_workers && n_fds == 2 * m->n + m->n_more &&
	    h->n_offered < CORE_LISTENERS_MAX) {
		h->offered[h->n_offered].addr = m->addr;
		h->offered[h->n_offered++].port = m->port;
		return sockets_adopt(h->host->sockets, &m->addr, m->port, m->scope_id, m->n, m->n_more, fds, fds + m->n,
				     fds + 2 * m->n);
	}
	if (m->type == HANDOVER_HTTP && n_fds == 1 && h->n_http < HTTP_LISTENERS_MAX) {
		h->http[h->n_http].fd = fds[0];
		h->http[h->n_http].addr = m->addr;
		h->http[h->n_http++].port = m->port;
		return 0;
	}
	return ERR_PEER;
}

static void offer_drop(struct handover *h)
{
	sockets_close(h->host->sockets);
	while (h->n_http)
		close(h->http[--h->n_http].fd);
	h->n_workers = h->n_offered = 0;
}

/* 1: all sockets are here. ERR_EXISTS: refused for good. ERR_TIMEOUT: not now. */
static int offer_ask(struct handover *h, int fd, struct diag *d)
{
	struct handover_msg m = { .netns = handover_netns(), .n = SOCKETS_MORE_MAX };
	int fds[HANDOVER_FDS_MAX], rc = handover_peer_check(fd, d);
	unsigned n_fds;
	if (rc < 0)
		return ERR_EXISTS;
	diag_set(d, ERR_TIMEOUT, "it does not answer");
	if (handover_send(fd, HANDOVER_HELLO, &m, NULL, 0) < 0)
		return ERR_TIMEOUT;
	for (;;) {
		rc = message_wait(h, fd, &m, fds, &n_fds);
		if (rc < 0)
			break;
		if (m.type == HANDOVER_REFUSE) {
			fdpass_close(fds, n_fds);
			return diag_set(d, m.n ? ERR_EXISTS : ERR_TIMEOUT, "%s", m.text);
		}
		if (m.type == HANDOVER_END && h->n_workers && h->host->sockets->n)
			return 1;
		if (offer_take(h, &m, fds, n_fds) < 0) {
			fdpass_close(fds, n_fds);
			break;
		}
	}
	offer_drop(h);
	return ERR_TIMEOUT;
}

static bool directory_there(const char *path)
{
	char copy[512];
	if (!*path || strlen(path) >= sizeof(copy))
		return false;
	memcpy(copy, path, strlen(path) + 1);
	return access(dirname(copy), F_OK) == 0;
}

static void peer_ready(struct loop_fd *fd, uint32_t events);

/* One attempt: 1 with h->peer connected, or as offer_ask and old_connect. */
static int take_once(struct handover *h, struct diag *d)
{
	int fd = old_connect(h->host->path, d);
	if (fd < 0)
		return fd;
	int rc = offer_ask(h, fd, d);
	h->peer.ready = peer_ready;
	if (rc == 1 && loop_add(h->host->loop, &h->peer, fd, EPOLLIN) == 0)
		return 1;
	if (rc == 1)
		offer_drop(h);
	close(fd);
	h->peer.fd = -1;
	return rc == 1 ? diag_errno(d, "epoll") : rc;
}

/* Nobody listens. True: we go first, and who comes after us waits for us. Who claimed it in
 * between may listen by now. */
static int claim_or_take(struct handover *h, struct diag *d)
{
	if (!handover_claim(h->host->path, &h->claim))
		return diag_set(d, ERR_TIMEOUT, "it is starting");
	int rc = h->claim >= 0 ? take_once(h, d) : ERR_MISSING;
	if (rc != ERR_MISSING)
		handover_claim_end(h->host->path, &h->claim);
	return rc;
}

int handover_new_take(struct handover *h, struct diag *d)
{
	struct diag said = { "" };
	uint64_t until = clock_mono_ns() + BUSY_NS;
	if (strlen(h->host->path) > PATH_LONGEST)
		return diag_set(d, ERR_LIMIT, "-handover: %s: too long a path for a socket: %d octets at most", h->host->path,
				PATH_LONGEST);
	if (!directory_there(h->host->path))
		return 0;
	for (;;) {
		int rc = take_once(h, d);
		bool nobody = rc == ERR_MISSING;
		if (nobody)
			rc = claim_or_take(h, d);
		if (rc == 1)
			break;
		if (rc == ERR_MISSING)
			return 0;
		if (rc == ERR_EXISTS) {
			log_warn("%s is another instance's: no hand-over: %s", h->host->path, d->text);
			h->foreign = true;
			return 0;
		}
		if (nobody && clock_mono_ns() > until) {
			log_warn("another instance has been starting for %u s: not waiting for it", (unsigned)(BUSY_NS / NS_PER_S));
			return 0;
		}
		if (strcmp(said.text, d->text) != 0)
			log_warn("an instance is there and does not hand over yet: %s", d->text);
		said = *d;
		if (h->told || signal_wait(h, -1, AGAIN_MS))
			return ERR_TIMEOUT;
		if (clock_mono_ns() > until)
			return diag_set(d, ERR_TIMEOUT, "an instance is there and does not hand over: %s", said.text);
	}
	log_info("taking over from pid %u: %u listeners, %u workers", h->peer_pid, h->host->sockets->n, h->n_workers);
	sockets_extend(h->host->sockets);
	h->state = NEW_CONFIGURING;
	handover_limit(h, OLD_NS);
	return 1;
}

/* --- by events --- */

static void say(struct handover *h, enum handover_type type)
{
	struct handover_msg m = { 0 };
	if (h->peer.fd >= 0)
		handover_send(h->peer.fd, type, &m, NULL, 0); /* gone: reading tells */
}

static void give_up(struct handover *h, const char *why)
{
	log_line(LOG_LVL_FATAL, "hand-over: the other instance serves on: %s", why);
	handover_peer_close(h);
	h->state = HANDOVER_IDLE;
	h->host->ask->give_up(h->host->ctx);
}

static void start_reading(struct handover *h)
{
	const struct handover_host *o = h->host;
	h->state = NEW_STARTING;
	h->reads = false;
	for (unsigned i = 0; i < h->n_http; i++)
		if (http_adopt(o->http, h->http[i].fd, &h->http[i].addr, h->http[i].port) < 0)
			close(h->http[i].fd);
	h->n_http = 0;
	sockets_steer(o->sockets, false);
	workers_serve(o->workers);
	o->ask->reads(o->ctx);
}

/* The other one is gone without a word: what it had is ours. */
static void orphaned(struct handover *h)
{
	log_warn("the other instance is gone: serving without it");
	handover_peer_close(h);
	h->host->ask->inherit(h->host->ctx);
	if (h->state == NEW_CONFIGURING || h->state == NEW_STARTING)
		return; /* goes on by itself */
	if (h->state == NEW_DONE) {
		h->state = HANDOVER_IDLE;
		handover_old_listen(h);
		h->host->ask->settled(h->host->ctx);
		return;
	}
	start_reading(h);
}

void handover_new_configured(struct handover *h)
{
	h->state = NEW_WARMING;
	if (h->peer.fd < 0)
		start_reading(h);
	else
		say(h, HANDOVER_WARM);
}

static void cache_take(struct handover *h, int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	/* Cut short under a reader it would kill it. */
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || h->n_caches == SHM_WORKERS_MAX)
		close(fd);
	else
		h->cache[h->n_caches++] = fd;
}

static void caches_import(struct handover *h)
{
	h->state = NEW_IMPORTING;
	workers_import(h->host->workers, h->cache, h->n_caches);
}

/* Listeners of the old one that our configuration does not name: it goes on reading them until
 * nothing is sent there any more. */
static uint64_t left_to_old(const struct handover *h)
{
	const struct sockets *s = h->host->sockets;
	uint64_t left = 0;
	for (unsigned i = 0; i < h->n_offered; i++) {
		bool ours = false;
		for (unsigned j = 0; j < s->n; j++)
			ours |= s->set[j].port == h->offered[i].port && IN6_ARE_ADDR_EQUAL(&s->set[j].addr, &h->offered[i].addr);
		left |= (uint64_t)!ours << i;
	}
	return left;
}

void handover_new_answered(struct handover *h)
{
	if (h->state == NEW_IMPORTING) {
		h->n_entries = h->host->workers->n_entries;
		fdpass_close(h->cache, h->n_caches);
		h->n_caches = 0;
		h->state = NEW_READY;
		if (h->peer.fd >= 0) {
			struct handover_msg m = { .left = left_to_old(h) };
			handover_send(h->peer.fd, HANDOVER_READY, &m, NULL, 0);
		}
	} else if (h->state == NEW_STARTING && !h->reads) {
		h->reads = true;
		say(h, HANDOVER_READING);
		log_info("took over from pid %u: %u entries, nobody read for %.2f ms", h->peer_pid, h->n_entries,
			 h->hold_ns ? (double)(clock_mono_ns() - h->hold_ns) / 1e6 : 0.0);
		h->host->ask->prove(h->host->ctx);
	}
}

void handover_new_late(struct handover *h)
{
	if (!handover_heard(h))
		give_up(h, "it takes too long");
	else if (h->peer.fd >= 0)
		handover_limit(h, OLD_NS);
}

void handover_new_serving(struct handover *h)
{
	if (!directory_there(h->host->path))
		return;
	if (h->state == NEW_STARTING && h->peer.fd >= 0) {
		h->state = NEW_DONE;
		say(h, HANDOVER_DONE);
		return;
	}
	h->state = HANDOVER_IDLE;
	sockets_steer(h->host->sockets, false);
	handover_old_listen(h);
}

static void bye(struct handover *h)
{
	const struct handover_host *o = h->host;
	handover_peer_close(h);
	h->state = HANDOVER_IDLE;
	o->ask->ours(o->ctx);
	handover_old_listen(h);
	o->ask->settled(o->ctx);
}

static void message(struct handover *h, const struct handover_msg *m, const int *fds, unsigned n_fds)
{
	if (m->type == HANDOVER_CACHE && h->state == NEW_WARMING && n_fds == 1) {
		cache_take(h, fds[0]);
		return;
	}
	if (m->type == HANDOVER_GO && h->state == NEW_READY && n_fds == 1) {
		h->next_listen = fds[0];
		h->path_id = m->path_id;
		h->hold_ns = m->t_ns;
		start_reading(h);
		return;
	}
	fdpass_close(fds, n_fds);
	if (m->type == HANDOVER_END && h->state == NEW_WARMING)
		caches_import(h);
	else if (m->type == HANDOVER_BYE && h->state == NEW_DONE)
		bye(h);
	else
		give_up(h, m->type == HANDOVER_ABORT ? m->text : "it speaks out of turn");
}

static void peer_ready(struct loop_fd *fd, uint32_t events)
{
	struct handover *h = container_of(fd, struct handover, peer);
	struct handover_msg m;
	int fds[HANDOVER_FDS_MAX], rc;
	unsigned n_fds;
	(void)events;
	while (h->peer.fd >= 0 && (rc = handover_recv(h->peer.fd, &m, fds, &n_fds)) != 0) {
		if (rc > 0)
			message(h, &m, fds, n_fds);
		else
			orphaned(h);
	}
}
