/* SPDX-License-Identifier: Apache-2.0 */
/* Record data to words, through the bounds-checked cursor. */
#include "kind-e2e/doctor/rdata.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/dns/wire.h"

static void put_name(struct wire *w, char *word, size_t size)
{
	char text[NAME_MAX_TEXT];
	struct name n;

	wire_name(w, &n);
	if (w->err)
		return;
	name_to_text(n.b, text, sizeof text);
	snprintf(word, size, "%s", text);
}

static void put_string(struct wire *w, char *word, size_t size)
{
	uint8_t n = wire_u8(w);
	const uint8_t *b = wire_bytes(w, n);
	size_t i;

	for (i = 0; b && i < n && i + 1 < size; i++)
		word[i] = (char)b[i];
	word[i] = '\0';
}

static void put_word(const uint8_t *msg, size_t len, const struct dns_rr *rr, char *word,
		     size_t size)
{
	struct wire w;

	wire_init(&w, msg, len);
	w.off = rr->rdata_off;
	word[0] = '\0';
	switch (rr->type) {
	case DNS_A:
	case DNS_AAAA:
		if (rr->rdlen == (rr->type == DNS_A ? 4 : 16))
			inet_ntop(rr->type == DNS_A ? AF_INET : AF_INET6, msg + rr->rdata_off, word,
				  (socklen_t)size);
		break;
	case DNS_SRV:
		wire_skip(&w, 6);
		put_name(&w, word, size);
		break;
	case DNS_CNAME:
	case DNS_NS:
	case DNS_PTR:
		put_name(&w, word, size);
		break;
	case DNS_TXT:
		put_string(&w, word, size);
		break;
	default:
		break;
	}
	for (char *c = word; *c; c++)
		*c = *c > ' ' && *c < 127 ? *c : '?';
}

void rdata_text(const uint8_t *msg, size_t len, char *buf, size_t size, uint32_t *ret_ttl_s)
{
	char word[NAME_MAX_TEXT];
	struct dns_msg m;
	struct wire w;
	size_t used = 0;

	buf[0] = '\0';
	*ret_ttl_s = 0;
	if (dns_msg_parse(&m, msg, len))
		return;
	wire_init(&w, msg, len);
	w.off = m.answer_off;
	for (unsigned i = 0; i < m.h.n_an; i++) {
		struct dns_rr rr;

		wire_rr(&w, &rr);
		if (w.err)
			return;
		if (!i)
			*ret_ttl_s = rr.ttl;
		put_word(msg, len, &rr, word, sizeof word);
		if (!word[0] || used + strlen(word) + 2 > size)
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? " " : "", word);
	}
}
