/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel in memory for the whole-daemon fuzz target: sockets, epoll, the timer
 * descriptor and the clock, as far as resolver/net uses them. The linker puts
 * these in place of the real calls (--wrap, see the Makefile), so that the code
 * under test is the daemon's own, and each run of an input is the same run.
 *
 * Time passes only in epoll_wait, one microsecond a call, or up to what the loop
 * waits for when nothing is ready. Descriptors are never used twice: one that was
 * closed and is used again is found.
 */
#ifndef NODENS_FUZZ_KERNEL_H
#define NODENS_FUZZ_KERNEL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum ksock_kind { K_EPOLL, K_TIMER, K_UDP, K_LISTEN, K_STREAM };

struct kpacket { /* a datagram that waits to be received */
	struct kpacket *next;
	struct in6_addr from;
	uint16_t from_port;
	size_t len;
	uint8_t b[];
};

struct kwatch {
	int fd;
	struct ksock *s;
	struct epoll_event ev;
};
#define KWATCH_MAX 2048

struct ksock {
	enum ksock_kind kind;
	unsigned refs;	/* descriptors */
	unsigned queue; /* of several UDP sockets at one address: which */
	bool v6, reads_local;
	struct in6_addr local, peer;
	uint16_t local_port, peer_port;
	int error; /* SO_ERROR, or an ICMP error of a connected UDP socket */
	/* UDP */
	struct kpacket *rx, **rx_end;
	/* listening: connections that wait to be accepted */
	struct ksock *pending[64];
	unsigned n_pending;
	/* streams */
	bool connecting, eof, reset;
	uint8_t *in;
	size_t in_off, in_len;
	size_t room; /* octets the peer takes before EAGAIN */
	void *owner; /* the world's */
	/* timer */
	uint64_t alarm_ns;
	/* epoll */
	struct kwatch *watch;
	unsigned n_watch;
	struct ksock *next; /* of all */
};

enum kcall {
	KC_SOCKET,
	KC_BIND,
	KC_CONNECT,
	KC_ACCEPT,
	KC_RECV,
	KC_SEND,
	KC_STREAM_RECV,
	KC_STREAM_SEND,
	KC_EPOLL_ADD,
	KC_GETSOCKNAME,
	KCALLS
};

struct kernel {
	uint64_t now_ns, until_ns; /* sleeps end here at the latest */
	unsigned last_events;	   /* of the last epoll_wait */
	unsigned wakes, n_fd, turn;
	uint64_t n_moved; /* octets through streams */
	uint16_t next_port;
	uint64_t rng;
	size_t piece_max; /* octets one stream call moves; 0: all */
	struct ksock *all;
	struct {
		int err;
		unsigned after, count;
	} fault[KCALLS];
};
extern struct kernel k;

#define KFD_BASE 1000000
#define KFDS_MAX 16384

void kernel_reset(void);
/* Of the server's process: what is open still. */
unsigned kernel_fds_open(void);
/* What the supervisor hands to the worker: another descriptor of the listening
 * socket at this address, which is made when there is none. */
int kernel_listener(enum ksock_kind kind, const struct in6_addr *addr, uint16_t port,
		    unsigned queue);
struct ksock *kernel_listener_find(enum ksock_kind kind, const struct in6_addr *addr, uint16_t port,
				   unsigned queue);
/* A datagram arrives. */
void kernel_datagram(struct ksock *s, const struct in6_addr *from, uint16_t port, const void *b,
		     size_t len);
/* A client connects; NULL when the queue is full. */
struct ksock *kernel_connect_in(struct ksock *listener, const struct in6_addr *from, uint16_t port);
void kernel_stream_in(struct ksock *s, const void *b, size_t len);

/* What the daemon does, told to the world. `from`: the source address it chose. */
void world_datagram(struct ksock *s, const struct in6_addr *from, const struct in6_addr *to,
		    uint16_t port, const uint8_t *b, size_t len);
void world_connect(struct ksock *s); /* may set error or leave it connecting */
void world_stream(struct ksock *s, const uint8_t *b, size_t len);
void world_closed(struct ksock *s); /* its last descriptor is gone; freed after */

/* Something the daemon must not do. */
_Noreturn void fault_found(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
