/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Costs nothing per query but the system calls' share and core_query: headers
 * are set up once and only the fields the kernel overwrites are restored.
 */
#include "resolver/net/listen_udp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/hot.h"
#include "lib/base/rng.h"
#include "resolver/net/listen_stuck.h"
#include "resolver/net/sockaddr.h"

#define SLOT_LEN  512u          /* first octets of a query: nearly always all */
#define LARGE_LEN 65536u        /* address space for a whole large one */
#define ARENA_LEN (128u * 1024) /* replies waiting to leave; > CORE_UDP_MAX */
#define EMPTY_BATCHES_MAX 64
#define ALONE_MAX 16            /* queries taken one by one before a batch is asked for again */

union control { /* room for either family's packet info */
	struct cmsghdr align;
	char b[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct udp_batch {
	uint8_t *large; /* UDP_BATCH areas of LARGE_LEN, mapped, mostly untouched */
	unsigned n_used;   /* headers the kernel has written into */
	bool with_control; /* how all headers are set up */
	struct stuck stuck;
	struct mmsghdr msg[UDP_BATCH];
	struct iovec iov[UDP_BATCH][2];
	union sockaddr_any from[UDP_BATCH];
	union control control[UDP_BATCH];
	uint8_t slot[UDP_BATCH][SLOT_LEN];
};

struct udp_out {
	unsigned n;
	size_t used;
	struct mmsghdr msg[UDP_BATCH];
	struct iovec iov[UDP_BATCH];
	union sockaddr_any to[UDP_BATCH];
	union control control[UDP_BATCH];
	uint8_t arena[ARENA_LEN];
};

struct udp_batch *udp_batch_new(void)
{
	size_t len = (size_t)UDP_BATCH * LARGE_LEN;
	struct udp_batch *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->large = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);
	if (b->large == MAP_FAILED) {
		free(b);
		return NULL;
	}
	b->n_used = UDP_BATCH;
	rng_os_bytes(&b->stuck.key, sizeof(b->stuck.key));
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		b->iov[i][0] = (struct iovec){ b->slot[i], SLOT_LEN };
		b->iov[i][1] = (struct iovec){ b->large + (size_t)i * LARGE_LEN + SLOT_LEN,
					       LARGE_LEN - SLOT_LEN };
		b->msg[i].msg_hdr = (struct msghdr){ .msg_name = &b->from[i], .msg_iov = b->iov[i],
						     .msg_iovlen = 2 };
	}
	return b;
}

void udp_batch_free(struct udp_batch *b)
{
	if (!b)
		return;
	munmap(b->large, (size_t)UDP_BATCH * LARGE_LEN);
	free(b);
}

HOT static void udp_ready(struct loop_fd *w, uint32_t events);

void udp_listener_add(struct udp_listener *u, int fd)
{
	assert(u->n_queues < UDP_QUEUES_MAX);
	u->queue[u->n_queues++] = (struct udp_queue){ .watch = { .fd = fd, .ready = udp_ready }, .listener = u };
}

int udp_listener_init(struct udp_listener *u, int fd, struct udp_batch *batch,
		      struct driver_stats *stats, struct diag *d)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);
	uint16_t port;
	uint32_t scope;
	if (getsockname(fd, &sa.sa, &len) < 0)
		return diag_errno(d, "getsockname");
	struct udp_out *out = calloc(1, sizeof(*out));
	if (!out)
		return diag_set(d, ERR_NOMEM, "no memory for a UDP listener");
	for (unsigned i = 0; i < UDP_BATCH; i++)
		out->msg[i].msg_hdr = (struct msghdr){ .msg_name = &out->to[i], .msg_iov = &out->iov[i],
						       .msg_iovlen = 1 };
	*u = (struct udp_listener){ .fd = fd, .batch = batch, .stats = stats, .out = out,
				    .v6 = sa.sa.sa_family == AF_INET6 };
	udp_listener_add(u, fd);
	sockaddr_split(&sa, &u->local, &port, &scope);
	u->need_local = addr_is_any(&u->local);
	return 0;
}

void udp_listener_release(struct udp_listener *u)
{
	free(u->out);
	u->out = NULL;
}

/* --- out --- */

/* The reply must come from the address that was asked (RFC 2181 section 4.1). */
static void control_set_source(struct msghdr *h, union control *c, const struct in6_addr *local)
{
	struct cmsghdr *cm = &c->align;
	h->msg_control = c;
	if (addr_is_v4(local)) {
		struct in_pktinfo pi = { .ipi_spec_dst = addr_to_v4(local) };
		cm->cmsg_level = IPPROTO_IP;
		cm->cmsg_type = IP_PKTINFO;
		cm->cmsg_len = CMSG_LEN(sizeof(pi));
		h->msg_controllen = CMSG_SPACE(sizeof(pi));
		memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
	} else {
		struct in6_pktinfo pi = { .ipi6_addr = *local };
		cm->cmsg_level = IPPROTO_IPV6;
		cm->cmsg_type = IPV6_PKTINFO;
		cm->cmsg_len = CMSG_LEN(sizeof(pi));
		h->msg_controllen = CMSG_SPACE(sizeof(pi));
		memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
	}
}

