/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the protocol itself limits, and the ports it has: numbers of RFCs, which no
 * option moves. Limits of our own stand where they are kept.
 */
#ifndef NODENS_DNS_LIMITS_H
#define NODENS_DNS_LIMITS_H

#define NAME_MAX_WIRE 255  /* RFC 1035 section 2.3.4 */
#define NAME_MAX_TEXT 1024 /* worst case of \DDD escapes, with the final NUL */
#define LABEL_MAX 63
#define LABELS_MAX 127         /* of one octet each, in 255 */
#define NAME_POINTER_MAX 0x3fff /* RFC 1035 section 4.1.4: 14 bits */

#define DNS_HEADER_LEN 12
#define DNS_MSG_MAX 65535 /* over TCP, RFC 1035 section 4.2.2 */
#define DNS_RCODE_MAX 4095 /* 12 bits, RFC 6891 section 6.1.3 */

#define DNS_PORT 53
#define DNS_TLS_PORT 853   /* RFC 7858 */
#define DNS_HTTPS_PORT 443 /* RFC 8484 */

#endif
