/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an upstream that can be trusted saves: one question where A and AAAA of a
 * name that is not there were two.
 *
 * A denial is only ever the answer to the type that was asked; that holds here
 * too. But the Corefile keeps a denial for less time than its SOA says, seconds
 * against minutes. When that time is over and the upstream has just denied the
 * other address type of the same name, the denial is taken for as good as new:
 * its own word still holds by the upstream's own TTL (five minutes at most), and
 * an upstream that denies whole names has confirmed it. So no type is denied that
 * the upstream did not deny itself within the time that it said itself.
 *
 * A zone's upstreams earn it (names by 64 buckets, so some 18 of each kind): 16
 * names denied for both types, each asked, and 16 names that exist and were denied
 * for neither. They lose it, until the next reload, by denying one type of a name
 * within a second of answering the other: what those do that deny a type, for the
 * first name that exists.
 */
#ifndef NODENS_CORE_DENIALS_H
#define NODENS_CORE_DENIALS_H

#include <stdbool.h>
#include <stdint.h>

struct core;
struct question;
struct answer;
struct entry;
struct cache_key;

struct denial_trust {
	uint64_t absent, present; /* buckets of names seen */
	bool is_lost;
};

/* An upstream's answer, stored if it can be. */
void denial_learn(struct core *c, const struct question *q, const struct answer *a, uint64_t now_ns);
/* `e`, the key's own and expired, renewed by the other type's denial; else NULL. */
struct entry *denial_renew(struct core *c, unsigned zone, const struct cache_key *k, struct entry *e,
			   uint64_t now_ns);
/* Ends a question that begins by a renewed denial, or lets it wait for the other
 * type, which is being asked and may renew it. False: ask it. */
bool denial_follow(struct core *c, uint32_t qi, uint64_t now_ns);

#endif
