/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   away -> connecting -> greeting (READY sent) -> open (ACCEPT came, START sent)
 *    ^----------------------- any failure ------------------------'
 */
#include "resolver/observe/dnstap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/dns/wire.h"
#include "resolver/net/sockaddr.h"

#define BUFFER_LEN (2u << 20)
#define HANDSHAKE_NS (4 * NS_PER_S)
#define PAUSE_MIN_NS (200 * NS_PER_MS)
#define PAUSE_MAX_NS (10 * NS_PER_S)
#define CONTROL_ROOM 1024

enum tap_state { TAP_AWAY, TAP_CONNECTING, TAP_GREETING, TAP_OPEN };

union tap_addr {
	struct sockaddr sa;
	struct sockaddr_un un;
	union sockaddr_any in;
};

struct dnstap {
	struct loop *loop;
	struct driver_stats *stats;
	struct loop_fd watch;
	struct loop_timer timer; /* away: try again; handshake: give up */
	enum tap_state state;
	bool is_tcp, is_full, complained;
	char *target;
	union tap_addr addr;
	socklen_t addr_len;
	uint64_t pause_ns;
	size_t in_len;
	uint8_t in[CONTROL_ROOM];
	/* Frames from `head` to `len`; octets before `sent` have left. */
	size_t head, sent, len;
	uint8_t buffer[BUFFER_LEN];
};

static void away(struct dnstap *t, const char *why)
{
	if (!t->complained)
		log_warn("dnstap: %s: %s; messages wait or are dropped", t->target, why);
	t->complained = true;
	if (t->state != TAP_AWAY) {
		if (t->state == TAP_OPEN)
			t->stats->dnstap_connected--;
		loop_del(t->loop, &t->watch);
		close(t->watch.fd);
		t->state = TAP_AWAY;
	}
	t->sent = t->head; /* a frame cut in the middle is sent again */
	t->in_len = 0;
	loop_timer_set(t->loop, &t->timer, t->loop->now_ns + t->pause_ns);
	t->pause_ns = t->pause_ns * 2 > PAUSE_MAX_NS ? PAUSE_MAX_NS : t->pause_ns * 2;
}

/* --- sending --- */

/* Whole frames that have left no longer need their place. */
static void head_advance(struct dnstap *t)
{
	for (;;) {
		size_t left = t->sent - t->head;

		if (left < 4 || left < 4 + (size_t)get_be32(t->buffer + t->head))
			break;
		t->head += 4 + get_be32(t->buffer + t->head);
		t->stats->dnstap_sent++;
	}
	if (t->head == t->len)
		t->head = t->sent = t->len = 0;
}

void dnstap_flush(struct dnstap *t)
{
	if (!t || t->state != TAP_OPEN || t->is_full)
		return;
	while (t->sent < t->len) {
		ssize_t n = send(t->watch.fd, t->buffer + t->sent, t->len - t->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			t->is_full = true;
			loop_mod(t->loop, &t->watch, EPOLLIN | EPOLLOUT);
			break;
		}
		if (n < 0) {
			away(t, strerror(errno));
			return;
		}
		t->sent += (size_t)n;
	}
	head_advance(t);
}

void dnstap_put(struct dnstap *t, const struct dnstap_msg *m)
{
	size_t room = dnstap_msg_bound(m);

	if (t->len + room > BUFFER_LEN) {
		dnstap_flush(t);
		if (t->head > 0)
			memmove(t->buffer, t->buffer + t->head, t->len - t->head);
		t->len -= t->head;
		t->sent -= t->head;
		t->head = 0;
	}
	if (t->len + room > BUFFER_LEN)
		t->stats->dnstap_dropped++;
	else
		t->len += dnstap_msg_put(t->buffer + t->len, m);
}

/* --- the connection --- */

/* Control frames are small, and nothing else of ours is in the socket then. */
static bool control_send(struct dnstap *t, enum dnstap_control c)
{
	uint8_t b[DNSTAP_CONTROL_MAX];
	size_t len = dnstap_control_put(b, c);

	return send(t->watch.fd, b, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void accepted(struct dnstap *t)
{
	if (!control_send(t, DNSTAP_START)) {
		away(t, strerror(errno));
		return;
	}
	if (t->complained)
		log_info("dnstap: %s: connected", t->target);
	t->complained = false;
	t->state = TAP_OPEN;
	t->is_full = false;
	t->pause_ns = PAUSE_MIN_NS;
	t->stats->dnstap_connected++;
	loop_timer_set(t->loop, &t->timer, T_NEVER);
	dnstap_flush(t);
}

static void control_read(struct dnstap *t)
{
	ssize_t n = recv(t->watch.fd, t->in + t->in_len, sizeof(t->in) - t->in_len, 0);
	enum dnstap_control c;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		away(t, n < 0 ? strerror(errno) : "closed by the collector");
		return;
	}
	t->in_len += (size_t)n;
	int used = dnstap_control_take(t->in, t->in_len, &c);

	if (used == 0 && t->in_len < sizeof(t->in))
		return;
	if (used > 0 && c == DNSTAP_ACCEPT && t->state == TAP_GREETING) {
		t->in_len = 0;
		accepted(t);
	} else {
		away(t, used > 0 && c == DNSTAP_FINISH ? "finished by the collector"
						       : "no dnstap collector");
	}
}

static void connected(struct dnstap *t)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(t->watch.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		away(t, strerror(err));
		return;
	}
	t->state = TAP_GREETING;
	loop_mod(t->loop, &t->watch, EPOLLIN);
	if (!control_send(t, DNSTAP_READY))
		away(t, strerror(errno));
}

