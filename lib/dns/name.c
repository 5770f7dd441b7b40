/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in wire form. Length octets are at most 63 and 'A' is 65, so a whole
 * name can be folded to lower case without looking at label borders, eight
 * octets at a time; that is what the cache does for each query.
 */
#include "lib/dns/name.h"

#include <string.h>

#include "lib/base/err.h"
#include "lib/base/hot.h"

/* Lower-cases the ASCII letters among eight octets. */
static inline uint64_t fold8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t low7 = x & 0x7f * ones;
	uint64_t from_a = low7 + (0x80 - 'A') * ones; /* bit 7: >= 'A' */
	uint64_t past_z = low7 + (0x7f - 'Z') * ones; /* bit 7: > 'Z' */
	uint64_t upper = (from_a ^ past_z) & ~x & 0x80 * ones;

	return x | upper >> 2;
}

static inline uint8_t fold1(uint8_t c)
{
	return (uint8_t)(c - 'A') < 26 ? c | 0x20 : c;
}

static inline uint64_t load8(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

size_t name_check(const uint8_t *b, size_t max)
{
	size_t off = 0;

	if (max > NAME_MAX_WIRE)
		max = NAME_MAX_WIRE;
	while (off < max) {
		if (b[off] == 0)
			return off + 1;
		if (b[off] > LABEL_MAX)
			return 0;
		off += 1u + b[off];
	}
	return 0;
}

size_t name_len(const uint8_t *name)
{
	const uint8_t *p = name;

	while (*p)
		p += 1 + *p;
	return (size_t)(p - name) + 1;
}

unsigned name_labels(const uint8_t *name)
{
	unsigned n = 0;

	for (; *name; name += 1 + *name)
		n++;
	return n;
}

static inline bool fold_eq8(const uint8_t *a, const uint8_t *b)
{
	uint64_t x = load8(a), y = load8(b);

	return x == y || fold8(x) == fold8(y);
}

/* Most names that are compared are spelled alike. The last eight octets may be looked at twice. */
static bool fold_eq(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8)
		if (!fold_eq8(a + i, b + i))
			return false;
	if (i > 0)
		return i == len || fold_eq8(a + len - 8, b + len - 8);
	for (; i < len; i++)
		if (fold1(a[i]) != fold1(b[i]))
			return false;
	return true;
}

bool name_eq_len(const uint8_t *a, const uint8_t *b, size_t len)
{
	return fold_eq(a, b, len);
}

bool name_eq(const uint8_t *a, const uint8_t *b)
{
	size_t len = name_len(a);

	return len == name_len(b) && fold_eq(a, b, len);
}

bool name_within(const uint8_t *name, const uint8_t *zone)
{
	return name_within_len(name, name_len(name), zone, name_len(zone));
}

bool name_within_len(const uint8_t *name, size_t len, const uint8_t *zone, size_t zone_len)
{
	while (len > zone_len) {
		len -= 1u + *name;
		name += 1 + *name;
	}
	return len == zone_len && fold_eq(name, zone, len);
}

const uint8_t *name_parent(const uint8_t *name)
{
	return *name ? name + 1 + *name : name;
}

const uint8_t *name_tail(const uint8_t *name, unsigned n_labels)
{
	unsigned have = name_labels(name);

	for (; have > n_labels; have--)
		name += 1 + *name;
	return name;
}

static inline void copy_fold8(uint8_t *ret, const uint8_t *from)
{
	uint64_t v = fold8(load8(from));

	memcpy(ret, &v, sizeof(v));
}

/* The last eight octets may have been folded before: that changes nothing. */
HOT void name_fold(uint8_t *ret, const uint8_t *name, size_t len)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8)
		copy_fold8(ret + i, name + i);
	if (i > 0 && i < len)
		copy_fold8(ret + len - 8, name + len - 8);
	else
		for (; i < len; i++)
			ret[i] = fold1(name[i]);
}

size_t name_lower(uint8_t *ret, const uint8_t *name)
{
	size_t len = name_len(name);

	name_fold(ret, name, len);
	return len;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Of eight octets the letters whose bit is set. */
static inline uint64_t spell8(uint64_t x, uint64_t bits)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t low7 = x & 0x7f * ones;
	uint64_t from_a = low7 + (0x80 - 'a') * ones; /* bit 7: >= 'a' */
	uint64_t past_z = low7 + (0x7f - 'z') * ones; /* bit 7: > 'z' */
	uint64_t chosen = (bits & 0xff) * ones & 0x8040201008040201u; /* octet i has bit i, or nothing */

	return x ^ ((from_a ^ past_z) & ~x & (chosen + 0x7f * ones) & 0x80 * ones) >> 2;
}
#endif

void name_spell(uint8_t *name, uint64_t bits)
{
	size_t len = name_len(name), i = 0;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	for (; i + 8 <= len; i += 8) {
		uint64_t v = spell8(load8(name + i), bits >> (i % 64));
		memcpy(name + i, &v, sizeof(v));
	}
#endif
	for (; i < len; i++) /* a length octet is below any letter */
		if (name[i] >= 'a' && name[i] <= 'z' && bits >> (i % 64) & 1)
			name[i] = (uint8_t)(name[i] - 'a' + 'A');
}

