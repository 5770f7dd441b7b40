/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the NOTRACK rules of the node counted: packets of pods towards the cache
 * (prerouting, port 53 as destination) and the cache's packets back (output,
 * port 53 as source). Rules of either dialect count: nft's own, and iptables'.
 */
#ifndef NODENS_KIND_E2E_NOTRACK_H
#define NODENS_KIND_E2E_NOTRACK_H

#include <stdint.h>

#include "lib/err.h"

struct notrack {
	unsigned n_rules; /* all NOTRACK rules for port 53 */
	uint64_t packets_in, packets_out;
};
/* Reads the rules of the namespace the process is in. */
int notrack_read(struct notrack *ret, struct diag *d);

/* Text of `nft list ruleset`, and of `iptables-save -c`. */
void notrack_parse_nft(struct notrack *ret, const char *text);
void notrack_parse_save(struct notrack *ret, const char *text);

#endif
