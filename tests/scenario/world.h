/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What surrounds a core in a scenario: its configuration under construction,
 * the clients that asked, the questions it put to upstreams and the replies it
 * gave, kept until a line of the file expects them.
 */
#ifndef NODENS_SCENARIO_WORLD_H
#define NODENS_SCENARIO_WORLD_H

#include "lib/clock.h"
#include "lib/msg.h"
#include "lib/name.h"
#include "lib/qstream.h"
#include "lib/wire.h"
#include "resolver/core/core.h"
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
	struct core *core;
	struct core_stats *stats;
	uint64_t now_ns;
	/* configuration */
	struct core_conf conf;
	struct core_listener listener[4];
	struct core_zone zone[16];
	struct core_forward forward[16][4];
	struct name except[16][4];
	struct core_upstream upstream[16];
	char text[16][64], label[16][64];
	struct corefile_plan *plan[4]; /* corefile.h */
	size_t n_plans;
	struct core_probes probes;
	/* what happened */
	struct sent sent[THINGS_MAX];
	struct said said[THINGS_MAX];
	struct asked asked[64];
	size_t n_sent, n_said, n_asked;
	char events[16384];
};

#endif
