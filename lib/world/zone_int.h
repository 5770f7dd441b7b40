/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between zone.c (data and lookup) and zone_reply.c (messages).
 */
#ifndef NODENS_ZONE_INT_H
#define NODENS_ZONE_INT_H

#include "lib/world/zone.h"

/* Most records one answer can hold, CNAME chain included; zone_new refuses data
 * that would need more. */
#define ZONE_ANSWER_MAX 512
#define ZONE_CHAIN_MAX 8

struct zone_rec {
	struct zone_rec *next; /* of the same owner */
	uint16_t type, rdlen;
	uint32_t ttl_s;
	uint8_t rdata[]; /* names in it uncompressed */
};

struct zone_apex {
	struct name name;
	bool ours; /* answered with AA: the cluster's own zones */
	const struct zone_rec *soa;
};

struct zone_answer {
	enum zone_verdict verdict;	/* of the last name of the chain */
	const struct zone_apex *apex;	/* of the name asked */
	const struct zone_apex *denier; /* of the last name: whose SOA denies */
	size_t n;
	struct {
		const uint8_t *owner;
		const struct zone_rec *rec;
	} rr[ZONE_ANSWER_MAX];
};

void zone_answer_find(const struct zone *z, const uint8_t *name, uint16_t qtype,
		      struct zone_answer *ret);

#endif
