/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check: a name, what it proves, what it needs, and a function that asks a standing cell. Each
 * file of this room is a family of them, one row a check; --list-checks, the documentation's
 * table, the record, TAP and JUnit all come from those rows.
 *
 * A check may do anything to the cell as long as the next one finds it serving: what it broke it
 * mends, whatever it found. Who runs checks, and how often, is judge.h.
 */
#ifndef NODENS_KIND_E2E_CHECK_H
#define NODENS_KIND_E2E_CHECK_H

#include <stdbool.h>

#include "kind-e2e/cell/cell.h"
#include "kind-e2e/cell/fixture.h"
#include "kind-e2e/check/totals.h"
#include "kind-e2e/load/ask.h"
#include "kind-e2e/load/volley.h"

enum need {	      /* cells that lack one of these have no such check */
	NEED_CACHE = 1,	    /* a cache */
	NEED_PLAIN = 2,	    /* rules and no cache */
	NEED_EMPTY = 4,	    /* neither */
	NEED_LOSSLESS = 8,  /* a scenario without loss */
	NEED_BACKENDS = 16, /* two backends at least */
	NEED_LOAD = 32,	    /* the scenario's load, measured */
	NEED_VIP = 64,	    /* with a cache: one that intercepts the ClusterIP, so that rules can lapse */
	NEED_FAULTS = 128,  /* a cache whose rules lapse soon */
	NEED_DUAL = 256,    /* both address families */
	NEED_IPVS = 512,    /* kube-proxy in IPVS mode */
	NEED_OURS = 1024,   /* with a cache: Nodens, by what only it has */
	NEED_LOCAL = 2048,  /* with a cache: one at its link-local address alone, which nobody takes over */
};

struct checker;
struct check {
	const char *id;	    /* "path.untracked-udp": family, dot, what */
	const char *proves; /* one sentence, without the dot */
	unsigned needs;
	void (*run)(struct checker *k);
	/* Not NULL: the cache is known to fail it, and why, and what is to be done about it. */
	const char *known;
};

struct family {
	const char *name, *about;
	const struct check *check; /* ends with an id of NULL */
};
/* In the order they run: what only looks before what breaks things. */
extern const struct family *const families[]; /* ends with NULL */
/* The i-th check of all families, or NULL. */
const struct check *check_at(unsigned i);
bool check_fits(const struct check *x, const struct cell_spec *spec, const struct scenario *s);

struct checker { /* one run of one check */
	struct cell *c;
	const struct totals *t; /* of the load, where it needs one */
	bool failed, skipped;
	char words[400]; /* what was found, or what is wrong */
};

/* Fails it, with the first such words, unless `good`; returns `good`. */
bool check_that(struct checker *k, bool good, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* What to say when nothing is wrong. */
void check_found(struct checker *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The machine lacks something. */
void check_skip(struct checker *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Something of the lab's own did not work, which is a failure too: returns code == 0. */
bool check_did(struct checker *k, int code, const struct diag *d);

/* --- what many of them do (tools.c) --------------------------------------------------- */

struct way { /* from a pod to the cluster DNS */
	enum topo_family f;
	bool tcp, one_socket; /* else a port a question */
};
#define WAYS_MAX 4
/* All of this cell: UDP and TCP, each address family. Their number. */
unsigned check_ways(const struct checker *k, struct way ret[WAYS_MAX]);
const char *way_str(const struct way *w); /* "UDP", "TCP over IPv6" */

/* "node-cache" or "backend-": who must have made an answer here; "" where the cache says nothing of itself. */
const char *check_server(const struct checker *k);
/* One question to where pods send theirs, five seconds at most. */
struct question check_question(const struct checker *k, const struct way *w, const char *ns,
			       const char *name, uint16_t qtype);
/* Asked, answered as the zone has it, and by whom it must be. `leaf` as in fixture_name. */
bool check_ask(struct checker *k, const struct way *w, const char *ns, const char *leaf,
	       uint16_t qtype, struct answer *ret);
/* A volley to there of `n` questions for `leaf`. */
struct volley_conf check_volley_conf(const struct checker *k, const struct way *w, unsigned n,
				     const char *leaf, char name[NAME_MAX_TEXT]);
/* Run from `ns`: none lost, refused, wrong, or made by anybody else than `by` ("" for all). */
bool check_volley(struct checker *k, const char *what, const char *ns,
		  const struct volley_conf *conf, const char *by, struct volley *ret);
bool check_volley_good(struct checker *k, const char *what, const struct volley *v,
		       const char *by);

/* A pod that asks all the time while something is done: in memory of its own. */
struct stream {
	struct volley *v;
	pid_t pid;
	char name[NAME_MAX_TEXT];
	struct volley_conf conf;
};
/* What is not answered after `lost_ns` is lost: one of these. */
#define STREAM_PATIENT (3 * NS_PER_S) /* where nothing may be lost: a busy machine is only late */
#define STREAM_STRICT (700 * NS_PER_MS) /* where it is asked how long there was nothing */
bool stream_start(struct checker *k, struct stream *s, const struct way *w, const char *leaf,
		  uint64_t lost_ns);
/* Until `*counter` of the volley has grown by `n` since the call, or `limit_ns`. */
bool stream_until(struct stream *s, const uint64_t *counter, uint64_t n, uint64_t limit_ns);
/* Until `n` more answers came from servers that begin with `prefix`. */
bool stream_until_by(struct stream *s, const char *prefix, uint64_t n, uint64_t limit_ns);
bool stream_end(struct checker *k, struct stream *s); /* also one that never began */

/* A name that nobody has asked for yet: a miss. */
const char *check_fresh(char buf[64]);
uint64_t check_served(const struct cell *c); /* queries at the backends so far */

#endif
