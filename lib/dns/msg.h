/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door to ldns: presentation form of records and messages, for tools,
 * zone data, odd replies, and as the oracle that lib/dns/wire is tested against.
 * Allocates; never on the daemon's hot path.
 */
#ifndef NODENS_MSG_H
#define NODENS_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/dns/name.h"

/* One record in presentation form ("name ttl class type rdata"; class and TTL
 * optional) to its parts in uncompressed wire form. `rdata` needs 65535 octets
 * at most; ERR_SHORT when `cap` is too small. */
int msg_rr_from_text(const char *text, uint32_t default_ttl_s, struct name *ret_owner,
		     uint16_t *ret_type, uint32_t *ret_ttl_s, uint8_t *rdata, size_t cap,
		     size_t *ret_len, struct diag *d);
/* Canonical text of one section (0 answer, 1 authority, 2 additional without
 * OPT), one record a line, sorted, TTLs left out when `no_ttl`; caller frees. */
char *msg_section_text(const uint8_t *buf, size_t len, int section, int no_ttl);
/* 0 when ldns accepts the message. */
int msg_check(const uint8_t *buf, size_t len);

#endif
