/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Node-side autopath (opt-in, `search_path { autopath }`). A pod with ndots:5
 * walks its search list for each external name: P.<ns>.svc.D, P.svc.D, P.D, the
 * node's own suffixes, P. The walk itself tells the list. Once a client's whole
 * walk has been seen, the first miss of its next one is answered with what the
 * walk would have found: a CNAME to the first name of the list that exists,
 * and its records. Two queries (A, AAAA) instead of eight or ten.
 *
 * The order of the list is kept, so a name that exists under an earlier suffix
 * wins. When anything is unclear (a failure, no route, a list not known or too
 * old), the client gets its NXDOMAIN and walks on its own.
 */
#ifndef NODENS_CORE_AUTOPATH_H
#define NODENS_CORE_AUTOPATH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/dns/name.h"

#define PATH_CLIENTS   512
#define PATH_WAYS      4   /* places a client may have in the table */
#define PATH_WALKS     4   /* lookups of one client that may be mixed together */
#define PATH_EXTRA_MAX 3   /* suffixes after the cluster's three */
#define PATH_EXTRA_LEN 128

struct path_list { /* a search list: <ns>.svc.D, svc.D, D, then these */
	uint8_t ns[64];  /* one label, length octet first; [0] == 0: none */
	uint8_t n_extra;
	uint8_t extra[PATH_EXTRA_MAX][PATH_EXTRA_LEN];
};
struct path_walk { /* one lookup on its way through the list */
	struct path_list list; /* as far as seen */
	struct name base;      /* P without its root's octet; len 0: free */
	uint8_t step;          /* 1: P.<ns>.svc.D was asked, 2: P.svc.D, 3: P.D, ... */
	uint32_t turn;         /* oldest is replaced */
};
struct path_client {
	struct in6_addr addr;
	uint16_t zone;         /* cluster zone the list belongs to */
	bool in_use;
	uint32_t turn;         /* of its walks */
	uint64_t begun_ns;     /* its last walk */
	uint64_t learnt_ns;    /* 0: nothing learnt yet */
	struct path_list list;
	struct path_walk walk[PATH_WALKS];
};

struct core;
struct visit;
struct answer;

void path_check(const struct core *c); /* what must hold between two calls (check.c) */
/* Every query passes here, when some zone has autopath: learns from it. */
void path_observe(struct core *c, const struct visit *v);
/* The visit's name does not exist. Is it the first step of a walk whose list is
 * known? Then *ret_len is the length of the final answer, or 0 when the client
 * was parked for it. False: it is not; answer as usual. */
bool path_begin(struct core *c, const struct visit *v, size_t *ret_len);
struct config;
/* Before a new configuration takes the place of c->conf. */
void path_move(struct core *c, const struct config *to);
/* What was asked for step `step` came back; NULL: it failed. The reply's length,
 * or 0 when the client was parked again. */
size_t path_resume(struct core *c, const struct visit *v, unsigned step, const struct answer *a);

#endif
