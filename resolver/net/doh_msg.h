/* SPDX-License-Identifier: Apache-2.0 */
/* What DNS over HTTPS writes and reads besides HTTP/2 itself; no libraries. */
#ifndef NODENS_DOH_MSG_H
#define NODENS_DOH_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOH_TYPE_DNS "application/dns-message"

/* Octets that base64url of n needs, the final 0 included. */
#define DOH_BASE64_MAX(n) (((n) + 2) / 3 * 4 + 1)
/* RFC 4648 section 5 without padding, as RFC 8484 section 6 wants it; ends with 0. */
void doh_base64url(char *to, const uint8_t *b, size_t len);
/* Is it DOH_TYPE_DNS? Case does not matter, parameters may follow (RFC 9110
 * section 8.3.1). */
bool doh_is_dns_type(const uint8_t *b, size_t len);
/* Digits only, else 0; more than fit in 31 bits: the largest value that does. */
uint32_t doh_number(const uint8_t *b, size_t len);
/* The answer has been kept by a cache for so long (RFC 8484 section 5.1). What
 * does not parse stays as it is: the core refuses it. */
void doh_ttls_lower(uint8_t *msg, size_t len, uint32_t age_s);

#endif
