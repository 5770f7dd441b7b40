/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that skip connection tracking, counted twice. The lab's own counters
 * sit on the pods' links, behind whatever rule took the packet out of tracking,
 * and see nothing but pods. The NOTRACK rules' own counters, of either dialect,
 * see the node's own packets as well (the cache asks itself whether it is
 * alive): those pass a rule on the way out, and again on the way in.
 */
#ifndef NODENS_KIND_E2E_NOTRACK_H
#define NODENS_KIND_E2E_NOTRACK_H

#include <stdint.h>

#include "lib/base/err.h"

struct notrack {
	uint64_t packets_in, packets_out; /* untracked, port 53, from and to pods */
	unsigned n_rules;		  /* NOTRACK rules for port 53 */
	uint64_t rule_in, rule_host;	  /* counted by those for packets to port 53 */
};
/* The lab's own counters, in the namespace the process is in. */
int notrack_install(struct diag *d);
/* Reads both there. */
int notrack_read(struct notrack *ret, struct diag *d);

/* From the text of `nft list ruleset`, or of `iptables-save -c`, which adds to
 * what is the rules' only. */
void notrack_parse_nft(struct notrack *ret, const char *text);
void notrack_parse_save(struct notrack *ret, const char *text);

#endif
