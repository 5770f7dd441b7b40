/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of an upstream's answer that are no part of the answer, and go no further. CoreDNS
 * passes them on; whoever keeps records by their owner (a cache behind us) would take them
 * for somebody's who never said them.
 *
 * - In the answer section: owners that no chain of aliases leads to from the name that was asked
 *   (RFC 1034 section 3.6.2; in whatever order). A DNAME stays whose owner such a name
 *   lies below, and signatures likewise. When no record at all is of that name, they stay as
 *   they came: CoreDNS' `rewrite name` without `answer` answers so, and there are clients
 *   that live with it.
 * - In any section: another class than the question's (RFC 2181 section 5; but for a question
 *   of class ANY), and RDATA that cannot be of its type: addresses of another length, and none
 *   where there must be a name (RFC 1035 section 3.3).
 *
 * The authority's and the additional records' owners are left as they are: they are never
 * an answer (RFC 2181 section 5.4.1), here or at a stub resolver.
 */
#ifndef NODENS_CORE_SCRUB_H
#define NODENS_CORE_SCRUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/name.h"
#include "lib/dns/wire.h"

#define SCRUB_CHAIN_MAX 66 /* `acl` looks at 64; an answer with a longer one is none */
#define SCRUB_WAITS_MAX 256 /* aliases that nothing has led to yet; later ones are strangers */

struct scrub {
	uint16_t qclass;
	unsigned n;       /* names of the chain */
	unsigned dropped; /* records, so far */
	bool cut;         /* the chain has more names than that */
	bool is_to_it;    /* some record is of the name that was asked, or of one it leads to */
	struct name name[SCRUB_CHAIN_MAX]; /* the first is what was asked */
	unsigned n_waits;
	uint16_t waits[SCRUB_WAITS_MAX]; /* where those aliases begin */
};

/* Reads the chain; `w` stands before `n_an` records of an answer section, and stays there. */
void scrub_begin(struct scrub *s, const uint8_t *asked, uint16_t qclass, const struct wire *w, unsigned n_an);
/* `owner` as the record has it; counts what it does not keep. */
bool scrub_keeps(struct scrub *s, enum dns_section sec, const uint8_t *owner, const struct dns_rr *rr);

#endif
