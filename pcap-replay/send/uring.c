/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two rings as the kernel lays them out (io_uring(7)), without a library. Work of the kernel's waits until we
 * ask for it (IORING_SETUP_DEFER_TASKRUN), and a flag in shared memory tells whether there is any: who looks again
 * and again makes no system call for that. Buffers for what comes are a third ring; they are as long as a datagram
 * can be, and of most only the first page is ever touched.
 */
#include "pcap-replay/send/uring.h"

#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define ENTRIES     1024
#define COMPLETIONS 16384
#define BUFFERS     512 /* a power of two */
#define BUFFER_LEN  (65536 + 512)
#define GROUP       1

/* What an entry is for stands in the two lowest bits of its data, which pointers have no use for. */
enum { OF_RECEIVE, OF_SEND, OF_CANCEL, OF_WATCH, OF_MASK = 3 };

struct uring {
	struct uring_conf c;
	int fd, watched;
	bool watches;
	unsigned n_new; /* entries that the kernel has not been told of */
	unsigned sq_mask, cq_mask, n_entries;
	unsigned *sq_array;
	_Atomic unsigned *sq_head, *sq_tail, *sq_flags, *cq_head, *cq_tail;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	void *sq_map, *cq_map;
	size_t sq_len, cq_len, sqe_len;
	struct io_uring_buf_ring *free_ring;
	uint16_t free_tail;
	uint8_t *buffers;
	struct msghdr form; /* what is to be told beside the octets */
};

static long enter(struct uring *u, unsigned wait, unsigned flags, const void *arg, size_t len)
{
	long n = syscall(SYS_io_uring_enter, u->fd, u->n_new, wait, flags, arg, len);
	if (n > 0)
		u->n_new -= (unsigned)n;
	return n;
}

void uring_submit(struct uring *u)
{
	while (u->n_new && enter(u, 0, 0, NULL, 0) > 0)
		;
}

static bool is_full(const struct uring *u)
{
	return atomic_load_explicit(u->sq_tail, memory_order_relaxed) - atomic_load_explicit(u->sq_head, memory_order_acquire) >= u->n_entries;
}

/* NULL: the kernel takes no more, until what has happened was looked at. */
static struct io_uring_sqe *entry_new(struct uring *u, unsigned of, const void *who)
{
	if (is_full(u))
		uring_submit(u);
	if (is_full(u))
		return NULL;
	unsigned tail = atomic_load_explicit(u->sq_tail, memory_order_relaxed), at = tail & u->sq_mask;
	u->sqe[at] = (struct io_uring_sqe){.user_data = (uint64_t)(uintptr_t)who | of};
	u->sq_array[at] = at;
	return &u->sqe[at];
}

static void entry_put(struct uring *u)
{
	atomic_fetch_add_explicit(u->sq_tail, 1, memory_order_release);
	u->n_new++;
}

bool uring_receive(struct uring *u, int fd, void *who)
{
	struct io_uring_sqe *e = entry_new(u, OF_RECEIVE, who);
	if (!e)
		return false;
	e->opcode = IORING_OP_RECVMSG;
	e->fd = fd;
	e->addr = (uint64_t)(uintptr_t)&u->form;
	e->len = 1;
	e->flags = IOSQE_BUFFER_SELECT;
	e->ioprio = IORING_RECV_MULTISHOT;
	e->buf_group = GROUP;
	entry_put(u);
	return true;
}

bool uring_forget(struct uring *u, void *who)
{
	struct io_uring_sqe *e = entry_new(u, OF_CANCEL, NULL);
	if (!e)
		return false;
	e->opcode = IORING_OP_ASYNC_CANCEL;
	e->fd = -1;
	e->addr = (uint64_t)(uintptr_t)who | OF_RECEIVE;
	entry_put(u);
	return true;
}

