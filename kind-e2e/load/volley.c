/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop over a window of sockets; fates are told in the order of sending, so that a stretch
 * of loss has a beginning and an end.
 */
#include "kind-e2e/load/volley.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"
#include "lib/base/clock.h"

#define ORDER_MAX 4096 /* questions whose fate is not yet told in their order; a power of two */
#define FINISH_LIMIT_NS (15 * NS_PER_S)

enum fate { PENDING, ANSWERED, MISSED };

struct slot { /* a question under way */
	int fd;	  /* -1: free; the shared socket's stands in `shared` */
	unsigned seq;
	bool asked; /* TCP: the connection stood, and it is sent */
	uint64_t t_ns;
	size_t n_in;
	uint8_t in[2048];
};

struct engine {
	const struct volley_conf *c;
	struct volley *v;
	int shared; /* one_socket */
	unsigned seq, told; /* next to send, next to tell */
	unsigned open;
	uint64_t next_ns, dark_since_ns; /* dark: since when nothing was answered; 0: it is not */
	struct {
		uint64_t t_ns;
		uint8_t fate;
	} order[ORDER_MAX];
	struct slot slot[VOLLEY_WINDOW_MAX];
	struct pollfd poll[VOLLEY_WINDOW_MAX];
	unsigned polled[VOLLEY_WINDOW_MAX], n_poll;
};

uint64_t volley_by(const struct volley *v, const char *prefix)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < v->n_by; i++)
		if (!strncmp(v->by[i].id, prefix, strlen(prefix)))
			n += v->by[i].n;
	return n;
}

/* --- fates ----------------------------------------------------------------------- */

/* In the order of sending, so that a stretch of loss has a beginning and an end. */
static void tell(struct engine *e)
{
	while (e->told != e->seq && e->order[e->told % ORDER_MAX].fate != PENDING) {
		uint64_t t = e->order[e->told % ORDER_MAX].t_ns;

		if (e->order[e->told % ORDER_MAX].fate == MISSED) {
			if (!e->dark_since_ns)
				e->dark_since_ns = t;
			if (t - e->dark_since_ns > e->v->outage_ns)
				e->v->outage_ns = t - e->dark_since_ns;
		} else if (e->dark_since_ns) {
			if (t - e->dark_since_ns > e->v->outage_ns)
				e->v->outage_ns = t - e->dark_since_ns;
			e->dark_since_ns = 0;
		}
		e->told++;
	}
}

static void settle(struct engine *e, struct slot *s, enum fate fate)
{
	if (!e->c->one_socket)
		close(s->fd);
	s->fd = -1;
	e->open--;
	e->order[s->seq % ORDER_MAX].fate = (uint8_t)fate;
	tell(e);
}

static void count_server(struct volley *v, const char *id)
{
	uint64_t i = 0;

	while (i < v->n_by && strcmp(v->by[i].id, id) != 0)
		i++;
	if (i == VOLLEY_SERVERS_MAX)
		return;
	if (i == v->n_by)
		strcpy(v->by[v->n_by++].id, id);
	v->by[i].n++;
}

static void answered(struct engine *e, struct slot *s, const uint8_t *msg, size_t len)
{
	struct volley *v = e->v;
	char id[ASK_ID_MAX];
	const char *why = NULL;

	if (len < DNS_HEADER_LEN || get_be16(msg) != (uint16_t)s->seq)
		return;
	v->answered++;
	ask_server_id(msg, len, id);
	count_server(v, id);
	if (DNS_RCODE(get_be16(msg + 2)) == DNS_SERVFAIL)
		v->servfail++;
	else
		why = zone_check(e->c->zone, msg, len);
	if (why && !v->wrong++)
		snprintf(v->why_wrong, sizeof v->why_wrong, "%s", why);
	settle(e, s, ANSWERED);
}

static void refused(struct engine *e, struct slot *s)
{
	e->v->refused++;
	settle(e, s, MISSED);
}

static void expire(struct engine *e, uint64_t now)
{
	for (unsigned i = 0; i < e->c->window && e->open; i++)
		if (e->slot[i].fd >= 0 && now - e->slot[i].t_ns >= e->c->timeout_ns) {
			e->v->lost++;
			settle(e, &e->slot[i], MISSED);
		}
}

