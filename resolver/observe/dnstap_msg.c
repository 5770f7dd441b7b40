/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf and Frame Streams by hand: tags, lengths, octets. */
#include "resolver/observe/dnstap_msg.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/dns/wire.h"
#include "resolver/core/core.h"
#include "resolver/net/sockaddr.h"

#define CONTROL_FRAME_MAX 512 /* what fstrm itself accepts */
#define CONTENT_LEN (sizeof(DNSTAP_CONTENT) - 1)
#define FIELD_CONTENT 1
/* Tags, lengths, addresses, ports and times of one message, generously. */
#define FIXED_MAX 160

enum wire_type { VARINT = 0, BYTES = 2, FIXED32 = 5 };

static uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *put_tag(uint8_t *p, unsigned field, enum wire_type t)
{
	return put_varint(p, field << 3 | t);
}

static uint8_t *put_number(uint8_t *p, unsigned field, uint64_t v)
{
	return put_varint(put_tag(p, field, VARINT), v);
}

static uint8_t *put_bytes(uint8_t *p, unsigned field, const void *b, size_t len)
{
	p = put_varint(put_tag(p, field, BYTES), len);
	memcpy(p, b, len);
	return p + len;
}

static uint8_t *put_text(uint8_t *p, unsigned field, const char *s)
{
	return s && *s ? put_bytes(p, field, s, strlen(s)) : p;
}

/* Seconds, then nanoseconds as a fixed32, little-endian. */
static uint8_t *put_time(uint8_t *p, unsigned field, uint64_t ns)
{
	uint32_t frac = (uint32_t)(ns % NS_PER_S);

	if (!ns)
		return p;
	p = put_tag(put_number(p, field, ns / NS_PER_S), field + 1, FIXED32);
	for (int i = 0; i < 4; i++)
		*p++ = (uint8_t)(frac >> 8 * i);
	return p;
}

static uint8_t *put_addr(uint8_t *p, unsigned field, const struct in6_addr *a)
{
	bool v4 = addr_is_v4(a);

	return put_bytes(p, field, v4 ? &a->s6_addr[12] : a->s6_addr, v4 ? 4 : 16);
}

/* The fields of Message up to the query, which is the first that may be long. */
static uint8_t *put_head(uint8_t *p, const struct dnstap_msg *m)
{
	static const uint8_t protocol[] = {[CORE_UDP] = 1, [CORE_TCP] = 2, [CORE_TLS] = 3, [CORE_HTTPS] = 4};
	const struct in6_addr *any = m->query_addr ? m->query_addr : m->response_addr;

	p = put_number(p, 1, m->type);
	if (any)
		p = put_number(p, 2, addr_is_v4(any) ? 1 : 2);
	p = put_number(p, 3, protocol[m->proto]);
	if (m->query_addr)
		p = put_addr(p, 4, m->query_addr);
	if (m->response_addr)
		p = put_addr(p, 5, m->response_addr);
	if (m->query_addr)
		p = put_number(p, 6, m->query_port);
	if (m->response_addr)
		p = put_number(p, 7, m->response_port);
	return put_time(p, 8, m->query_ns);
}

static size_t varint_len(uint64_t v)
{
	size_t n = 1;

	for (; v >= 0x80; v >>= 7)
		n++;
	return n;
}

static size_t bytes_len(const uint8_t *b, size_t len)
{
	return b ? 1 + varint_len(len) + len : 0; /* fields below 16: one octet of tag */
}

size_t dnstap_msg_bound(const struct dnstap_msg *m)
{
	return FIXED_MAX + m->query_len + m->response_len + m->extra_len +
	       (m->identity ? strlen(m->identity) : 0) + (m->version ? strlen(m->version) : 0);
}

size_t dnstap_msg_put(uint8_t *buf, const struct dnstap_msg *m)
{
	uint8_t head[FIXED_MAX], tail[16], *p = buf + 4;
	size_t head_len = (size_t)(put_head(head, m) - head);
	size_t tail_len = (size_t)(put_time(tail, 12, m->response_ns) - tail);
	size_t len = head_len + bytes_len(m->query, m->query_len) + tail_len +
		     bytes_len(m->response, m->response_len);

	p = put_text(p, 1, m->identity);
	p = put_text(p, 2, m->version);
	if (m->extra_len)
		p = put_bytes(p, 3, m->extra, m->extra_len);
	p = put_varint(put_tag(p, 14, BYTES), len);
	memcpy(p, head, head_len);
	p += head_len;
	if (m->query)
		p = put_bytes(p, 10, m->query, m->query_len);
	memcpy(p, tail, tail_len);
	p += tail_len;
	if (m->response)
		p = put_bytes(p, 14, m->response, m->response_len);
	p = put_number(p, 15, 1); /* Dnstap.type: MESSAGE */
	set_be32(buf, (uint32_t)(p - buf - 4));
	assert((size_t)(p - buf) <= dnstap_msg_bound(m));
	return (size_t)(p - buf);
}

/* --- control frames: an empty data frame, then a length of their own --- */

size_t dnstap_control_put(uint8_t buf[DNSTAP_CONTROL_MAX], enum dnstap_control c)
{
	bool content = c == DNSTAP_READY || c == DNSTAP_ACCEPT || c == DNSTAP_START;
	uint32_t len = 4;

	set_be32(buf, 0);
	set_be32(buf + 8, c);
	if (content) {
		set_be32(buf + 12, FIELD_CONTENT);
		set_be32(buf + 16, CONTENT_LEN);
		memcpy(buf + 20, DNSTAP_CONTENT, CONTENT_LEN);
		len += 8 + CONTENT_LEN;
	}
	set_be32(buf + 4, len);
	return 8 + len;
}

/* True when one of the fields names our content. */
static bool content_has(const uint8_t *fields, size_t len)
{
	struct wire w;

	wire_init(&w, fields, len);
	while (!w.err && w.off < len) {
		uint32_t field = wire_u32(&w), n = wire_u32(&w);
		const uint8_t *b = wire_bytes(&w, n);

		if (b && field == FIELD_CONTENT && n == CONTENT_LEN &&
		    memcmp(b, DNSTAP_CONTENT, n) == 0)
			return true;
	}
	return false;
}

int dnstap_control_take(const uint8_t *buf, size_t len, enum dnstap_control *ret)
{
	if (len < 8)
		return 0;
	uint32_t n = get_be32(buf + 4);

	if (get_be32(buf) != 0 || n < 4 || n > CONTROL_FRAME_MAX)
		return ERR_PEER;
	if (len < 8 + n)
		return 0;
	*ret = (enum dnstap_control)get_be32(buf + 8);
	if (*ret == DNSTAP_ACCEPT && !content_has(buf + 12, n - 4))
		return ERR_PEER;
	return (int)(8 + n);
}