bool uring_send(struct uring *u, int fd, void *what, const uint8_t *msg, size_t len)
{
	struct io_uring_sqe *e = entry_new(u, OF_SEND, what);
	if (!e)
		return false;
	e->opcode = IORING_OP_SEND;
	e->fd = fd;
	e->addr = (uint64_t)(uintptr_t)msg;
	e->len = (uint32_t)len;
	e->msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	e->flags = IOSQE_CQE_SKIP_SUCCESS;
	entry_put(u);
	return true;
}

static void watch(struct uring *u)
{
	struct io_uring_sqe *e = entry_new(u, OF_WATCH, NULL);
	u->watches = e;
	if (!e)
		return; /* with the next turn */
	e->opcode = IORING_OP_POLL_ADD;
	e->fd = u->watched;
	e->poll32_events = POLLIN;
	entry_put(u);
}

/* --- what has happened --- */

static void buffer_give(struct uring *u, unsigned i)
{
	struct io_uring_buf *b = &u->free_ring->bufs[u->free_tail & (BUFFERS - 1)];
	b->addr = (uint64_t)(uintptr_t)(u->buffers + (size_t)i * BUFFER_LEN);
	b->len = BUFFER_LEN;
	b->bid = (uint16_t)i;
	atomic_store_explicit((_Atomic uint16_t *)&u->free_ring->tail, ++u->free_tail, memory_order_release);
}

uint64_t uring_stamp_ns(const struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c)) {
		struct timespec t;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	}
	return 0;
}

/* A buffer begins with what of it is what, then the room for a control message, then octets. */
static void received(struct uring *u, void *who, const uint8_t *b, size_t len)
{
	struct io_uring_recvmsg_out head;
	size_t room = sizeof(head) + u->form.msg_controllen;
	if (len < room)
		return;
	memcpy(&head, b, sizeof(head));
	size_t told = head.controllen < u->form.msg_controllen ? head.controllen : u->form.msg_controllen;
	struct msghdr m = {.msg_control = (void *)(uintptr_t)(b + sizeof(head)), .msg_controllen = told};
	u->c.came(u->c.ctx, who, b + room, len - room, uring_stamp_ns(&m));
}

static void happened(struct uring *u, const struct io_uring_cqe *e)
{
	void *who = (void *)(uintptr_t)(e->user_data & ~(uint64_t)OF_MASK);
	unsigned of = e->user_data & OF_MASK;
	if (of == OF_SEND) {
		u->c.failed(u->c.ctx, who);
	} else if (of == OF_WATCH) {
		u->c.ready(u->c.ctx);
		watch(u);
	} else if (of == OF_RECEIVE) {
		if (e->flags & IORING_CQE_F_BUFFER) {
			unsigned i = e->flags >> IORING_CQE_BUFFER_SHIFT;
			if (e->res > 0)
				received(u, who, u->buffers + (size_t)i * BUFFER_LEN, (size_t)e->res);
			buffer_give(u, i);
		}
		if (!(e->flags & IORING_CQE_F_MORE))
			u->c.ended(u->c.ctx, who);
	}
}

static bool anything(const struct uring *u)
{
	return atomic_load_explicit(u->cq_tail, memory_order_acquire) != atomic_load_explicit(u->cq_head, memory_order_relaxed) ||
	       atomic_load_explicit(u->sq_flags, memory_order_relaxed) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

void uring_turn(struct uring *u, uint64_t wait_ns)
{
	struct __kernel_timespec t = {(int64_t)(wait_ns / NS_PER_S), (long long)(wait_ns % NS_PER_S)};
	struct io_uring_getevents_arg a = {.ts = (uint64_t)(uintptr_t)&t};
	if (!u->watches)
		watch(u);
	if (!u->n_new && !wait_ns && !anything(u))
		return;
	if (wait_ns)
		enter(u, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &a, sizeof(a));
	else
		enter(u, 0, IORING_ENTER_GETEVENTS, NULL, 0);
	/* what is told may lead to new entries, not to a turn */
	unsigned head = atomic_load_explicit(u->cq_head, memory_order_relaxed), tail = atomic_load_explicit(u->cq_tail, memory_order_acquire);
	while (head != tail) {
		struct io_uring_cqe e = u->cqe[head & u->cq_mask];
		atomic_store_explicit(u->cq_head, ++head, memory_order_release);
		happened(u, &e);
	}
}

/* --- beginning and end --- */

static void *map(int fd, size_t len, uint64_t what)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)what);
	return p == MAP_FAILED ? NULL : p;
}

