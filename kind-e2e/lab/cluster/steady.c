/* SPDX-License-Identifier: Apache-2.0 */
/* Questions in an even pace from one thread, each with its deadline, and the sums of what became of them. */
#include "kind-e2e/lab/cluster/steady.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kind-e2e/lab/cluster/exchange.h"
#include "lib/base/clock.h"
#include "lib/base/hist.h"
#include "lib/base/log.h"
#include "lib/dns/wire.h"

#define LATE_NS (200 * NS_PER_MS)
#define STILL_NS (50 * NS_PER_MS) /* this client itself had no time for so long */
#define FLOW_OUT 65536
#define OWN 0x10000u /* of an event: the socket is a question's own */

struct pending {
	uint64_t sent_ns;
	int fd; /* its own socket, or -1 */
	bool open;
};

struct flow { /* a socket that stays */
	int fd;
	size_t have, owed; /* TCP: octets of a reply so far; of questions still to be sent */
	uint8_t in[2 + DNS_MSG_MAX];
	uint8_t out[FLOW_OUT];
};

struct steady {
	const struct steady_options *o;
	struct exchange_list names;
	struct sockaddr_storage to;
	socklen_t to_len;
	int epoll_fd;
	uint32_t head, tail; /* sequence numbers: the next, the oldest that may be open */
	uint64_t last_answer_ns, seen_ns; /* the clock, when it was looked at last */
	struct steady_counts c;
	struct hist latency;
	struct flow *flows;
	struct pending q[65536]; /* by DNS id */
};

/* The clock, at most `waited_ns` after the last look: what is more, this client had no time in, and that is no time
 * without answers. */
static uint64_t look(struct steady *s, uint64_t waited_ns)
{
	uint64_t now = clock_mono_ns(), still = now - s->seen_ns;

	s->seen_ns = now;
	if (still < waited_ns + STILL_NS)
		return now;
	still -= waited_ns;
	if (still > s->c.still_ns)
		s->c.still_ns = still;
	s->last_answer_ns = s->last_answer_ns + still < now ? s->last_answer_ns + still : now;
	return now;
}

