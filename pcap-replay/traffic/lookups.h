/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which questions belong to one lookup. A stub resolver asks A and AAAA for one
 * name, and when both are denied goes on to the next name of the search list,
 * which shares its leading labels and has fewer of them. A question joins the
 * youngest open lookup of its client that it fits; otherwise it opens one.
 */
#ifndef NODENS_LOOKUPS_H
#define NODENS_LOOKUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/record/qstream.h"
#include "pcap-replay/read/budget.h"

struct lookups;
struct lookups *lookups_new(struct budget *b);
void lookups_free(struct lookups *l);
/* Number of the lookup, from 1. */
uint32_t lookups_question(struct lookups *l, uint64_t t_ns, const struct qs_addr *client, const uint8_t *name,
			  uint16_t qtype);
void lookups_answer(struct lookups *l, uint32_t lookup, uint64_t t_ns, bool negative);
/* What search lists cost: denials before the bare name was found. */
struct lookups_waste {
	uint64_t queries;  /* saved by a dot at the name's end */
	uint64_t ndots1, ndots2; /* saved by that value, because the name has as many dots */
	uint64_t lookups;  /* that paid */
};
const struct lookups_waste *lookups_waste(const struct lookups *l);
uint64_t lookups_count(const struct lookups *l);

#endif