/* At least one of those from `first` on; a plain call costs less than a batch of one. */
HOT static int batch_send(int fd, struct udp_out *o, unsigned first)
{
	const struct msghdr *h = &o->msg[first].msg_hdr;
	if (o->n - first > 1 || h->msg_control)
		return sendmmsg(fd, o->msg + first, o->n - first, MSG_DONTWAIT);
	return sendto(fd, h->msg_iov->iov_base, h->msg_iov->iov_len, MSG_DONTWAIT, h->msg_name,
		      h->msg_namelen) < 0 ? -1 : 1;
}

/* Reply `i` alone, past the socket that is full (listen_stuck.h). */
static int wary_send(struct udp_listener *u, unsigned i)
{
	struct stuck *s = &u->batch->stuck;
	uint64_t now_ns = u->loop->now_ns;
	struct in6_addr to;
	uint16_t port;
	uint32_t scope;
	if (now_ns >= u->wary_until_ns)
		u->wary_until_ns = 0; /* this is the last one */
	sockaddr_split(&u->out->to[i], &to, &port, &scope);
	uint32_t hash = stuck_hash(s, &to);
	if (stuck_is(s, &to, hash, now_ns)) {
		u->stats->udp_stuck++;
		return sendmmsg(u->fd, &u->out->msg[i], 1, MSG_DONTWAIT);
	}
	struct udp_queue *q = &u->queue[1 + (hash >> 16) % (u->n_queues - 1)];
	int rc = sendmmsg(q->watch.fd, &u->out->msg[i], 1, MSG_DONTWAIT);
	uint32_t held = stuck_held(q->watch.fd), was = q->held;
	q->held = held;
	if (rc > 0 && held > was) {
		stuck_mark(s, &to, hash, now_ns);
		u->wary_until_ns = now_ns + STUCK_WARY_NS;
	}
	return rc;
}

/* The first socket's buffer is full: true when there is another way for what did not leave. */
static bool turn_wary(struct udp_listener *u)
{
	bool was = u->wary_until_ns;
	if (u->n_queues < 2 || !u->loop)
		return false;
	for (unsigned i = 1; !was && i < u->n_queues; i++)
		u->queue[i].held = stuck_held(u->queue[i].watch.fd);
	u->wary_until_ns = u->loop->now_ns + STUCK_WARY_NS;
	return !was;
}

HOT void udp_flush(struct udp_listener *u)
{
	struct udp_out *o = u->out;
	unsigned sent = 0;
	while (sent < o->n) {
		int n = u->wary_until_ns ? wary_send(u, sent) : batch_send(u->fd, o, sent);
		if (n > 0) {
			sent += (unsigned)n;
			u->stats->udp_sent += (unsigned)n;
		} else if (errno == EAGAIN && turn_wary(u)) {
			continue;
		} else if (errno != EINTR) {
			/* One that the kernel refuses (EPERM, ENETUNREACH, EAGAIN) is
			 * lost like any datagram; those behind it still go. */
			sent++;
			u->stats->udp_send_errors++;
		}
	}
	o->n = 0;
	o->used = 0;
}

/* Room for one more reply of any size; its slot is o->n. */
static uint8_t *out_room(struct udp_listener *u)
{
	struct udp_out *o = u->out;
	if (o->n == UDP_BATCH || o->used + CORE_UDP_MAX > ARENA_LEN)
		udp_flush(u);
	return o->arena + o->used;
}

HOT static void out_commit(struct udp_listener *u, const union sockaddr_any *to,
			   const struct in6_addr *local, size_t len)
{
	struct udp_out *o = u->out;
	struct msghdr *h = &o->msg[o->n].msg_hdr;
	if (to->sa.sa_family == AF_INET) {
		o->to[o->n].v4 = to->v4;
		h->msg_namelen = sizeof(to->v4);
	} else {
		o->to[o->n].v6 = to->v6;
		h->msg_namelen = sizeof(to->v6);
	}
	o->iov[o->n] = (struct iovec){ o->arena + o->used, len };
	if (u->need_local)
		control_set_source(h, &o->control[o->n], local);
	o->used += (len + 63) & ~(size_t)63;
	o->n++;
}

void udp_reply(struct udp_listener *u, const struct core_client *c, const uint8_t *bytes, size_t len)
{
	union sockaddr_any to;
	uint8_t *room = out_room(u);
	assert(len <= CORE_UDP_MAX);
	memcpy(room, bytes, len);
	sockaddr_from(&to, &c->addr, c->port, c->scope_id); /* Linux takes IPv4's at a socket for both as well */
	out_commit(u, &to, &c->local, len);
}

/* --- in --- */

static struct in6_addr asked_address(struct msghdr *h, const struct in6_addr *bound)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo pi;
			memcpy(&pi, CMSG_DATA(c), sizeof(pi));
			return addr_from_v4(pi.ipi_addr);
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo pi;
			memcpy(&pi, CMSG_DATA(c), sizeof(pi));
			return pi.ipi6_addr;
		}
	}
	return *bound;
}

