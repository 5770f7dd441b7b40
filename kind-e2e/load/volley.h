/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many questions from one namespace, each accounted for: answered and by whom, lost, refused,
 * wrong. Either as fast as a window allows, to be through with a number of them; or at a pace,
 * in a process of its own, while something is done to the node, and then the longest stretch
 * without an answer is what it did to pods.
 */
#ifndef NODENS_KIND_E2E_VOLLEY_H
#define NODENS_KIND_E2E_VOLLEY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/addr.h"
#include "kind-e2e/load/ask.h"
#include "lib/base/err.h"
#include "lib/world/zone.h"

#define VOLLEY_WINDOW_MAX 1024
#define VOLLEY_SERVERS_MAX 12

struct volley_conf {
	struct addr server;
	const struct zone *zone; /* what answers are compared with */
	const char *name;	 /* absolute; "%u" in it is the question's number */
	uint16_t qtype;
	bool tcp, one_socket;  /* else a socket each */
	unsigned n;	       /* 0: until `stop` */
	unsigned window;       /* open at once, at most VOLLEY_WINDOW_MAX */
	uint64_t interval_ns;  /* between questions; 0: as the window allows */
	uint64_t timeout_ns;   /* then a question is lost */
};

struct volley {
	uint64_t sent, answered, lost, refused; /* sent is the sum of the others, in the end */
	uint64_t servfail, wrong;		/* of the answered */
	struct {
		char id[ASK_ID_MAX];
		uint64_t n;
	} by[VOLLEY_SERVERS_MAX];
	uint64_t n_by;
	uint64_t outage_ns; /* longest stretch of questions that all got nothing */
	uint64_t open_failed;
	uint64_t stop;	 /* set from outside: no more questions */
	char why_wrong[160];
};

/* Answers by servers whose id begins with `prefix`. */
uint64_t volley_by(const struct volley *v, const char *prefix);

/* Here and now; the process is in `ns` meanwhile. */
int volley_run(const char *ns, const struct volley_conf *c, struct volley *ret, struct diag *d);
/* In a process of its own; `v` is memory that it shares. */
pid_t volley_start(const char *ns, const struct volley_conf *c, struct volley *v, struct diag *d);
/* No more questions; waits for the last answers. */
int volley_finish(pid_t pid, struct volley *v, struct diag *d);

#endif
