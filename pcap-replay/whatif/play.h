/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The captured questions played, in virtual time, at the daemon's own core as the manifest
 * configures it: the answers that it asks for are the captured ones, after the time that
 * they took from the last sending (it asks the cluster's DNS by TCP, which repairs what is
 * lost on the way). And the same at caches that are not ours, by their rules.
 */
#ifndef NODENS_WHATIF_PLAY_H
#define NODENS_WHATIF_PLAY_H

#include "lib/base/err.h"
#include "pcap-replay/whatif/asked.h"

struct play_conf {
	const struct asked *asked;
	const char *domain;    /* the cluster's, in text */
	const char *shield;    /* "off", "on", "trust"; NULL: the cluster's zone is not marked as one */
	uint32_t entries;      /* Corefile: `success N`, `denial N`, both */
	uint32_t ttl_s, negative_ttl_s;
};
/* A node's cache as the original's manifest has it. */
#define PLAY_STOCK_ENTRIES 9984u
#define PLAY_STOCK_TTL_S 30u
#define PLAY_STOCK_NEGATIVE_S 5u

struct play_counts {
	uint64_t questions;    /* played */
	uint64_t at_once;      /* answered without asking anybody */
	uint64_t asked;        /* questions to upstreams */
	uint64_t again;        /* of them second tries: hedges after the usual time, retries */
	uint64_t asked_cluster, asked_cluster_nx; /* of them of the cluster's zone; and denied */
	uint64_t made_up;      /* of them of names that nobody asked in the capture: denied, or
				* empty where the capture has a name below */
	uint64_t unanswered;   /* no answer in the capture: the upstream stays silent */
	uint64_t waited_ns;    /* by all clients together; an answer at once takes none */
	uint64_t entries;      /* in the cache at the end, in use or expired */
};
/* The daemon's core. */
int play_ours(const struct play_conf *c, struct play_counts *ret, struct diag *d);

enum play_rival {
	PLAY_ORIGINAL, /* 256 shards, in a full one anyone goes, equal misses are not merged */
	PLAY_LRU,      /* the least recently used goes, with a live entry or without */
	PLAY_NO_LIMIT, /* nothing goes but by age */
	PLAY_RIVALS,
};
extern const char *const play_rival_text[PLAY_RIVALS];
/* An entry by name and type, kept as long as ours would be. Counts questions, at_once and asked. */
int play_rival(const struct play_conf *c, enum play_rival who, struct play_counts *ret, struct diag *d);

/* The Corefile that both go by; malloc'd. */
char *play_corefile(const struct play_conf *c);

#endif
