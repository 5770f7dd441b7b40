/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a cache say what the server behind it says? Every question of a list goes to
 * both, over UDP with EDNS, UDP without, and TCP, and the replies are compared: reply
 * code, flags, every record of every section. Left out is what may differ between two
 * right replies: AA and RA (each server's word about itself), the order of records, TTLs (a bound
 * is checked instead), a SOA's serial (CoreDNS counts it in each replica by itself), and which
 * records a truncated reply has.
 */
#ifndef NODENS_KIND_E2E_AGREE_H
#define NODENS_KIND_E2E_AGREE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/opt.h"

struct agree_options {
	const char *names;	 /* file: NAME TYPE a line, "#" begins a comment */
	const char *reference;	 /* address of the server whose word counts */
	struct opt_list servers; /* addresses of those that must say the same */
	uint64_t timeout_ns;	 /* a reply's time, three tries */
	uint64_t ttl_max_s;	 /* no record of a cache may have more */
};

/* Why two replies to one question are not the same, in words; 0 when they are. The
 * buffers are changed: serials become 0. */
int agree_compare(uint8_t *reference, size_t reference_len, uint8_t *reply, size_t reply_len,
		  uint64_t ttl_max_s, struct diag *why);
/* One line on standard output for each difference, and a last one with the counts.
 * 0: no difference, 1: some, or somebody gave no reply, 3: the list cannot be read. */
int agree_main(const struct agree_options *o);

#endif