static void tap_ready(struct loop_fd *w, uint32_t events)
{
	struct dnstap *t = container_of(w, struct dnstap, watch);

	if (t->state == TAP_CONNECTING) {
		connected(t);
		return;
	}
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		control_read(t);
	if (t->state == TAP_OPEN && events & EPOLLOUT) {
		t->is_full = false;
		loop_mod(t->loop, &t->watch, EPOLLIN);
		dnstap_flush(t);
	}
}

static void tap_connect(struct dnstap *t)
{
	int fd = socket(t->addr.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		away(t, strerror(errno));
		return;
	}
	if ((connect(fd, &t->addr.sa, t->addr_len) < 0 && errno != EINPROGRESS) ||
	    loop_add(t->loop, &t->watch, fd, EPOLLOUT) < 0) {
		int why = errno;

		close(fd);
		away(t, strerror(why));
		return;
	}
	t->state = TAP_CONNECTING;
	loop_timer_set(t->loop, &t->timer, t->loop->now_ns + HANDSHAKE_NS);
}

static void timer_due(struct loop_timer *timer)
{
	struct dnstap *t = container_of(timer, struct dnstap, timer);

	if (t->state == TAP_AWAY)
		tap_connect(t);
	else
		away(t, "no answer to our greeting");
}

/* --- life --- */

static int addr_read(union tap_addr *ret, socklen_t *ret_len, const char *target, bool is_tcp,
		     struct diag *d)
{
	struct in6_addr a;
	uint16_t port;

	memset(ret, 0, sizeof(*ret));
	if (is_tcp) {
		if (sockaddr_parse(target, 0, &a, &port) < 0 || port == 0)
			return diag_set(d, ERR_SYNTAX, "dnstap: '%s' is no address and port",
					target);
		*ret_len = sockaddr_from(&ret->in, &a, port, 0);
		return 0;
	}
	if (strlen(target) >= sizeof(ret->un.sun_path))
		return diag_set(d, ERR_LIMIT, "dnstap: '%s' is too long for the name of a socket",
				target);
	ret->un.sun_family = AF_UNIX;
	strcpy(ret->un.sun_path, target);
	*ret_len = sizeof(ret->un);
	return 0;
}

int dnstap_check(const char *target, bool is_tcp, struct diag *d)
{
	union tap_addr addr;
	socklen_t len;

	return addr_read(&addr, &len, target, is_tcp, d);
}

int dnstap_open(struct dnstap **ret, struct loop *loop, const char *target, bool is_tcp,
		struct driver_stats *stats, struct diag *d)
{
	struct dnstap *t = calloc(1, sizeof(*t));

	if (t)
		t->target = strdup(target);
	if (!t || !t->target) {
		free(t);
		return diag_set(d, ERR_NOMEM, "no memory for dnstap");
	}
	t->loop = loop;
	t->stats = stats;
	t->is_tcp = is_tcp;
	t->pause_ns = PAUSE_MIN_NS;
	t->watch.ready = tap_ready;
	t->timer.due = timer_due;
	int err = addr_read(&t->addr, &t->addr_len, target, is_tcp, d);

	if (err) {
		free(t->target);
		free(t);
		return err;
	}
	tap_connect(t);
	*ret = t;
	return 0;
}

void dnstap_close(struct dnstap *t)
{
	if (!t)
		return;
	dnstap_flush(t);
	if (t->state == TAP_OPEN) {
		t->stats->dnstap_connected--;
		if (t->sent == t->len)
			control_send(t, DNSTAP_STOP);
	}
	while (t->head + 4 <= t->len) { /* what nobody will get */
		t->head += 4 + get_be32(t->buffer + t->head);
		t->stats->dnstap_dropped++;
	}
	if (t->state != TAP_AWAY) {
		loop_del(t->loop, &t->watch);
		close(t->watch.fd);
	}
	loop_timer_set(t->loop, &t->timer, T_NEVER);
	free(t->target);
	free(t);
}

bool dnstap_is_for(const struct dnstap *t, const char *target, bool is_tcp)
{
	return t->is_tcp == is_tcp && strcmp(t->target, target) == 0;
}
