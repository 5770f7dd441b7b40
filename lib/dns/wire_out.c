/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing cursor. Invariants: len <= cap; a field is written whole or not at
 * all; name_at[] holds, in ascending order, offsets below len where a label of a
 * complete name starts.
 */
#include "lib/dns/wire.h"

#include <assert.h>
#include <string.h>

#include "lib/base/err.h"

void wire_out_init(struct wire_out *o, void *buf, size_t cap)
{
	o->base = buf;
	o->cap = cap;
	o->len = 0;
	o->err = 0;
	o->work = 0;
	o->n_names = 0;
}

void wire_out_rewind(struct wire_out *o, size_t len)
{
	assert(len <= o->len);
	o->len = len;
	while (o->n_names > 0 && o->name_at[o->n_names - 1] >= len)
		o->n_names--;
	if (o->err == ERR_SHORT)
		o->err = 0;
}

static uint8_t *out_room(struct wire_out *o, size_t n)
{
	uint8_t *p = o->base + o->len;

	if (o->err || n > o->cap - o->len) {
		if (!o->err)
			o->err = ERR_SHORT;
		return NULL;
	}
	o->len += n;
	return p;
}

void wire_put_u8(struct wire_out *o, uint8_t v)
{
	uint8_t *p = out_room(o, 1);

	if (p)
		*p = v;
}

void wire_put_u16(struct wire_out *o, uint16_t v)
{
	uint8_t *p = out_room(o, 2);

	if (p)
		set_be16(p, v);
}

void wire_put_u32(struct wire_out *o, uint32_t v)
{
	uint8_t *p = out_room(o, 4);

	if (p)
		set_be32(p, v);
}

void wire_put_bytes(struct wire_out *o, const void *src, size_t n)
{
	uint8_t *p = out_room(o, n);

	if (p && n)
		memcpy(p, src, n);
}

/* Does the name written at `off` (by us, so well-formed) equal `name`, which is `len` long? */
static bool written_eq(const struct wire_out *o, size_t off, const uint8_t *name, size_t len)
{
	if (len <= o->len - off && memcmp(o->base + off, name, len) == 0)
		return true; /* whole and spelled alike, as most are */
	for (;;) {
		const uint8_t *p = o->base + off;

		if (*p >= 0xc0) {
			off = get_be16(p) & NAME_POINTER_MAX;
			continue;
		}
		if (*p != *name)
			return false;
		if (*p == 0)
			return true;
		bool alike = memcmp(p + 1, name + 1, *p) == 0; /* as most are spelled */
		for (unsigned i = 1; !alike && i <= *p; i++) {
			uint8_t a = p[i], b = name[i];

			if (a != b && ((a ^ b) != 0x20 || (uint8_t)((a | 0x20) - 'a') >= 26))
				return false;
		}
		off += 1u + *p;
		name += 1 + *name;
	}
}

/* Offset of an earlier copy of `name`, `len` octets long, or -1. */
static int written_find(struct wire_out *o, const uint8_t *name, size_t len)
{
	for (unsigned i = 0; i < o->n_names && o->work < WIRE_COMPRESS_WORK_MAX; i++) {
		o->work += o->name_len[i] == len ? (uint32_t)len : 1;
		if (o->name_len[i] == len && written_eq(o, o->name_at[i], name, len))
			return o->name_at[i];
	}
	return -1;
}

/* Remembers each label of the `len` octets just written at `off` as a target; the
 * name they begin is `name_len` long. */
static void written_remember(struct wire_out *o, size_t off, size_t len, size_t name_len)
{
	size_t end = off + len;

	while (off < end && off <= NAME_POINTER_MAX && o->n_names < WIRE_COMPRESS_MAX) {
		o->name_len[o->n_names] = (uint8_t)name_len;
		o->name_at[o->n_names++] = (uint16_t)off;
		name_len -= 1u + o->base[off];
		off += 1u + o->base[off];
	}
}

