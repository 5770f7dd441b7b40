/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What surrounds a core in a scenario: its configuration under construction,
 * the clients that asked, the questions it put to upstreams and the replies it
 * gave, kept until a line of the file expects them.
 */
#ifndef NODENS_SCENARIO_WORLD_H
#define NODENS_SCENARIO_WORLD_H

#include "lib/base/rng.h"
#include "resolver/core/core.h"
#include "tests/scenario/driver.h"
#include "tests/scenario/script.h"

#define THINGS_MAX 4096

struct sent { /* a question put to an upstream */
	struct core_ask ask;
	uint8_t query[600];
	bool is_expected, is_done;
};
struct said { /* a reply, or a verdict without one */
	char client[32];
	uint8_t *bytes;
	size_t len; /* 0: dropped */
	bool is_expected;
};
struct asked { /* the latest query of a client */
	char name[32];
	uint8_t bytes[4096];
	size_t len;
	bool is_raw;
};

struct world {
	struct script s;
	struct driver d; /* and the core, and the time */
	struct core_stats *stats;
	/* configuration */
	struct core_conf conf;
	struct core_listener listener[4];
	struct core_zone zone[16];
	struct core_forward forward[16][4];
	struct name except[16][4];
	struct core_upstream upstream[16];
	char text[16][64], label[16][64];
	struct corefile_plan *plan[4]; /* corefile.c */
	size_t n_plans;
	struct core_probes probes;
	/* what happened */
	struct sent sent[THINGS_MAX];
	struct said said[THINGS_MAX];
	struct asked asked[64];
	size_t n_sent, n_said, n_asked;
	char events[16384];
	uint64_t n_refuse;           /* asks to be refused from within, */
	enum core_fail_why refuse_why; /* and how */
	bool is_over;   /* the file is: what comes still is only counted */
	bool is_breach; /* of the contract between core and driver */
	struct transcript *transcript; /* NULL: none is kept (transcript.h) */
	struct disturb *disturb; /* NULL: nobody does (disturb.h) */
};

/* A fresh core with what is configured; its counters go on. */
void world_start(struct world *w);
void world_free(struct world *w);

/* Time goes on; the core is called whenever it wanted to be. */
void world_pass(struct world *w, uint64_t until_ns);

/* What the core has noted is done, as a driver does before it sleeps. */
void world_settle(struct world *w);

/* The client of that name, made when it is new. */
struct asked *asked_by_name(struct world *w, const char *name);

/* Keeps a reply until a line expects it; no octets: the query was dropped. */
void said_add(struct world *w, const char *client, const uint8_t *bytes, size_t len);

/* What must hold for every reply, whatever the file says about it. */
void reply_check(struct world *w, const struct asked *a, const uint8_t *b, size_t len);

#endif
