/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of `hosts`: names to addresses and back, sorted for search. */
#ifndef NODENS_HOSTS_H
#define NODENS_HOSTS_H

#include "resolver/corefile/setup.h"

struct hosts_entry {
	const uint8_t *name; /* lower case; a first label * is a wildcard */
	struct in6_addr addr;
	unsigned seq; /* order in the file */
};
struct hosts_table {
	size_t n;
	struct hosts_entry *by_name, *by_addr;
};
struct hosts_lines { /* while reading */
	size_t n;
	struct hosts_entry *entry;
	size_t n_zones;
	const struct name *zone; /* names outside are left out */
};

/* Lines of an hosts(5) file; what cannot be read is skipped, as everybody does. */
int hosts_read(struct cf_setup *s, struct hosts_lines *l, const char *text);
int hosts_add(struct cf_setup *s, struct hosts_lines *l, const struct in6_addr *addr,
	      const char *name);
int hosts_sort(struct cf_setup *s, const struct hosts_lines *l, struct hosts_table *ret);
/* Entries of a name, perhaps through a wildcard: the first one, and how many. */
const struct hosts_entry *hosts_by_name(const struct hosts_table *t, const uint8_t *name,
					size_t *ret_n);
const struct hosts_entry *hosts_by_addr(const struct hosts_table *t, const struct in6_addr *addr,
					size_t *ret_n);
/* The address that a reverse name stands for. */
bool hosts_reverse(const uint8_t *name, struct in6_addr *ret);

#endif