/* --- sockets --------------------------------------------------------------------- */

static int connect_out(const struct volley_conf *c)
{
	struct sockaddr_storage to;
	socklen_t len = addr_sock(&c->server, DNS_PORT, &to);
	int type = c->tcp ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(c->server.family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, len) && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_query(struct engine *e, struct slot *s)
{
	uint8_t query[2 + 300];
	char text[NAME_MAX_TEXT];
	struct name name;
	size_t len = 0;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the lab's own names */
	snprintf(text, sizeof text, e->c->name, s->seq);
#pragma GCC diagnostic pop
	if (name_from_text(&name, text) == 0)
		len = dns_query_build(query + 2, sizeof query - 2, (uint16_t)s->seq, name.b,
				      e->c->qtype, DNS_RD, 1232, false, true);
	set_be16(query, (uint16_t)len);
	s->asked = true;
	return e->c->tcp ? send(s->fd, query, len + 2, MSG_NOSIGNAL) == (ssize_t)len + 2
			 : send(s->fd, query + 2, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void begin_one(struct engine *e, uint64_t now)
{
	struct slot *s = e->slot;

	while (s->fd >= 0) /* open < window <= the number of slots */
		s++;
	s->fd = e->c->one_socket ? e->shared : connect_out(e->c);
	s->seq = e->seq++;
	s->t_ns = now;
	s->n_in = 0;
	s->asked = false;
	e->order[s->seq % ORDER_MAX].t_ns = now;
	e->order[s->seq % ORDER_MAX].fate = PENDING;
	e->v->sent++;
	if (s->fd < 0) { /* the pod's own kernel says no: as good as a refusal */
		e->v->refused++;
		e->order[s->seq % ORDER_MAX].fate = MISSED;
		tell(e);
		return;
	}
	e->open++;
	if (!e->c->tcp && !send_query(e, s) && errno != EAGAIN)
		refused(e, s);
}

/* False when there is nothing to read. */
static bool on_shared(struct engine *e)
{
	uint8_t msg[2048];
	ssize_t n = recv(e->shared, msg, sizeof msg, MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR) { /* cannot say whose it was */
		for (unsigned i = 0; i < e->c->window; i++)
			if (e->slot[i].fd >= 0)
				refused(e, &e->slot[i]);
		return false;
	}
	for (unsigned i = 0; n > 2 && i < e->c->window; i++)
		if (e->slot[i].fd >= 0 && get_be16(msg) == (uint16_t)e->slot[i].seq) {
			answered(e, &e->slot[i], msg, (size_t)n);
			break;
		}
	return n >= 0;
}

static void on_slot(struct engine *e, struct slot *s, short events)
{
	ssize_t n;

	if (e->c->tcp && !s->asked) {
		int error = 0;
		socklen_t len = sizeof error;

		getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error || !send_query(e, s))
			refused(e, s);
		return;
	}
	if (!(events & (POLLIN | POLLERR | POLLHUP)))
		return;
	n = recv(s->fd, s->in + s->n_in, sizeof s->in - s->n_in, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		refused(e, s);
		return;
	}
	s->n_in += (size_t)n;
	if (!e->c->tcp) {
		size_t len = s->n_in;

		s->n_in = 0;
		answered(e, s, s->in, len);
	} else if (s->n_in >= 2 && s->n_in >= 2u + get_be16(s->in)) {
		answered(e, s, s->in + 2, get_be16(s->in));
	}
}

/* --- the loop -------------------------------------------------------------------- */

static bool more_to_send(const struct engine *e)
{
	return e->c->n ? e->seq < e->c->n
		       : !__atomic_load_n(&e->v->stop, __ATOMIC_RELAXED);
}

static void wait_turn(struct engine *e, uint64_t until_ns)
{
	uint64_t now = clock_mono_ns();
	struct timespec wait = {0};

	e->n_poll = 0;
	for (unsigned i = 0, left = e->open; left && i < e->c->window; i++) {
		struct slot *s = &e->slot[i];

		if (s->fd < 0)
			continue;
		left--;
		if (e->c->one_socket && e->n_poll)
			continue;
		e->polled[e->n_poll] = i;
		e->poll[e->n_poll++] = (struct pollfd){
			s->fd, (short)(e->c->tcp && !s->asked ? POLLOUT : POLLIN), 0};
	}
	if (until_ns > now) {
		wait.tv_sec = (time_t)((until_ns - now) / NS_PER_S);
		wait.tv_nsec = (long)((until_ns - now) % NS_PER_S);
	}
	if (ppoll(e->poll, e->n_poll, &wait, NULL) <= 0)
		return;
	for (unsigned i = 0; i < e->n_poll; i++) {
		if (!e->poll[i].revents)
			continue;
		while (e->c->one_socket && on_shared(e))
			;
		if (!e->c->one_socket && e->slot[e->polled[i]].fd >= 0)
			on_slot(e, &e->slot[e->polled[i]], e->poll[i].revents);
	}
}

static void send_due(struct engine *e)
{
	uint64_t now = clock_mono_ns();

	while (more_to_send(e) && e->open < e->c->window && e->seq - e->told < ORDER_MAX - 1 &&
	       (!e->c->interval_ns || e->next_ns <= now)) {
		begin_one(e, now);
		/* a process that was held up does not make up for it in a burst */
		e->next_ns = e->next_ns + e->c->interval_ns > now ? e->next_ns + e->c->interval_ns
								  : now;
	}
}

static void shoot(struct engine *e)
{
	e->next_ns = clock_mono_ns();
	for (;;) {
		uint64_t now;

		send_due(e);
		if (!e->open && !more_to_send(e))
			return;
		now = clock_mono_ns();
		wait_turn(e, e->c->interval_ns && more_to_send(e) && e->open < e->c->window
				     ? e->next_ns
				     : now + 20 * NS_PER_MS);
		expire(e, clock_mono_ns());
	}
}

static int volley(const struct volley_conf *c, struct volley *v, struct diag *d)
{
	struct engine *e = calloc(1, sizeof *e);

	if (!e)
		return diag_set(d, ERR_NOMEM, "volley: no memory");
	e->c = c;
	e->v = v;
	e->shared = -1;
	for (unsigned i = 0; i < VOLLEY_WINDOW_MAX; i++)
		e->slot[i].fd = -1;
	if (c->one_socket && (e->shared = connect_out(c)) < 0) {
		free(e);
		return diag_errno(d, "volley: socket");
	}
	shoot(e);
	if (e->shared >= 0)
		close(e->shared);
	free(e);
	return 0;
}

int volley_run(const char *ns, const struct volley_conf *c, struct volley *ret, struct diag *d)
{
	int code = netns_enter(ns, d);

	if (code)
		return code;
	memset(ret, 0, sizeof *ret);
	code = volley(c, ret, d);
	netns_leave();
	return code;
}

/* --- in a process of its own ------------------------------------------------------- */

struct started {
	const struct volley_conf *c;
	struct volley *v;
};

static int body(void *arg)
{
	const struct started *s = arg;
	struct diag d = {""};

	if (volley(s->c, s->v, &d) == 0)
		return 0;
	fprintf(stderr, "kind-e2e: %s\n", d.text);
	return 125;
}

pid_t volley_start(const char *ns, const struct volley_conf *c, struct volley *v, struct diag *d)
{
	struct started s = {c, v};
	int code = netns_enter(ns, d);
	pid_t pid;

	if (code)
		return code;
	memset(v, 0, sizeof *v);
	pid = proc_fork("e2e-volley", body, &s, d);
	netns_leave();
	return pid;
}

int volley_finish(pid_t pid, struct volley *v, struct diag *d)
{
	uint64_t until = clock_mono_ns() + FINISH_LIMIT_NS;
	char how[32];
	int status;

	__atomic_store_n(&v->stop, 1, __ATOMIC_RELAXED);
	while (!proc_gone(pid, &status)) {
		if (clock_mono_ns() > until) {
			proc_stop(pid, SIGKILL, NS_PER_S, NULL);
			return diag_set(d, ERR_TIMEOUT, "volley: does not end");
		}
		poll(NULL, 0, 2);
	}
	return status ? diag_set(d, ERR_SYS, "volley: %s", proc_status_str(status, how)) : 0;
}