static int open_socket(struct steady *s, uint32_t tag)
{
	int fd = socket(s->to.ss_family,
			(s->o->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct epoll_event e = {.events = s->o->tcp ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN,
				.data.u32 = tag};
	int on = 1;

	if (fd < 0)
		return -1;
	if (s->o->tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if ((connect(fd, (struct sockaddr *)&s->to, s->to_len) && errno != EINPROGRESS) ||
	    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void settle(struct steady *s, uint32_t id)
{
	struct pending *p = &s->q[id];

	p->open = false;
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

static void take(struct steady *s, const uint8_t *buf, size_t len, uint64_t now)
{
	struct pending *p;
	struct dns_msg m;

	if (dns_reply_parse(&m, buf, len) || !(m.h.flags & DNS_QR) || !s->q[m.h.id].open)
		return;
	p = &s->q[m.h.id];
	s->c.answered++;
	s->c.failed += m.rcode != DNS_NOERROR && m.rcode != DNS_NXDOMAIN;
	s->c.late += now - p->sent_ns > LATE_NS;
	hist_record(&s->latency, now - p->sent_ns);
	if (now - s->last_answer_ns > s->c.worst_gap_ns)
		s->c.worst_gap_ns = now - s->last_answer_ns;
	s->last_answer_ns = now;
	settle(s, m.h.id);
}

static void flow_begin(struct steady *s, uint32_t i)
{
	struct flow *f = &s->flows[i];

	f->have = f->owed = 0;
	f->fd = open_socket(s, i);
}

static void flow_end(struct steady *s, uint32_t i)
{
	close(s->flows[i].fd);
	s->flows[i].fd = -1;
	s->c.cut++;
}

static void tcp_flush(struct flow *f)
{
	ssize_t n = f->owed ? send(f->fd, f->out, f->owed, MSG_NOSIGNAL) : 0;

	if (n > 0) {
		f->owed -= (size_t)n;
		memmove(f->out, f->out + n, f->owed);
	}
}

/* Edge-triggered: reads until there is nothing more. */
static void tcp_ready(struct steady *s, uint32_t i, uint64_t now)
{
	struct flow *f = &s->flows[i];

	tcp_flush(f);
	for (;;) {
		ssize_t n = recv(f->fd, f->in + f->have, sizeof f->in - f->have, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			flow_end(s, i);
			return;
		}
		f->have += (size_t)n;
		while (f->have >= 2 && f->have - 2 >= get_be16(f->in)) {
			size_t len = 2u + get_be16(f->in);

			take(s, f->in + 2, len - 2, now);
			memmove(f->in, f->in + len, f->have - len);
			f->have -= len;
		}
	}
}

static void udp_ready(struct steady *s, int fd, uint64_t now)
{
	uint8_t buf[4096];
	ssize_t n = recv(fd, buf, sizeof buf, 0);

	if (n > 0)
		take(s, buf, (size_t)n, now);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		s->c.refused++; /* the question stays open: a later word may still come */
}

static void ready(struct steady *s, uint32_t tag)
{
	uint64_t now = look(s, 0);

	if (tag & OWN) {
		if (s->q[tag & 0xffff].fd >= 0)
			udp_ready(s, s->q[tag & 0xffff].fd, now);
	} else if (s->flows[tag].fd >= 0) {
		if (s->o->tcp)
			tcp_ready(s, tag, now);
		else
			udp_ready(s, s->flows[tag].fd, now);
	}
}

static void put_tcp(struct steady *s, struct flow *f, const uint8_t *query, size_t len)
{
	if (f->owed + 2 + len > sizeof f->out) {
		s->c.refused++; /* nobody takes what is there already; it will count as lost */
		return;
	}
	set_be16(f->out + f->owed, (uint16_t)len);
	memcpy(f->out + f->owed + 2, query, len);
	f->owed += 2 + len;
	tcp_flush(f);
}

static void put_udp(struct steady *s, int fd, const uint8_t *query, size_t len)
{
	/* the first may only fetch the error that an earlier question left on the socket */
	for (unsigned i = 0; i < 2; i++)
		if (fd >= 0 && send(fd, query, len, 0) == (ssize_t)len)
			return;
	s->c.refused++; /* not sent: it will count as lost */
}

static void ask(struct steady *s)
{
	uint16_t id = (uint16_t)s->head;
	struct pending *p = &s->q[id];
	const struct exchange_question *q = &s->names.q[s->head % s->names.n];
	uint8_t query[512];
	size_t len = dns_query_build(query, sizeof query, id, q->name.b, q->type, DNS_RD, 1232,
				     false, false);
	struct flow *f = NULL;

	if (s->o->sockets) {
		uint32_t i = (uint32_t)(s->head % s->o->sockets);

		f = &s->flows[i];
		if (f->fd < 0)
			flow_begin(s, i);
	} else {
		p->fd = open_socket(s, OWN | id);
	}
	p->open = true;
	p->sent_ns = clock_mono_ns();
	if (f && s->o->tcp)
		put_tcp(s, f, query, len);
	else
		put_udp(s, f ? f->fd : p->fd, query, len);
	s->c.sent++;
	s->head++;
}

static void expire(struct steady *s, uint64_t now)
{
	for (; s->tail != s->head; s->tail++) {
		struct pending *p = &s->q[s->tail & 0xffff];

		if (!p->open)
			continue;
		if (p->sent_ns + s->o->timeout_ns > now)
			return;
		s->c.lost++;
		settle(s, s->tail & 0xffff);
	}
}

static int wait_until(struct steady *s, uint64_t t_ns)
{
	uint64_t now = clock_mono_ns(), left = t_ns > now ? t_ns - now : 0;
	struct timespec ts = {(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
	struct epoll_event e[64];
	int n = epoll_pwait2(s->epoll_fd, e, 64, &ts, NULL);

	look(s, left);
	for (int i = 0; i < n; i++)
		ready(s, e[i].data.u32);
	return n;
}

/* What lies in the sockets was in time: it is read before anything counts as lost. */
static void drain(struct steady *s)
{
	while (wait_until(s, 0) > 0)
		;
}

/* A machine that gave this client no time: what it did not ask then is asked later, at the same pace. All at once
 * would be a flood that no resolver ever sees, and what of it its own sockets drop would be called lost. */
static uint64_t behind(struct steady *s, uint64_t due, uint64_t now)
{
	if (now <= due + STILL_NS)
		return 0;
	drain(s);
	return now - due;
}

static void run(struct steady *s)
{
	uint64_t t0 = clock_mono_ns(), end = t0 + s->o->duration_ns, i = 0;

	s->last_answer_ns = s->seen_ns = t0;
	for (;;) {
		uint64_t now = look(s, 0), due = t0 + i * NS_PER_S / s->o->rate;
		uint64_t old = s->tail != s->head ? s->q[s->tail & 0xffff].sent_ns + s->o->timeout_ns
						  : T_NEVER;
		uint64_t still = due < end ? behind(s, due, now) : 0;

		t0 += still;
		end += still;
		due += still;
		if (old <= now)
			drain(s);
		expire(s, now);
		if (due >= end && s->tail == s->head)
			break;
		if (due < end && due <= now) {
			if (s->o->tcp) /* whose connection has ended already asks over another */
				drain(s);
			ask(s);
			i++;
			continue;
		}
		old = s->tail != s->head ? s->q[s->tail & 0xffff].sent_ns + s->o->timeout_ns
					 : T_NEVER;
		wait_until(s, due < end && due < old ? due : old);
	}
	if (s->c.lost && end - s->last_answer_ns > s->c.worst_gap_ns && end > s->last_answer_ns)
		s->c.worst_gap_ns = end - s->last_answer_ns;
}

static void report(const struct steady *s)
{
	const struct steady_counts *c = &s->c;

	printf("sent %llu answered %llu lost %llu failed %llu late %llu refused %llu cut %llu "
	       "worst_gap_ms %.1f p50_us %.0f p99_us %.0f stood_still_ms %.1f\n",
	       (unsigned long long)c->sent, (unsigned long long)c->answered,
	       (unsigned long long)c->lost, (unsigned long long)c->failed,
	       (unsigned long long)c->late, (unsigned long long)c->refused,
	       (unsigned long long)c->cut, (double)c->worst_gap_ns / 1e6,
	       (double)hist_quantile(&s->latency, 0.5) / 1e3,
	       (double)hist_quantile(&s->latency, 0.99) / 1e3, (double)c->still_ns / 1e6);
}

static int check_options(const struct steady_options *o, struct diag *d)
{
	if (!o->names || !o->server)
		return diag_set(d, ERR_MISSING, "steady needs --names FILE and --server ADDRESS");
	if (o->tcp && !o->sockets)
		return diag_set(d, ERR_MISSING, "--tcp needs --sockets N: connections that stay");
	if ((double)o->rate * (double)o->timeout_ns / 1e9 > STEADY_OPEN_MAX)
		return diag_set(d, ERR_LIMIT,
				"--rate times --timeout is more than %u open questions",
				STEADY_OPEN_MAX);
	return 0;
}

static int prepare(struct steady *s, const struct steady_options *o, struct diag *d)
{
	struct rlimit files;
	int rc;

	s->o = o;
	hist_init(&s->latency);
	for (unsigned i = 0; i < 65536; i++)
		s->q[i].fd = -1;
	if ((rc = exchange_list_read(&s->names, o->names, d)) ||
	    (rc = exchange_address(o->server, &s->to, &s->to_len, d)))
		return rc;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->flows = calloc(o->sockets ? o->sockets : 1, sizeof *s->flows);
	if (s->epoll_fd < 0 || !s->flows)
		return diag_set(d, ERR_NOMEM, "no memory or no descriptor");
	for (uint32_t i = 0; i < o->sockets; i++)
		flow_begin(s, i);
	return 0;
}

int steady_main(const struct steady_options *o)
{
	struct steady *s = calloc(1, sizeof *s);
	struct diag d = {""};
	int rc = s ? check_options(o, &d) : diag_set(&d, ERR_NOMEM, "no memory");

	if (!rc)
		rc = prepare(s, o, &d);
	if (rc) {
		log_error("%s", d.text);
		rc = 3;
	} else {
		/* whoever is to break something meanwhile waits for this word */
		fprintf(stderr, "asking %s\n", o->server);
		run(s);
		report(s);
		rc = s->c.lost || s->c.failed ? 1 : 0;
	}
	if (s) {
		exchange_list_free(&s->names);
		free(s->flows);
	}
	free(s);
	return rc;
}
