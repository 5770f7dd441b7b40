/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind a Service address, who answers there, and kube-proxy: it learns of a
 * change some time after it happened, writes its rules, and then looks after entries that
 * lead to who is gone. How depends on its version (pkg/proxy/conntrack/cleanup.go):
 *
 *   up to 1.31   the entries of each endpoint that was deleted are taken out
 *   1.32 to 1.36 all entries are dumped and those of UDP Services that lead to nobody who
 *                serves taken out; a Service with no endpoint at all is passed over
 *   from 1.37 on the same, and none is passed over (kubernetes#139629)
 *
 * A dump frees the dead entries of the machine, so kube-proxy is a garbage collector whenever
 * endpoints of any UDP Service change. Clients that ask again from the same port are held to
 * the backend that their entry names: that is what is lost here, in queries and in time.
 */
#ifndef NODENS_CT_ENDPOINTS_H
#define NODENS_CT_ENDPOINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "conntrack-model/ctable.h"
#include "lib/base/err.h"
#include "lib/base/rng.h"

#define ENDPOINT_CHANGES_MAX 64
#define KUBE_PROXY(major, minor) ((unsigned)((major) << 8 | (minor)))
/* What a dump costs at least: that of `conntrack-model watch --dump`, a program in C, of no entries and of
 * 107,520 in 262,144 buckets, the kernel's part included (8 to 10 ms, 174 to 181 ms; docs/conntrack.md). */
#define ENDPOINT_DUMP_NS_BUCKET 33
#define ENDPOINT_DUMP_NS_ENTRY	1600
#define ENDPOINT_BYTES_STALE 1600 /* of kube-proxy's memory, an entry to be taken out (kubernetes#129982: 12 GB, 7.5 M) */

struct endpoint_change {
	uint64_t t_ns, sync_ns; /* when it happens; how long until kube-proxy's rules have it */
	bool dies;		/* the oldest that answers; else a new one comes */
};
struct endpoints_conf {
	struct endpoint_change change[ENDPOINT_CHANGES_MAX]; /* in order of time */
	unsigned n_changes;
	unsigned version;	/* of kube-proxy; 0: nobody looks after entries */
	uint64_t churn_ns;	/* endpoints of other UDP Services change so often; 0: never */
	uint64_t retry_ns;	/* a client asks again after so long, from the same port */
	unsigned tries;		/* in all */
};
/* "TIME[+SYNC]"; SYNC is 1 s unless said, kube-proxy's least time between two syncs. */
int endpoint_change_parse(struct endpoint_change *ret, const char *text, struct diag *d);
int kube_proxy_parse(void *ret_version, const char *text, struct diag *d); /* "1.36": for a table of options */

struct endpoints_told {
	uint64_t n_dead;      /* queries and connections that were sent to who does not answer */
	uint64_t n_refused;   /* and those for which there was nobody: the rules reject them at once */
	uint64_t n_answered;  /* of n_dead, answered at a further try */
	uint64_t n_failed;    /* of n_dead, never */
	uint64_t n_waiting;   /* of n_dead, still waiting when all is over */
	double waited_s;      /* by all these clients together */
	uint64_t n_flushed;   /* entries taken out by kube-proxy */
	uint64_t n_dumps, n_dumped; /* and entries that its dumps went over */
	uint64_t n_stale_most; /* that one reconciliation found */
	uint64_t n_stale_end; /* entries that lead to who does not answer when all is over */
};

struct endpoints;
/* `n` of them at first; 0: addresses are not translated. NULL: no memory. */
struct endpoints *endpoints_new(const struct endpoints_conf *c, unsigned n, uint64_t seed);
void endpoints_free(struct endpoints *e);
/* What is to come, and bringing about what is due then: changes, kube-proxy's work on the table,
 * further tries. T_NEVER: nothing. Over an empty table kube-proxy's dumps up to until_ns are taken as done. */
uint64_t endpoints_next_ns(const struct endpoints *e);
void endpoints_step(struct endpoints *e, struct ctable *t, uint8_t netns, uint64_t until_ns);
/* Where the rules send a new flow: the reply's tuple. False: nobody is there. */
bool endpoints_pick(struct endpoints *e, const struct ct_tuple *orig, struct ct_tuple *ret_reply);
/* Does the one who has this entry answer? */
bool endpoints_answer(const struct endpoints *e, const struct ct_tuple *reply);
/* A query (or an open) went to who does not answer. 0 or ERR_NOMEM. */
int endpoints_lost(struct endpoints *e, uint64_t now_ns, const struct ct_tuple *orig);
void endpoints_refused(struct endpoints *e);
/* When all is over. */
void endpoints_end(struct endpoints *e, struct ctable *t, uint64_t now_ns, uint8_t netns, struct endpoints_told *ret);

#endif
