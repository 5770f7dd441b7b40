/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connected socket a question: the kernel picks a random port and drops
 * what does not come from the upstream's address; we drop what has not our id.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/rng.h"
#include "lib/wire.h"
#include "resolver/sockaddr.h"
#include "resolver/upstream.h"

/* Whoever sends us so many wrong ids is guessing: this socket is given up, and
 * the core's next try has another port (RFC 5452 section 9.2). */
#define STRAYS_MAX 8

void upstream_udp_close(struct ask *a)
{
	struct upstreams *u = a->up->all;
	loop_del(u->loop, &a->watch);
	close(a->watch.fd);
	a->up->n_udp--;
	u->stats->up_udp_open--;
}

static void ask_over(struct ask *a)
{
	upstream_udp_close(a);
	asks_free(&a->up->all->asks, a);
}

static bool is_answer(struct upstreams *u, struct ask *a, const uint8_t *b, size_t len)
{
	return len >= DNS_HEADER_LEN && get_be16(b) == a->dns_id && (b[2] & 0x80) &&
	       u->events.answer(u->events.ctx, a->id, b, len);
}

/* False: go on listening. The core may have cancelled the ask by itself. */
static bool datagram_take(struct upstreams *u, struct ask *a, const uint8_t *b, size_t len)
{
	uint32_t id = a->id;
	bool taken = is_answer(u, a, b, len);
	if (a->id != id || a->place != ASK_UDP)
		return true;
	if (taken) {
		ask_over(a);
		return true;
	}
	u->stats->up_udp_strays++;
	if (++a->n_strays < STRAYS_MAX)
		return false;
	upstream_udp_close(a);
	upstream_ask_failed(u, a, CORE_FAIL_BADREPLY);
	return true;
}

static void udp_answer_ready(struct loop_fd *w, uint32_t events)
{
	struct ask *a = container_of(w, struct ask, watch);
	struct upstreams *u = a->up->all;
	(void)events;
	for (;;) {
		ssize_t n = recv(w->fd, u->scratch->b, sizeof(u->scratch->b), 0);
		if (n >= 0) {
			if (datagram_take(u, a, u->scratch->b, (size_t)n))
				return;
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR) {
			enum core_fail_why why = upstream_why(errno);
			upstream_udp_close(a);
			upstream_ask_failed(u, a, why);
			return;
		}
	}
}

static int socket_connected(const struct upstream_conf *c)
{
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, &c->addr, c->port, c->scope_id);
	int fd = socket(sa.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (c->has_source) {
		union sockaddr_any from;
		socklen_t from_len = sockaddr_from(&from, &c->source, 0, c->scope_id);
		if (bind(fd, &from.sa, from_len) < 0)
			goto out;
	}
	if (connect(fd, &sa.sa, len) == 0)
		return fd;
out:;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int question_send(int fd, uint16_t id, const struct core_ask *what)
{
	uint8_t head[2];
	struct iovec iov[2] = { { head, 2 }, { (void *)(what->query + 2), what->len - 2 } };
	struct msghdr h = { .msg_iov = iov, .msg_iovlen = 2 };
	set_be16(head, id);
	return sendmsg(fd, &h, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

void upstream_udp_ask(struct upstream *up, struct ask *a, const struct core_ask *what)
{
	struct upstreams *u = up->all;
	int fd = socket_connected(&up->conf);
	a->dns_id = rng_os_u16();
	a->watch.ready = udp_answer_ready;
	if (fd < 0 || question_send(fd, a->dns_id, what) < 0 ||
	    loop_add(u->loop, &a->watch, fd, EPOLLIN) < 0) {
		enum core_fail_why why = upstream_why(errno);
		if (fd >= 0)
			close(fd);
		upstream_fail_later(u, a, why);
		return;
	}
	a->place = ASK_UDP;
	up->n_udp++;
	u->stats->up_udp_open++;
	if (up->stats)
		up->stats->conn_misses[CORE_UDP]++;
}
