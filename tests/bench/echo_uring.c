/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench echo_uring: what echo does (UDP only), through io_uring: as many
 * receives as a batch has are always under way, each that ends becomes a send of
 * the same buffer and that a receive again; one system call hands in what is new
 * and waits for something to end. The ring is used without a library, so that
 * nobody needs one to build the benchmark.
 *
 *   echo_uring [--single] ADDRESS PORT [BATCH]         default batch 64; IPv4
 *
 *   --single   tells the kernel that one thread uses the ring and work may wait
 *              for it (IORING_SETUP_SINGLE_ISSUER, IORING_SETUP_DEFER_TASKRUN)
 */
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BATCH_MAX 256
#define DATAGRAM  1232

static struct {
	int fd;
	unsigned n_new; /* entries the kernel has not been told of */
	_Atomic unsigned *sq_tail, *cq_head, *cq_tail;
	unsigned sq_mask, cq_mask, *sq_array;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
} ring;

static struct slot {
	struct sockaddr_in peer;
	struct iovec iov;
	struct msghdr msg;
	int sending;
	uint8_t buf[DATAGRAM];
} slot[BATCH_MAX];

static int ring_open(unsigned entries, unsigned flags)
{
	struct io_uring_params p = {.flags = flags};
	ring.fd = (int)syscall(SYS_io_uring_setup, entries, &p);
	if (ring.fd < 0)
		return -1;
	size_t sq_len = p.sq_off.array + p.sq_entries * sizeof(unsigned), cq_len = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	int prot = PROT_READ | PROT_WRITE, how = MAP_SHARED | MAP_POPULATE;
	char *sq = mmap(NULL, sq_len, prot, how, ring.fd, IORING_OFF_SQ_RING), *cq = mmap(NULL, cq_len, prot, how, ring.fd, IORING_OFF_CQ_RING);
	ring.sqe = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), prot, how, ring.fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || ring.sqe == MAP_FAILED)
		return -1;
	ring.sq_tail = (void *)(sq + p.sq_off.tail);
	ring.sq_mask = *(unsigned *)(void *)(sq + p.sq_off.ring_mask);
	ring.sq_array = (void *)(sq + p.sq_off.array);
	ring.cq_head = (void *)(cq + p.cq_off.head);
	ring.cq_tail = (void *)(cq + p.cq_off.tail);
	ring.cq_mask = *(unsigned *)(void *)(cq + p.cq_off.ring_mask);
	ring.cqe = (void *)(cq + p.cq_off.cqes);
	return 0;
}

static void slot_put(int fd, unsigned i, int sending)
{
	unsigned tail = *ring.sq_tail, at = tail & ring.sq_mask;
	struct slot *s = &slot[i];
	s->sending = sending;
	if (!sending) {
		s->iov = (struct iovec){s->buf, DATAGRAM};
		s->msg = (struct msghdr){.msg_name = &s->peer, .msg_namelen = sizeof(s->peer), .msg_iov = &s->iov, .msg_iovlen = 1};
	}
	ring.sqe[at] = (struct io_uring_sqe){
		.opcode = sending ? IORING_OP_SENDMSG : IORING_OP_RECVMSG,
		.fd = fd,
		.addr = (uint64_t)(uintptr_t)&s->msg,
		.len = 1,
		.user_data = i,
	};
	ring.sq_array[at] = at;
	atomic_store_explicit(ring.sq_tail, tail + 1, memory_order_release);
	ring.n_new++;
}

static void slot_done(int fd, unsigned i, int res)
{
	struct slot *s = &slot[i];
	if (s->sending || res < 3) {
		slot_put(fd, i, 0);
		return;
	}
	s->buf[2] |= 0x80;
	s->iov.iov_len = (size_t)res;
	slot_put(fd, i, 1);
}

static int serve(int fd, unsigned batch)
{
	for (unsigned i = 0; i < batch; i++)
		slot_put(fd, i, 0);
	for (;;) {
		long n = syscall(SYS_io_uring_enter, ring.fd, ring.n_new, 1, IORING_ENTER_GETEVENTS, NULL, 0);
		if (n < 0)
			return -1;
		ring.n_new -= (unsigned)n;
		unsigned head = *ring.cq_head, tail = atomic_load_explicit(ring.cq_tail, memory_order_acquire);
		for (; head != tail; head++)
			slot_done(fd, (unsigned)ring.cqe[head & ring.cq_mask].user_data, ring.cqe[head & ring.cq_mask].res);
		atomic_store_explicit(ring.cq_head, head, memory_order_release);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int rcvbuf = 4 << 20, single = argc > 1 && !strcmp(argv[1], "--single"), fd = socket(AF_INET, SOCK_DGRAM, 0);
	char **at = argv + 1 + single;
	unsigned batch = argc - single > 3 ? (unsigned)atoi(at[2]) : 64;
	if (argc - single < 3 || batch < 1 || batch > BATCH_MAX || inet_pton(AF_INET, at[0], &a.sin_addr) != 1) {
		fprintf(stderr, "usage: echo_uring [--single] ADDRESS PORT [BATCH 1..%d]\n", BATCH_MAX);
		return 3;
	}
	a.sin_port = htons((uint16_t)atoi(at[1]));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf));
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&a, sizeof(a)) &&
	    !ring_open(BATCH_MAX, single ? IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN : 0))
		serve(fd, batch);
	perror("echo_uring");
	return 1;
}