static bool rings_map(struct uring *u, const struct io_uring_params *p)
{
	u->sq_len = p->sq_off.array + p->sq_entries * sizeof(unsigned);
	u->cq_len = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	u->sqe_len = p->sq_entries * sizeof(struct io_uring_sqe);
	u->sq_map = map(u->fd, u->sq_len, IORING_OFF_SQ_RING);
	u->cq_map = map(u->fd, u->cq_len, IORING_OFF_CQ_RING);
	u->sqe = map(u->fd, u->sqe_len, IORING_OFF_SQES);
	if (!u->sq_map || !u->cq_map || !u->sqe)
		return false;
	char *sq = u->sq_map, *cq = u->cq_map;
	u->sq_head = (void *)(sq + p->sq_off.head);
	u->sq_tail = (void *)(sq + p->sq_off.tail);
	u->sq_flags = (void *)(sq + p->sq_off.flags);
	u->sq_mask = *(unsigned *)(void *)(sq + p->sq_off.ring_mask);
	u->sq_array = (void *)(sq + p->sq_off.array);
	u->n_entries = p->sq_entries;
	u->cq_head = (void *)(cq + p->cq_off.head);
	u->cq_tail = (void *)(cq + p->cq_off.tail);
	u->cq_mask = *(unsigned *)(void *)(cq + p->cq_off.ring_mask);
	u->cqe = (void *)(cq + p->cq_off.cqes);
	return true;
}

static void *pages(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static bool buffers_register(struct uring *u)
{
	u->free_ring = pages(BUFFERS * sizeof(struct io_uring_buf));
	u->buffers = pages((size_t)BUFFERS * BUFFER_LEN);
	if (!u->free_ring || !u->buffers)
		return false;
	struct io_uring_buf_reg r = {.ring_addr = (uint64_t)(uintptr_t)u->free_ring, .ring_entries = BUFFERS, .bgid = GROUP};
	if (syscall(SYS_io_uring_register, u->fd, IORING_REGISTER_PBUF_RING, &r, 1))
		return false;
	for (unsigned i = 0; i < BUFFERS; i++) {
		u->buffers[(size_t)i * BUFFER_LEN] = 0; /* the page is there before the first datagram */
		buffer_give(u, i);
	}
	return true;
}

static void unmap(void *p, size_t len)
{
	if (p)
		munmap(p, len);
}

void uring_free(struct uring *u)
{
	if (!u)
		return;
	if (u->fd >= 0)
		close(u->fd);
	unmap(u->sq_map, u->sq_len);
	unmap(u->cq_map, u->cq_len);
	unmap(u->sqe, u->sqe_len);
	unmap(u->free_ring, BUFFERS * sizeof(struct io_uring_buf));
	unmap(u->buffers, (size_t)BUFFERS * BUFFER_LEN);
	free(u);
}

struct uring *uring_new(const struct uring_conf *c, int watched)
{
	struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE,
				    .cq_entries = COMPLETIONS};
	struct uring *u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->c = *c;
	u->watched = watched;
	u->form.msg_controllen = CMSG_SPACE(sizeof(struct timespec));
	u->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (u->fd < 0 || !(p.features & IORING_FEAT_CQE_SKIP) || !(p.features & IORING_FEAT_EXT_ARG) || !rings_map(u, &p) || !buffers_register(u)) {
		uring_free(u);
		return NULL;
	}
	watch(u);
	/* a filter that knows of no ring's calls may permit the first and refuse this one: nothing would ever be sent */
	if (enter(u, 0, 0, NULL, 0) <= 0) {
		uring_free(u);
		return NULL;
	}
	return u;
}
