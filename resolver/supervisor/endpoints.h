/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon says over HTTP: /metrics, /debug/top, /health, /ready. Which address
 * serves which of them is the Corefile's and the command line's choice, as in
 * the original; /ready is served wherever /health is, besides its own address.
 */
#ifndef NODENS_SUPERVISOR_ENDPOINTS_H
#define NODENS_SUPERVISOR_ENDPOINTS_H

#include "resolver/crew/sockets.h"
#include "resolver/crew/workers.h"
#include "resolver/observe/http.h"
#include "resolver/supervisor/process.h"
#include "resolver/supervisor/rules.h"

struct endpoints {
	struct process *p;
	struct rules *rules;
	const struct sockets *sockets;
	const struct workers *workers;
	struct http_server *http;
	struct diag said;        /* the last complaint about an address, and when */
	uint64_t said_ns;
	struct http_counts told; /* what the last line about busy ports included, and when */
	uint64_t told_ns;
	struct http_page *page;  /* of /metrics, the last one, and when it was made */
	uint64_t page_ns;
};

int endpoints_start(struct endpoints *e, struct process *p, struct rules *rules, const struct sockets *sockets,
		    const struct workers *workers, struct diag *d);
/* Opens and closes HTTP listeners as the configuration wants. What cannot be
 * bound is said, tried again later, and does not stop DNS. */
void endpoints_sync(struct endpoints *e);
/* None any more. */
void endpoints_shut(struct endpoints *e);
/* From time to time: says once a minute at most that the ports are busy. */
void endpoints_look(struct endpoints *e);
/* Rules have been counted: who waits for /metrics gets it. */
void endpoints_resume(struct endpoints *e);
void endpoints_release(struct endpoints *e);

#endif
