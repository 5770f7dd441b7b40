/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hand-over works on, and what it asks of the process that it is part of. It knows
 * sockets, workers and HTTP listeners; what self-tests, rules, interface and pidfile are is
 * the business of whoever answers these questions.
 */
#ifndef NODENS_HANDOVER_HOST_H
#define NODENS_HANDOVER_HOST_H

#include <stdint.h>

struct handover_asks {
	/* the old one's */
	const char *(*why_not)(void *ctx); /* no successor can be served now; NULL: it can */
	void (*hold)(void *ctx);           /* renew the rules once more; test nothing until told to `prove` or `resume` */
	void (*resume)(void *ctx);         /* after a hold: we serve on, and the other may have changed what is ours */
	void (*handed_over)(void *ctx, uint32_t allowed_ms); /* it serves: finish what is open, leave everything as it is */
	/* the new one's */
	void (*reads)(void *ctx);          /* workers were told to read: addresses of HTTP are free as well */
	void (*prove)(void *ctx);          /* they read: when the self-test passes and rules stand, handover_serving */
	void (*ours)(void *ctx);           /* rules, interface and pidfile are ours */
	void (*inherit)(void *ctx);        /* likewise, and the old one went without a word: see what it left */
	void (*give_up)(void *ctx);        /* it serves on: end without a trace */
	/* either's: handover_busy is over; what was put off can be done */
	void (*settled)(void *ctx);
};

struct handover_host { /* the owner's, for as long as the hand-over lives */
	struct loop *loop;
	struct sockets *sockets;
	struct workers *workers;
	struct http_server *http; /* needed from handover_configured on */
	const char *path;         /* of the unix socket; "": no hand-over */
	int signal_fd;            /* readable when a signal came */
	const struct handover_asks *ask;
	void *ctx;
};

#endif
