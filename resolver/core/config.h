/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as the core runs it: an own copy in one piece, routes per
 * listener, and for each zone what its plugins want to see.
 */
#ifndef NODENS_CORE_CONFIG_H
#define NODENS_CORE_CONFIG_H

#include "lib/base/err.h"
#include "resolver/core/conf.h"
#include "resolver/core/query.h"

struct plugin_query;

enum config_hook { /* bits of config_zone.hooks: some step has this hook */
	HOOK_ARRIVE = 1, HOOK_ASK = 2, HOOK_ANSWERED = 4, HOOK_RESPOND = 8, HOOK_REASK = 16, HOOK_OPTIONS = 32,
	HOOK_FOLLOW = 64, /* some step sets follow_rr */
	HOOK_TARGETS = 128, /* HOOK_FOLLOW, and some zone has HOOK_ARRIVE, which holds for targets */
};

struct config_zone {
	struct core_zone z;   /* pointers lead into the copy */
	uint64_t view;        /* digest of upstreams and plugins: part of each cache key */
	uint8_t hooks;
	uint8_t nsid_len;
	uint8_t n_labels;
};

struct route { /* of one listener, longest origin first */
	uint16_t zone;
	uint8_t len, n_labels;
};

struct config {
	size_t n_listeners, n_zones, n_upstreams;
	bool has_arrive; /* some zone has HOOK_ARRIVE */
	bool has_autopath; /* some zone has autopath */
	struct config_zone *zone;
	struct core_upstream *upstream;
	struct core_listener *listener;
	struct route *route[CORE_LISTENERS_MAX];
	size_t n_routes[CORE_LISTENERS_MAX];
	void *block; /* holds all of it */
};

/* Checks and copies; 0, ERR_NOMEM or ERR_RANGE with a diag. */
int config_new(struct config **ret, const struct core_conf *conf, struct diag *d);
void config_free(struct config *c);

#define ZONE_NONE UINT16_MAX
/* Zone for a question at a listener: the longest origin that holds the name. A
 * DS question belongs to the parent's side of a cut (RFC 4035 section 3.1.4.1). */
uint16_t config_route(const struct config *c, unsigned listener, const struct query *q);

/* First forward of a zone at or after index `from` that takes the name; NULL: none. */
const struct core_forward *config_forward(const struct config_zone *z, const uint8_t *name,
					  size_t from, size_t *ret_index);

#endif
