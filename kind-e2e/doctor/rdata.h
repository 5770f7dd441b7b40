/* SPDX-License-Identifier: Apache-2.0 */
/* The first answers of a message as words: addresses, names, strings. */
#ifndef NODENS_KIND_E2E_RDATA_H
#define NODENS_KIND_E2E_RDATA_H

#include <stddef.h>
#include <stdint.h>

/* Of A, AAAA, CNAME, NS, PTR, SRV (the target) and TXT, with blanks between; what is not a graphic
 * octet of ASCII becomes '?'. What does not fit is left out. The first answer's TTL, or 0. */
void rdata_text(const uint8_t *msg, size_t len, char *buf, size_t size, uint32_t *ret_ttl_s);

#endif
