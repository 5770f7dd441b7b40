/* SPDX-License-Identifier: Apache-2.0 */
/* One question from one namespace, and all there is to say about its answer. */
#ifndef NODENS_KIND_E2E_ASK_H
#define NODENS_KIND_E2E_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/err.h"
#include "lib/dns/wire.h"

#define ASK_ID_MAX 24

struct question {
	const char *ns; /* whose process asks; NULL: this one, where it is */
	struct addr server;
	const char *name; /* absolute */
	uint16_t qtype;
	uint16_t qclass; /* 0: IN */
	bool tcp;
	uint16_t udp_size; /* of EDNS; 0: no EDNS, and then no NSID */
	uint16_t port;	   /* of the server; 0: 53 */
	uint64_t timeout_ns;
};

struct answer {
	int error; /* 0: there is one; else the errno: ETIMEDOUT, ECONNREFUSED, EBADMSG (what came
		      answers another question, or is no message), ... */
	size_t len;
	uint16_t rcode;
	bool truncated, edns;
	unsigned n_answers;
	uint64_t took_ns;
	char by[ASK_ID_MAX]; /* NSID of the server that made it */
	uint8_t msg[DNS_MSG_MAX];
};

/* 0 when it was asked, whatever came of it. The socket is connected, so an answer from
 * another address than the one asked is none. */
int ask(const struct question *q, struct answer *ret, struct diag *d);

/* As glibc asks: A and AAAA of `q` from one UDP socket, both before any answer. Into ret[0] and
 * ret[1], whatever came until the time was over. */
int ask_pair(const struct question *q, struct answer ret[2], struct diag *d);

/* The last few hundred questions of this process and what became of them, a line each (caller
 * frees), or NULL. */
char *ask_recent(void);

/* The NSID as printable text. */
void ask_server_id(const uint8_t *msg, size_t len, char ret[ASK_ID_MAX]);

#endif
