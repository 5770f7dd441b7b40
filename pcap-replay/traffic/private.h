/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query stream that can be shown to others: labels become other letters of the same
 * length, equal labels equal ones wherever they stand, so that search lists, depth and
 * lengths stay; addresses keep the prefixes they have in common
 * (as in Xu, Fan, Ammar, Moon: Prefix-preserving IP address anonymization, 2002). What
 * is not hidden: times, types, counts, and which names are equal. Labels of one or two
 * letters may meet.
 */
#ifndef NODENS_PRIVATE_H
#define NODENS_PRIVATE_H

#include "lib/base/hash.h"
#include "lib/dns/name.h"
#include "lib/record/qstream.h"

/* The key from a file's octets: at least 16, of which nobody else knows. */
int private_key(struct hash_key *ret, const char *path, struct diag *d);
/* A label with its length before it; `lower` is the same in lower case. */
void private_label(const struct hash_key *k, uint8_t *label, const uint8_t *lower);
/* Kept as it is: the name's longest suffix among `keep`. */
void private_name(const struct hash_key *k, struct name *n, const struct name *keep, size_t n_keep);
void private_ip(const struct hash_key *k, struct in6_addr *ip);

#endif
