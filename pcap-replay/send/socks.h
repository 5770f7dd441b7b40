/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket for each captured client and port, at each target: made when first needed,
 * closed when too many are open and nothing is waited for at it (the one used longest
 * ago first). UDP sockets are connected, so that only the target is heard; TCP carries
 * length prefixes (RFC 1035 section 4.2.2). A target that wants TLS has a connection for
 * each captured client instead (secure.h). Datagrams go through io_uring where there is
 * one (uring.h), else by a call each.
 */
#ifndef NODENS_SOCKS_H
#define NODENS_SOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pcap-replay/send/target.h"

struct pending;
struct secure;
struct sock {
	struct sock *older, *newer;  /* by last use; `newer` also chains those to be freed */
	struct pending *waiting;     /* the user's: what is outstanding here, newest first */
	size_t n_waiting;
	uint32_t flow;
	unsigned target;
	int fd;                      /* -1: broken, to be freed once nothing waits; of TLS: none, 0 */
	bool tcp;
	bool in_ring;                /* its datagrams go through the ring, which may speak of it: not to be freed yet */
	bool forget;                 /* the ring is still to be told that nobody wants to hear of it */
	struct secure *tls;          /* NULL: the socket is plain */
	struct socks *owner;
	uint8_t *in, *out;           /* TCP: octets received and to be sent */
	size_t n_in, cap_in, n_out, cap_out;
};

struct socks_conf {
	const struct target *target;
	const struct target_trust *trust; /* of those over TLS */
	unsigned n_targets;
	uint32_t n_flows;
	bool no_ring;
	void *ctx;
	/* `at_ns`: when it came, monotonic; over UDP by the kernel's own stamp */
	void (*got)(void *ctx, struct sock *s, const uint8_t *msg, size_t len, uint64_t at_ns);
	/* A connection has ended with questions waiting at it: all of them (`msg` NULL), or over HTTPS
	 * the one that `msg` is. Takes them away from the socket. */
	void (*lost)(void *ctx, struct sock *s, const uint8_t *msg, size_t len);
	/* What was queued as this has not been sent. */
	void (*failed)(void *ctx, void *what);
};

struct socks;
int socks_new(struct socks **ret, const struct socks_conf *c, struct diag *d);
void socks_free(struct socks *k);
/* The flow's socket at the target; NULL when none could be made. */
struct sock *socks_get(struct socks *k, uint32_t flow, unsigned target, bool tcp);
int socks_send(struct socks *k, struct sock *s, const uint8_t *msg, size_t len);
/* Of one that is in the ring: to be sent with the next submission, as `what`; false: it cannot be. `msg` has to
 * stay until then. */
bool socks_queue(struct socks *k, struct sock *s, void *what, const uint8_t *msg, size_t len);
void socks_submit(struct socks *k);
/* Takes what is there, or comes within so long. */
void socks_hear(struct socks *k, uint64_t wait_ns);
uint64_t socks_made(const struct socks *k);
/* The first thing that was wrong with a connection over TLS; NULL: nothing. */
const char *socks_fault(const struct socks *k);

#endif
