/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node cache would have made of a capture: hits by size beside other caches, what
 * the search-path shield would save, how much less clients would have waited.
 */
#ifndef NODENS_WHATIF_H
#define NODENS_WHATIF_H

#include <stdio.h>

#include "lib/base/jout.h"
#include "lib/record/result.h"
#include "pcap-replay/whatif/play.h"

#define WHATIF_SIZES 6
#define WHATIF_TTLS 6

enum whatif_shield { WHATIF_SHIELD_OFF, WHATIF_SHIELD_ON, WHATIF_SHIELD_TRUST, WHATIF_SHIELDS };

struct whatif {
	const struct asked *asked;
	struct { /* the miss-ratio curve, the shield as by default for a zone not marked */
		uint32_t entries;
		struct play_counts ours, rival[PLAY_RIVALS];
	} size[WHATIF_SIZES];
	struct {
		uint32_t ttl_s;     /* Corefile: no answer is kept longer */
		struct play_counts ours;
	} ttl[WHATIF_TTLS];         /* at ample size */
	struct play_counts shield[WHATIF_SHIELDS]; /* at the manifest's size */
	uint64_t captured_wait_ns; /* of answered questions */
	uint64_t unanswered;
};

int whatif_run(struct whatif *ret, const struct asked *a, const char *domain, struct diag *d);
void whatif_print(const struct whatif *w, FILE *out);
void whatif_json(const struct whatif *w, struct jout *j); /* a member "what_if" */
void whatif_record(const struct whatif *w, struct result *r);

#endif