void wire_put_name(struct wire_out *o, const uint8_t *name)
{
	const uint8_t *tail = name;
	size_t off = o->len, len = name_len(name), head_len;
	int at = -1;
	uint8_t *p;

	if (!o->n_names)
		tail += len - 1;
	while (*tail && (at = written_find(o, tail, len - (size_t)(tail - name))) < 0)
		tail += 1 + *tail;
	head_len = (size_t)(tail - name);
	p = out_room(o, head_len + (at < 0 ? 1 : 2));
	if (!p)
		return;
	memcpy(p, name, head_len);
	if (at < 0)
		p[head_len] = 0;
	else
		set_be16(p + head_len, (uint16_t)(0xc000 | at));
	written_remember(o, off, head_len, len);
}

void wire_put_name_plain(struct wire_out *o, const uint8_t *name)
{
	wire_put_bytes(o, name, name_len(name));
}

void wire_put_header(struct wire_out *o, const struct dns_header *h)
{
	uint8_t *p = out_room(o, DNS_HEADER_LEN);

	if (!p)
		return;
	set_be16(p, h->id);
	set_be16(p + 2, h->flags);
	set_be16(p + 4, h->n_qd);
	set_be16(p + 6, h->n_an);
	set_be16(p + 8, h->n_ns);
	set_be16(p + 10, h->n_ar);
}

void wire_put_question(struct wire_out *o, const uint8_t *name, uint16_t qtype, uint16_t qclass)
{
	wire_put_name(o, name);
	wire_put_u16(o, qtype);
	wire_put_u16(o, qclass);
}

static size_t rr_fixed_begin(struct wire_out *o, uint16_t type, uint16_t rclass, uint32_t ttl_s)
{
	wire_put_u16(o, type);
	wire_put_u16(o, rclass);
	wire_put_u32(o, ttl_s);
	wire_put_u16(o, 0);
	return o->len;
}

size_t wire_rr_begin(struct wire_out *o, const uint8_t *owner, uint16_t type, uint16_t rclass,
		     uint32_t ttl_s)
{
	wire_put_name(o, owner);
	return rr_fixed_begin(o, type, rclass, ttl_s);
}

void wire_rr_end(struct wire_out *o, size_t mark)
{
	if (o->err)
		return;
	assert(mark >= 2 && mark <= o->len);
	if (o->len - mark > UINT16_MAX)
		o->err = ERR_LIMIT;
	else
		set_be16(o->base + mark - 2, (uint16_t)(o->len - mark));
}

size_t wire_opt_begin(struct wire_out *o, uint16_t udp_size, uint8_t ext_rcode, uint8_t version,
		      bool do_bit)
{
	uint32_t ttl = (uint32_t)ext_rcode << 24 | (uint32_t)version << 16 | (do_bit ? 0x8000 : 0);

	wire_put_u8(o, 0);
	return rr_fixed_begin(o, DNS_OPT, udp_size, ttl);
}

void wire_opt_end(struct wire_out *o, size_t mark)
{
	wire_rr_end(o, mark);
}

size_t dns_query_build(void *buf, size_t cap, uint16_t id, const uint8_t *name, uint16_t qtype,
		       uint16_t flags, uint16_t udp_size, bool do_bit, bool nsid)
{
	struct dns_header h = {.id = id, .flags = flags, .n_qd = 1, .n_ar = udp_size > 0};
	struct wire_out o;

	wire_out_init(&o, buf, cap);
	wire_put_header(&o, &h);
	wire_put_name_plain(&o, name); /* no other name is in it */
	wire_put_u16(&o, qtype);
	wire_put_u16(&o, DNS_IN);
	if (udp_size > 0) {
		size_t mark = wire_opt_begin(&o, udp_size, 0, 0, do_bit);

		if (nsid) {
			wire_put_u16(&o, EDNS_NSID);
			wire_put_u16(&o, 0);
		}
		wire_opt_end(&o, mark);
	}
	return o.err ? 0 : o.len;
}