/* Query `i` of a batch in one piece: in its slot, or put together in the large area. */
static const uint8_t *query_bytes(struct udp_batch *b, unsigned i)
{
	uint8_t *large = b->large + (size_t)i * LARGE_LEN;
	if (b->msg[i].msg_len <= SLOT_LEN)
		return b->slot[i];
	memcpy(large, b->slot[i], SLOT_LEN);
	return large;
}

HOT static void query_one(struct udp_listener *u, unsigned i, const uint8_t *q, size_t len)
{
	struct udp_batch *b = u->batch;
	size_t reply_len = 0;
	struct core_client c = { .proto = CORE_UDP, .listener = u->index, .cookie = u->cookie };
	sockaddr_split(&b->from[i], &c.addr, &c.port, &c.scope_id);
	c.local = u->need_local ? asked_address(&b->msg[i].msg_hdr, &u->local) : u->local;
	uint8_t *room = out_room(u);
	if (core_query(u->core, u->loop->now_ns, &c, q, len, room, &reply_len) == CORE_REPLY)
		out_commit(u, &b->from[i], &c.local, reply_len);
}

/* At a node's usual rate a batch is one query: only what was used is restored. */
static unsigned batch_receive(struct udp_listener *u, int fd)
{
	struct udp_batch *b = u->batch;
	unsigned n_restore = b->with_control == u->need_local ? b->n_used : UDP_BATCH;
	for (unsigned i = 0; i < n_restore; i++) {
		struct msghdr *h = &b->msg[i].msg_hdr;
		h->msg_namelen = sizeof(b->from[i]);
		h->msg_control = u->need_local ? &b->control[i] : NULL;
		h->msg_controllen = u->need_local ? sizeof(b->control[i]) : 0;
	}
	int n = recvmmsg(fd, b->msg, UDP_BATCH, MSG_DONTWAIT, NULL);
	b->with_control = u->need_local;
	b->n_used = n > 0 ? (unsigned)n : 1; /* a failed receive may have begun with the first */
	return n > 0 ? (unsigned)n : 0;
}

/* Large ones are rare, and memory must not stay grown: the pages go back. */
static void large_taken(struct udp_listener *u, unsigned n)
{
	u->stats->udp_large += n;
	madvise(u->batch->large, (size_t)UDP_BATCH * LARGE_LEN, MADV_DONTNEED);
}

static unsigned take_batch(struct udp_listener *u, int fd)
{
	struct udp_batch *b = u->batch;
	unsigned n = batch_receive(u, fd), n_large = 0;
	for (unsigned i = 0; i < n; i++) {
		n_large += b->msg[i].msg_len > SLOT_LEN;
		query_one(u, i, query_bytes(b, i), b->msg[i].msg_len);
	}
	u->stats->udp_received += n;
	u->stats->udp_batches += n > 0;
	if (n_large)
		large_taken(u, n_large);
	udp_flush(u);
	return n;
}

HOT static void take_one(struct udp_listener *u, int fd)
{
	struct udp_batch *b = u->batch;
	socklen_t from_len = sizeof(b->from[0]);
	ssize_t n = recvfrom(fd, b->large, LARGE_LEN, MSG_DONTWAIT, &b->from[0].sa, &from_len);
	if (n < 0)
		return;
	query_one(u, 0, b->large, (size_t)n);
	u->stats->udp_received++;
	u->stats->udp_batches++;
	if (n > SLOT_LEN)
		large_taken(u, 1);
	udp_flush(u);
}

/* Up to some 20,000 queries a second each comes alone, and what a batch costs
 * above plain calls, mostly a second look at an empty queue, is up to a tenth of the
 * whole query (make bench-ways20000). So after a batch of one the next few are
 * taken one by one; is there more in the socket, the loop comes back at once, and
 * soon with a batch. A batch is a socket's turn: then the others have theirs. */
HOT static void udp_ready(struct loop_fd *w, uint32_t events)
{
	struct udp_queue *q = container_of(w, struct udp_queue, watch);
	(void)events;
	if (q->n_alone) {
		q->n_alone--;
		take_one(q->listener, w->fd);
	} else if (take_batch(q->listener, w->fd) == 1 && !q->listener->need_local) {
		q->n_alone = ALONE_MAX;
	}
}

void udp_listener_empty(struct udp_listener *u)
{
	for (unsigned i = 0; i < u->n_queues; i++)
		for (unsigned n = 0; n < EMPTY_BATCHES_MAX && take_batch(u, u->queue[i].watch.fd) == UDP_BATCH; n++)
			;
}

int udp_listener_start(struct udp_listener *u, struct loop *loop, struct core *core)
{
	u->loop = loop;
	u->core = core;
	for (unsigned i = 0; i < u->n_queues; i++)
		if (loop_add(loop, &u->queue[i].watch, u->queue[i].watch.fd, EPOLLIN) < 0)
			return ERR_SYS;
	return 0;
}

void udp_listener_stop(struct udp_listener *u)
{
	for (unsigned i = 0; u->loop && i < u->n_queues; i++)
		loop_del(u->loop, &u->queue[i].watch);
}
