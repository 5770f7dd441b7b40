/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a plan to one target or two. Each question has an intended time on an absolute
 * schedule that no lateness moves (open loop); a captured client and port has a socket
 * of its own. Latency is told from the intended and from the actual time of sending,
 * and the sender's own lateness is a result like the others: a run that was too late
 * too often says nothing about the target. What waits at a connection that the target
 * closes is asked once more on another, as stubs do (RFC 7766 section 6.2.4); its
 * latency goes on from its first sending.
 */
#ifndef NODENS_SENDER_H
#define NODENS_SENDER_H

#include <signal.h>
#include <stdbool.h>

#include "lib/base/heat.h"
#include "lib/base/hist.h"
#include "pcap-replay/send/plan.h"
#include "pcap-replay/send/schedule.h"
#include "pcap-replay/send/target.h"

#define SENDER_TARGETS_MAX 2

struct sender_done { /* one question at one target */
	const struct plan *plan;
	size_t query;            /* index in the plan */
	uint64_t number;         /* in order of the schedule, loops counted on */
	unsigned target;
	uint64_t due_ns, sent_ns, answer_ns; /* monotonic; sent_ns 0: missed, answer_ns 0: no answer */
	const uint8_t *reply;    /* valid during the call */
	size_t len;
};

struct sender_progress { /* counts are those of all targets */
	uint64_t elapsed_ns, whole_ns; /* since the start; when the last is due */
	uint64_t sent, answered, lost, missed;
};

struct sender_conf {
	const struct plan *plan;
	const struct target *target;
	unsigned n_targets;
	struct target_trust trust; /* of targets over TLS */
	struct schedule schedule;
	uint64_t loops;          /* 1: once */
	uint64_t limit_ns;       /* stop sending after this time; 0: never */
	uint64_t timeout_ns;
	size_t max_outstanding;  /* at each target */
	double rate_cap;         /* a second, all targets together; 0: none */
	bool all_tcp;            /* whatever the capture used */
	bool no_ring;            /* a system call for each question, although the kernel has io_uring */
	const volatile sig_atomic_t *stop; /* set: no more is sent; what is out is waited for */
	void *ctx;
	void (*done)(void *ctx, const struct sender_done *d); /* may be NULL */
	void (*progress)(void *ctx, const struct sender_progress *p); /* every second; may be NULL */
};

struct sender_counts { /* of one target */
	uint64_t due, sent, answered, timeouts, unexpected, truncated;
	uint64_t again;         /* of those sent: once more, on another connection, because the target closed theirs */
	uint64_t missed_full;   /* not sent: too many outstanding */
	uint64_t missed_cap;    /* not sent: over the rate cap */
	uint64_t missed_socket; /* not sent: no socket, or the kernel refused */
	uint64_t rcode[16];
	struct hist from_due, from_sent; /* answers, ns */
};
struct sender_result {
	struct sender_counts target[SENDER_TARGETS_MAX];
	struct hist late;       /* actual minus intended, ns, all targets */
	struct heat heat;       /* first target: intended sending to answer, over intended time; time-outs at their limit */
	uint64_t elapsed_ns;    /* from the first intended time to the last sending */
	uint64_t sockets;       /* made */
	bool stopped;           /* before the plan's end */
	char fault[160];        /* the first thing wrong with a socket, or a connection over TLS; empty: nothing */
};
/* ERR_PEER: a target over TLS cannot be reached, or is not to be trusted; nothing was sent. */
int sender_run(const struct sender_conf *c, struct sender_result *ret, struct diag *d);
static inline uint64_t sender_missed(const struct sender_counts *c)
{
	return c->missed_full + c->missed_cap + c->missed_socket;
}

#endif
