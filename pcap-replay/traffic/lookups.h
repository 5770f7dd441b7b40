/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which questions belong to one lookup. A stub resolver asks A and AAAA for one
 * name, and when both are denied or given up goes on to the next name of the search
 * list, which shares its leading labels and has fewer of them. A question joins the
 * youngest open lookup of its client that it fits; otherwise it opens one.
 */
#ifndef NODENS_LOOKUPS_H
#define NODENS_LOOKUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/record/qstream.h"
#include "pcap-replay/read/budget.h"

struct lookups;
struct lookup_open;
struct waste;
struct lookups *lookups_new(struct budget *b);
void lookups_free(struct lookups *l);
/* Number of the lookup, from 1; where it is kept at *ret, for its answers: NULL when memory was out. `name`: in
 * lower case, of `len` octets. */
uint32_t lookups_question(struct lookups *l, uint64_t t_ns, const struct qs_addr *client, const uint8_t *name, size_t len,
			  uint16_t qtype, struct lookup_open **ret);
/* `o`: what lookups_question gave with the number; NULL, or one that is another lookup's by now, is passed over.
 * A question of the lookup was sent again at `t_ns`. */
void lookups_sent(struct lookup_open *o, uint32_t lookup, uint64_t t_ns, uint16_t qtype);
/* What was first asked at `asked_ns` was answered. */
void lookups_answer(struct lookups *l, struct lookup_open *o, uint32_t lookup, uint64_t asked_ns, uint64_t t_ns, uint16_t qtype, bool negative);
/* Is `t_ns` the end of a time that stubs wait, counted from what the lookup asked last? */
bool lookups_has_waited(const struct lookup_open *o, uint32_t lookup, uint64_t t_ns);
/* Was the lookup answered a moment before `t_ns`, so that its stub goes on about then? */
bool lookups_goes_on(const struct lookup_open *o, uint32_t lookup, uint64_t t_ns);
/* What search lists cost: denials before the bare name was found. */
struct lookups_waste {
	uint64_t queries;  /* saved by a dot at the name's end */
	uint64_t ndots1, ndots2; /* saved by that value, because the name has as many dots */
	uint64_t lookups;  /* that paid */
	struct waste *by;  /* who, before which names */
};
const struct lookups_waste *lookups_waste(const struct lookups *l);
uint64_t lookups_count(const struct lookups *l);

#endif
