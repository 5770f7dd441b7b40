/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connected UDP socket towards an upstream: its port, the ids that are in use
 * on it and those that were, what comes in, and its end. Which socket takes a
 * question is upstream_udp.c.
 *
 * Whoever sends ids that were never used on a socket is guessing (RFC 5452 section
 * 9.3): after UDP_GUESSES_MAX of them the socket is given up, and what was asked
 * through it is told CORE_FAIL_GUESSED. A second copy of an answer is no guess:
 * networks duplicate datagrams. Neither is a reply with the right id that the core
 * does not take; so many of them end its own question only.
 *
 * Sockets are closed only in upstream_udp_flush: whoever fails a question or takes
 * an answer may be asked again from within.
 */
#ifndef NODENS_UDP_SOCK_H
#define NODENS_UDP_SOCK_H

#include "resolver/net/idmap.h"
#include "resolver/net/udp_out.h"
#include "resolver/net/upstream_base.h"

#define UDP_USES_MAX    256 /* questions through one that is shared */
#define UDP_AGE_NS      (2 * NS_PER_S)
#define UDP_SILENT_NS   (100 * NS_PER_MS)
#define UDP_GUESSES_MAX 8

struct udp_sock {
	struct upstream *up;
	struct udp_sock *next, *dirty_next;
	struct udp_sock *shared_next;    /* shared and taking questions: in up->udp_shared */
	struct udp_client *client;       /* whose question it is for; NULL: nobody's, or others' too */
	struct udp_sock *older, *newer;  /* for one question only: in upstreams.udp_oldest's list */
	struct loop_fd watch;
	struct idmap ids;
	struct udp_outs out;
	unsigned n_asks; /* ids.n less orphans */
	unsigned n_uses, n_guesses, n_answered;
	bool single; /* for one question only */
	bool retired, dead, dirty;
	bool leaving; /* gives way: counted in upstreams.n_udp_leaving */
	enum core_fail_why why; /* dead: what its questions are told */
	uint64_t born_ns;
	uint64_t silent_ns; /* asked, and nothing heard since */
	uint16_t answered[]; /* ids whose answers came; UDP_USES_MAX of them, 1 of a single one */
};

/* NULL and errno. Out of descriptors, an idle client's is asked for. */
struct udp_sock *udp_sock_open(struct upstream *up, bool single);
/* Out of all lists; its questions are told `why`. */
void udp_sock_close(struct udp_sock *s);
/* To be looked at by upstream_udp_flush. */
void udp_sock_touch(struct udp_sock *s);
/* No more questions; closed when those under way are over. */
void udp_sock_retire(struct udp_sock *s);
/* Closed with the next flush, whatever is under way. */
void udp_sock_die(struct udp_sock *s, enum core_fail_why why);

#endif
