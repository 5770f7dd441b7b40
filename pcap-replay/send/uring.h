/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams through io_uring: what is sent from many sockets is handed in by one system call, and what comes is
 * taken by the kernel as it comes, so that neither has to be asked for socket by socket. Of one thread.
 * Where the kernel has it not, or forbids it, there is none, and ordinary calls do.
 */
#ifndef NODENS_SEND_URING_H
#define NODENS_SEND_URING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct uring_conf {
	void *ctx;
	/* From within uring_turn. `stamp_ns`: the kernel's, by the wall clock; 0: none */
	void (*came)(void *ctx, void *who, const uint8_t *msg, size_t len, uint64_t stamp_ns);
	/* Nothing more comes for it: it was forgotten, or an error has been taken, and it may be received for anew. */
	void (*ended)(void *ctx, void *who);
	/* It was not sent. */
	void (*failed)(void *ctx, void *what);
	/* The descriptor that is watched has something. */
	void (*ready)(void *ctx);
};

struct uring;
/* NULL: none to be had. */
struct uring *uring_new(const struct uring_conf *c, int watched);
void uring_free(struct uring *u); /* calls nobody back */
/* These three are false when the kernel takes no more before the next turn.
 * Receives for `who` (aligned as malloc does) until it is forgotten or an error ends it. */
bool uring_receive(struct uring *u, int fd, void *who);
bool uring_forget(struct uring *u, void *who);
/* With the next submission; `msg` has to stay until then. */
bool uring_send(struct uring *u, int fd, void *what, const uint8_t *msg, size_t len);
/* Hands in what is new; nobody is called back. */
void uring_submit(struct uring *u);
/* Hands in what is new, waits so long for anything to happen, and tells of all that has. */
void uring_turn(struct uring *u, uint64_t wait_ns);

/* The kernel's stamp that came with a message (SO_TIMESTAMPNS), by the wall clock; 0: none. Of the calls' messages, too. */
uint64_t uring_stamp_ns(const struct msghdr *m);

#endif
