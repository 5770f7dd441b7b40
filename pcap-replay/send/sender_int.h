/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of sender.h share: sending (sender.c), and what is outstanding (sender_answers.c). */
#ifndef NODENS_SENDER_INT_H
#define NODENS_SENDER_INT_H

#include "pcap-replay/send/sender.h"
#include "pcap-replay/send/socks.h"

#define BATCH 16 /* datagrams handed in at once: the last of them is late by what the others take */

struct pending {
	struct pending *next;           /* of its socket; or of the free ones */
	struct pending *older, *newer;  /* by time of sending */
	struct sock *sock;              /* NULL: its connection has ended twice, nothing will come */
	size_t query;
	uint64_t number, due_ns, sent_ns;
	unsigned target;
	bool again;                     /* sent for the second time */
};

struct sender {
	const struct sender_conf *c;
	struct sender_result *r;
	struct socks *socks;
	struct pending *pool, *free_list, *oldest, *newest;
	struct sock again;      /* no socket: where those are whose connection has ended, the oldest of each first */
	struct pending **again_end;
	size_t outstanding[SENDER_TARGETS_MAX], n_out;
	uint64_t start_ns, next_progress_ns;
	uint64_t prepared;       /* questions before this one have a socket */
	double allowance; /* of the rate cap, questions */
	uint64_t allowance_ns;
	struct pending *batch[BATCH]; /* queued, to be handed to the kernel together */
	unsigned n_batch;
};

/* --- sender_answers.c --- */

/* What became of it, to whoever asked to know. */
void sender_told(struct sender *s, const struct pending *p, uint64_t now_ns, const uint8_t *reply, size_t len);
/* One that is free, for a question that waits for its answer at this socket from now on. */
struct pending *pending_new(struct sender *s, struct sock *sock);
void pending_end(struct sender *s, struct pending *p);
/* Into and out of a list of a socket's. */
void pending_join(struct sock *sock, struct pending **at, struct pending *p);
void pending_leave(struct sender *s, struct pending **at);
/* Those whose time is over. */
void sender_expire(struct sender *s, uint64_t now_ns);
/* What the sockets call back: an answer; a connection that has ended; what was queued and not sent. */
void sender_got(void *ctx, struct sock *sock, const uint8_t *reply, size_t len, uint64_t now_ns);
void sender_lost(void *ctx, struct sock *sock, const uint8_t *msg, size_t len);

#endif
