/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and bodies of RFC 8484, checked before anything of them is believed. */
#include "resolver/net/doh_msg.h"

#include <string.h>
#include <strings.h>

#include "lib/dns/wire.h"

void doh_base64url(char *to, const uint8_t *b, size_t len)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)b[i] << 16;
		v |= n > 1 ? (uint32_t)b[i + 1] << 8 : 0;
		v |= n > 2 ? b[i + 2] : 0;
		for (size_t k = 0; k <= n; k++)
			*to++ = digit[v >> (18 - 6 * k) & 63];
	}
	*to = 0;
}

bool doh_is_dns_type(const uint8_t *b, size_t len)
{
	size_t n = strlen(DOH_TYPE_DNS);
	return len >= n && strncasecmp((const char *)b, DOH_TYPE_DNS, n) == 0 &&
	       (len == n || b[n] == ';' || b[n] == ' ' || b[n] == '\t');
}

uint32_t doh_number(const uint8_t *b, size_t len)
{
	uint64_t v = 0;
	for (size_t i = 0; i < len; i++) {
		if (b[i] < '0' || b[i] > '9')
			return 0;
		v = v * 10 + (unsigned)(b[i] - '0');
		v = v > INT32_MAX ? INT32_MAX : v;
	}
	return (uint32_t)v;
}

void doh_ttls_lower(uint8_t *msg, size_t len, uint32_t age_s)
{
	struct dns_msg m;
	struct dns_rr rr;
	struct wire w;
	if (age_s == 0 || dns_msg_parse(&m, msg, len) != 0)
		return;
	wire_init(&w, msg, len);
	w.off = m.answer_off;
	for (unsigned i = 0; i < (unsigned)m.h.n_an + m.h.n_ns + m.h.n_ar; i++) {
		wire_rr(&w, &rr);
		if (w.err)
			return;
		if (rr.type != DNS_OPT)
			set_be32(msg + rr.ttl_off, rr.ttl > age_s ? rr.ttl - age_s : 0);
	}
}
