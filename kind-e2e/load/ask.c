/* SPDX-License-Identifier: Apache-2.0 */
/* One socket, one exchange with a deadline; and the last few hundred of them remembered. */
#include "kind-e2e/load/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kind-e2e/lab/netns.h"
#include "lib/base/clock.h"
#include "lib/dns/name.h"

#define QUERY_MAX 300

void ask_server_id(const uint8_t *msg, size_t len, char ret[ASK_ID_MAX])
{
	const uint8_t *nsid = NULL;
	uint16_t n = 0, i;
	struct dns_msg m;

	if (dns_msg_parse(&m, msg, len) == 0)
		nsid = dns_edns_option(&m.edns, EDNS_NSID, &n);
	n = !nsid ? 0 : n < ASK_ID_MAX - 1 ? n : ASK_ID_MAX - 1;
	for (i = 0; i < n; i++)
		ret[i] = nsid[i] > ' ' && nsid[i] < 127 ? (char)nsid[i] : '?';
	ret[i] = '\0';
}

/* --- what was asked -------------------------------------------------------------------- */

#define RECENT_MAX 300
static char recent[RECENT_MAX][NAME_MAX_TEXT / 4 + 160];
static unsigned n_recent;

static void remember(const struct question *q, const struct answer *a)
{
	char server[ADDR_TEXT], type[16], rcode[16];

	snprintf(recent[n_recent++ % RECENT_MAX], sizeof recent[0],
		 "%.3f s: %s asked %s by %s for %.200s %s: %s%s%s after %.1f ms\n",
		 (double)clock_real_ns() / 1e9, q->ns ? q->ns : "here", addr_str(&q->server, server),
		 q->tcp ? "TCP" : "UDP", q->name, dns_type_str(q->qtype, type),
		 a->error ? strerror(a->error) : dns_rcode_str(a->rcode, rcode),
		 a->error ? "" : " by ", a->error ? "" : a->by, (double)a->took_ns / 1e6);
}

char *ask_recent(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (unsigned i = n_recent > RECENT_MAX ? n_recent - RECENT_MAX : 0; i < n_recent; i++)
		fputs(recent[i % RECENT_MAX], out);
	fclose(out);
	return text;
}

/* --- one exchange ----------------------------------------------------------------------- */