void name_copy(struct name *ret, const uint8_t *name)
{
	size_t len = name_len(name);

	memmove(ret->b, name, len);
	ret->len = (uint8_t)len;
}

int name_join(struct name *ret, const uint8_t *head, const uint8_t *tail)
{
	size_t head_len = name_len(head) - 1, tail_len = name_len(tail);
	struct name n;

	if (head_len + tail_len > NAME_MAX_WIRE)
		return ERR_LIMIT;
	memcpy(n.b, head, head_len);
	memcpy(n.b + head_len, tail, tail_len);
	n.len = (uint8_t)(head_len + tail_len);
	memcpy(ret->b, n.b, n.len);
	ret->len = n.len;
	return 0;
}

/* --- canonical order --- */

static unsigned label_starts(const uint8_t *name, const uint8_t *ret[LABELS_MAX])
{
	unsigned n = 0;

	for (; *name; name += 1 + *name)
		ret[n++] = name;
	return n;
}

static int label_cmp(const uint8_t *a, const uint8_t *b)
{
	unsigned len = *a < *b ? *a : *b;

	for (unsigned i = 1; i <= len; i++)
		if (fold1(a[i]) != fold1(b[i]))
			return fold1(a[i]) - fold1(b[i]);
	return *a - *b;
}

int name_cmp(const uint8_t *a, const uint8_t *b)
{
	const uint8_t *la[LABELS_MAX], *lb[LABELS_MAX];
	unsigned na = label_starts(a, la), nb = label_starts(b, lb);

	while (na > 0 && nb > 0) {
		int c = label_cmp(la[--na], lb[--nb]);

		if (c)
			return c;
	}
	return (int)na - (int)nb;
}

/* --- presentation form --- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One octet of a label: as it is, \X or \DDD. Returns characters consumed, 0
 * for a bad escape. */
static size_t text_octet(const char *t, uint8_t *ret)
{
	unsigned v;

	*ret = (uint8_t)t[0];
	if (t[0] != '\\')
		return 1;
	if (!is_digit(t[1])) {
		*ret = (uint8_t)t[1];
		return t[1] ? 2 : 0;
	}
	if (!is_digit(t[2]) || !is_digit(t[3]))
		return 0;
	v = (unsigned)(t[1] - '0') * 100 + (unsigned)(t[2] - '0') * 10 + (unsigned)(t[3] - '0');
	*ret = (uint8_t)v;
	return v <= 255 ? 4 : 0;
}

/* One label up to its dot or the end of the text, written at n->b[n->len]. */
static int text_label(struct name *n, const char **text)
{
	size_t start = n->len, len = 0;
	const char *t = *text;

	while (*t && *t != '.') {
		uint8_t c = (uint8_t)*t;
		size_t used = c == '\\' ? text_octet(t, &c) : 1;

		if (used == 0)
			return ERR_SYNTAX;
		if (++len > LABEL_MAX || start + 1 + len >= NAME_MAX_WIRE)
			return ERR_LIMIT;
		n->b[start + len] = c;
		t += used;
	}
	if (len == 0)
		return ERR_SYNTAX;
	n->b[start] = (uint8_t)len;
	n->len = (uint8_t)(start + 1 + len);
	*text = *t == '.' ? t + 1 : t;
	return 0;
}

int name_from_text(struct name *ret, const char *text)
{
	struct name n;

	n.len = 0;
	if (text[0] == '.' && !text[1])
		text++;
	else if (!text[0])
		return ERR_SYNTAX;
	while (*text) {
		int err = text_label(&n, &text);

		if (err)
			return err;
	}
	n.b[n.len++] = 0;
	memcpy(ret->b, n.b, n.len);
	ret->len = n.len;
	return 0;
}

static size_t octet_print(uint8_t c, char out[4])
{
	/* what RFC 1035 section 5.1 reads as something else in a master file */
	if (c && strchr(".\\\"();@$", c)) {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (c > 0x20 && c < 0x7f) {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '\\';
	out[1] = (char)('0' + c / 100);
	out[2] = (char)('0' + c / 10 % 10);
	out[3] = (char)('0' + c % 10);
	return 4;
}

struct text {
	char *buf;
	size_t cap, len; /* cap shrinks to len + 1 at the first piece that does not fit */
};

static void text_put(struct text *t, const char *s, size_t n)
{
	if (t->len + n + 1 > t->cap) {
		t->cap = t->len + 1;
		return;
	}
	memcpy(t->buf + t->len, s, n);
	t->len += n;
}

size_t name_to_text(const uint8_t *name, char *buf, size_t cap)
{
	struct text t = {buf, cap, 0};

	if (cap == 0)
		return 0;
	if (*name == 0)
		text_put(&t, ".", 1);
	for (; *name; name += 1 + *name) {
		for (unsigned i = 1; i <= *name; i++) {
			char out[4];

			text_put(&t, out, octet_print(name[i], out));
		}
		text_put(&t, ".", 1);
	}
	buf[t.len] = 0;
	return t.len;
}
