/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names, asked for by whom, made search lists be walked in vain; and what would
 * spare most of it: a dot behind few names, or another ndots where they are many.
 */
#ifndef NODENS_WASTE_H
#define NODENS_WASTE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/name.h"
#include "pcap-replay/read/budget.h"

#define WASTE_NAMES 3
#define WASTE_WHO   160

struct addrmap;
struct waste;
/* Takes `share` octets of the budget at once. */
struct waste *waste_new(struct budget *b, size_t share);
void waste_free(struct waste *w);
/* This client was denied so many names before `name`, of `len` octets in lower case, which ended its search list. */
void waste_add(struct waste *w, const struct in6_addr *client, const uint8_t *name, size_t len, uint64_t n_denied);

struct waste_advice { /* of one workload */
	char who[WASTE_WHO];         /* as `waste_workload` says, or an address */
	uint64_t clients;
	uint64_t queries, by_names;  /* steps in vain; of them, before the names below */
	uint64_t n_names;            /* all names */
	uint64_t ndots1, ndots2;     /* saved by that value */
	struct name name[WASTE_NAMES]; /* those that cost most, most first */
	size_t shown;
};
/* The workloads with most to spare, most first; returns how many. `map` may be NULL. */
size_t waste_advise(const struct waste *w, const struct addrmap *map, struct waste_advice *ret, size_t n);
/* Are the names shown nearly all? Then a dot behind each is the simplest there is. */
bool waste_is_few(const struct waste_advice *a);
/* 1, or 2 where that spares nearly as much: names like SERVICE.NAMESPACE are walked for at once then, as before. */
unsigned waste_ndots(const struct waste_advice *a);
/* "default/web-5d9c7b6f4d-x2x5q" is a pod of "default/web": what a Deployment, ReplicaSet, DaemonSet, Job or
 * StatefulSet adds to its name is cut off. Returns the length. */
size_t waste_workload(const char *pod);

#endif