/* Until `events` come or the time is over: 0 or an errno. */
static int wait_for(int fd, short events, uint64_t until_ns)
{
	struct pollfd p = {fd, events, 0};
	uint64_t now = clock_mono_ns();
	int rc = 0, error = 0;
	socklen_t len = sizeof error;

	while (now < until_ns && rc == 0) {
		rc = poll(&p, 1, (int)((until_ns - now) / NS_PER_MS) + 1);
		now = clock_mono_ns();
	}
	if (rc <= 0)
		return rc < 0 ? errno : ETIMEDOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

static int read_tcp(int fd, struct answer *a, uint64_t until_ns)
{
	uint8_t head[2];
	size_t got = 0, want = 2;
	int error = 0;

	while (!error && got < want) {
		uint8_t *to = got < 2 ? head + got : a->msg + got - 2;
		ssize_t n;

		error = wait_for(fd, POLLIN, until_ns);
		if (error)
			break;
		n = recv(fd, to, got < 2 ? 2 - got : want - got, MSG_DONTWAIT);
		if (n <= 0)
			return n < 0 ? errno : ECONNRESET;
		got += (size_t)n;
		if (got == 2)
			want = 2u + get_be16(head);
	}
	a->len = error ? 0 : want - 2;
	return error;
}

/* What a stub resolver takes for the answer: a reply by its header, with this id, to this very
 * question. Only one who understood nothing may leave the question out. */
static bool is_answer(const uint8_t *msg, size_t len, const uint8_t *query, size_t query_len)
{
	struct dns_msg q, a;

	if (len < DNS_HEADER_LEN || get_be16(msg) != get_be16(query) ||
	    dns_msg_parse(&q, query, query_len) || dns_reply_parse(&a, msg, len) ||
	    !(a.h.flags & DNS_QR))
		return false;
	if (!a.h.n_qd)
		return a.rcode == DNS_FORMERR || a.rcode == DNS_NOTIMP;
	return a.q.name && name_eq(a.q.name, q.q.name) && a.q.qtype == q.q.qtype &&
	       a.q.qclass == q.q.qclass;
}

/* Over UDP other messages than the answer are passed over: whether there were any is told when
 * the time is up (EBADMSG). */
static int exchange(int fd, const struct question *q, const uint8_t *query, size_t len,
		    struct answer *a, uint64_t until_ns)
{
	uint8_t framed[2 + QUERY_MAX];
	int error;

	bool others = false, there = false;

	if (q->tcp) {
		error = wait_for(fd, POLLOUT, until_ns);
		set_be16(framed, (uint16_t)len);
		memcpy(framed + 2, query, len);
		if (!error && send(fd, framed, len + 2, MSG_NOSIGNAL) != (ssize_t)len + 2)
			error = errno;
		error = error ? error : read_tcp(fd, a, until_ns);
		return error || is_answer(a->msg, a->len, query, len) ? error : EBADMSG;
	}
	if (send(fd, query, len, MSG_NOSIGNAL) != (ssize_t)len)
		return errno;
	do {
		ssize_t n;

		error = wait_for(fd, POLLIN, until_ns);
		n = error ? 0 : recv(fd, a->msg, sizeof a->msg, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			return errno;
		a->len = n > 0 ? (size_t)n : 0;
		there = !error && is_answer(a->msg, a->len, query, len);
		others = others || (n > 0 && !there);
	} while (!error && !there);
	return error == ETIMEDOUT && others ? EBADMSG : error;
}

static int open_socket(const struct question *q, struct diag *d)
{
	struct sockaddr_storage to;
	socklen_t len = addr_sock(&q->server, q->port ? q->port : DNS_PORT, &to);
	int type = q->tcp ? SOCK_STREAM : SOCK_DGRAM, code = q->ns ? netns_enter(q->ns, d) : 0, fd;

	if (code)
		return code;
	fd = socket(q->server.family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		code = diag_errno(d, "socket");
	} else if (connect(fd, (struct sockaddr *)&to, len) && errno != EINPROGRESS) {
		code = -errno; /* no route, refused at once: never ERR_SYS's number (ENOENT) */
		close(fd);
	}
	if (q->ns)
		netns_leave();
	return fd < 0 ? ERR_SYS : code ? code : fd;
}

static void understand(struct answer *a)
{
	struct dns_msg m;

	if (a->error || dns_msg_parse(&m, a->msg, a->len))
		return;
	a->rcode = m.rcode;
	a->truncated = m.h.flags & DNS_TC;
	a->edns = m.edns.present;
	a->n_answers = m.h.n_an;
	ask_server_id(a->msg, a->len, a->by);
}

static uint16_t id = 0x4e32;

int ask(const struct question *q, struct answer *ret, struct diag *d)
{
	uint8_t query[QUERY_MAX];
	uint64_t begin = clock_mono_ns();
	struct name name;
	size_t len;
	int fd;

	if (name_from_text(&name, q->name))
		return diag_set(d, ERR_SYNTAX, "'%s' is no name", q->name);
	len = dns_query_build(query, sizeof query, ++id, name.b, q->qtype, DNS_RD, q->udp_size,
			      false, q->udp_size != 0);
	if (q->qclass) /* behind header, name and type */
		set_be16(query + DNS_HEADER_LEN + name.len + 2, q->qclass);
	memset(ret, 0, offsetof(struct answer, msg));
	fd = open_socket(q, d);
	if (fd == ERR_SYS)
		return fd;
	ret->error = fd < 0 ? -fd : exchange(fd, q, query, len, ret, begin + q->timeout_ns);
	if (fd >= 0)
		close(fd);
	ret->took_ns = clock_mono_ns() - begin;
	understand(ret);
	remember(q, ret);
	return 0;
}

/* The next message into the answer whose question it repeats. */
static int take_half(int fd, uint8_t query[2][QUERY_MAX], const size_t len[2], struct answer ret[2], uint64_t begin,
		     uint64_t until_ns)
{
	static uint8_t msg[DNS_MSG_MAX];
	int error = wait_for(fd, POLLIN, until_ns);
	ssize_t n = error ? 0 : recv(fd, msg, sizeof msg, MSG_DONTWAIT);
	int which = 0;

	if (error || (n < 0 && errno != EAGAIN))
		return error ? error : errno;
	while (which < 2 && (n < 0 || !is_answer(msg, (size_t)n, query[which], len[which])))
		which++;
	if (which > 1 || !ret[which].error)
		return 0;
	memcpy(ret[which].msg, msg, (size_t)n);
	ret[which].len = (size_t)n;
	ret[which].took_ns = clock_mono_ns() - begin;
	ret[which].error = 0;
	understand(&ret[which]);
	return 0;
}

int ask_pair(const struct question *q, struct answer ret[2], struct diag *d)
{
	static const uint16_t types[2] = {DNS_A, DNS_AAAA};
	uint64_t begin = clock_mono_ns();
	uint8_t query[2][QUERY_MAX];
	size_t len[2];
	int fd, error = 0;
	struct name name;

	if (name_from_text(&name, q->name))
		return diag_set(d, ERR_SYNTAX, "'%s' is no name", q->name);
	fd = open_socket(q, d);
	if (fd == ERR_SYS)
		return fd;
	for (int i = 0; i < 2; i++) {
		len[i] = dns_query_build(query[i], sizeof query[i], ++id, name.b, types[i], DNS_RD, q->udp_size, false,
					 q->udp_size != 0);

		memset(&ret[i], 0, offsetof(struct answer, msg));
		ret[i].error = fd < 0 ? -fd : ETIMEDOUT;
		if (fd >= 0 && !error && send(fd, query[i], len[i], 0) != (ssize_t)len[i])
			error = errno;
	}
	while (fd >= 0 && !error && (ret[0].error || ret[1].error))
		error = take_half(fd, query, len, ret, begin, begin + q->timeout_ns);
	for (int i = 0; i < 2 && error; i++)
		ret[i].error = ret[i].error ? error : 0;
	if (fd >= 0)
		close(fd);
	return 0;
}
