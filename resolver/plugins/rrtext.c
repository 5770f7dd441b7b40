/* SPDX-License-Identifier: Apache-2.0 */
/* Records from text; see rrtext.h. */
#include "resolver/plugins/rrtext.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 32, CAA = 257 };
#define BETWEEN " \t\r\n()" /* words; parentheses join lines, and there is but one */

struct rrwords {
	char buf[RRTEXT_MAX];
	const char *word[WORDS_MAX];
	bool quoted[WORDS_MAX];
	unsigned n;
};
struct rrhead {
	struct name owner;
	uint32_t ttl_s;
	uint16_t type, rclass;
	unsigned rdata; /* index of the first word */
};

/* Up to one of `ends`, or the end; escapes stay as they are: of the blank and the
 * quotation mark behind a backslash none ends a word. */
static char *word_copy(char *to, const char **from, const char *ends)
{
	const char *s = *from;

	for (; *s && !strchr(ends, *s); *to++ = *s++)
		if (*s == '\\' && s[1])
			*to++ = *s++;
	*from = s;
	return to;
}

static bool words_split(struct rrwords *w, const char *text)
{
	char *to = w->buf;

	w->n = 0;
	if (strlen(text) >= sizeof(w->buf))
		return false;
	for (const char *s = text + strspn(text, BETWEEN); *s; s += strspn(s, BETWEEN)) {
		if (w->n == WORDS_MAX)
			return false;
		w->quoted[w->n] = *s == '"';
		w->word[w->n++] = to;
		if (*s == '"') {
			s++;
			to = word_copy(to, &s, "\"");
			if (*s++ != '"')
				return false;
		} else {
			to = word_copy(to, &s, BETWEEN);
		}
		*to++ = 0;
	}
	return w->n > 0;
}

/* 3600, 1h, 1h30m. */
static bool ttl_parse(const char *s, uint32_t *ret)
{
	uint64_t total = 0;

	do {
		char *end;

		if (*s < '0' || *s > '9') /* strtoul would take blanks and signs */
			return false;
		uint64_t v = strtoul(s, &end, 10);
		static const char units[] = "smhdw";
		static const uint32_t unit_s[] = {1, 60, 3600, 86400, 604800};
		const char *u = *end ? strchr(units, *end | 32) : NULL;

		if ((*end && !u) || v > INT32_MAX)
			return false;
		total += v * (u ? unit_s[u - units] : 1);
		if (total > INT32_MAX)
			return false;
		s = end + (u != NULL);
	} while (*s);
	*ret = (uint32_t)total;
	return true;
}

static bool class_parse(const char *s, uint16_t *ret)
{
	static const struct {
		const char *name;
		uint16_t value;
	} classes[] = {{"IN", DNS_IN}, {"CH", DNS_CH}, {"HS", DNS_HS}, {"ANY", DNS_CLASS_ANY}};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strcasecmp(s, classes[i].name) == 0) {
			*ret = classes[i].value;
			return true;
		}
	return false;
}

static bool head_parse(const struct rrwords *w, struct rrhead *h)
{
	bool has_ttl = false, has_class = false;
	unsigned i = 1;

	*h = (struct rrhead){.ttl_s = 3600, .rclass = DNS_IN};
	for (; i < w->n; i++) {
		if (!has_ttl && ttl_parse(w->word[i], &h->ttl_s))
			has_ttl = true;
		else if (!has_class && class_parse(w->word[i], &h->rclass))
			has_class = true;
		else
			break;
	}
	h->rdata = i + 1;
	return name_from_text(&h->owner, w->word[0]) == 0 && i < w->n &&
	       (dns_type_from_str(w->word[i], &h->type) == 0 || (strcasecmp(w->word[i], "CAA") == 0 && (h->type = CAA)));
}

static bool put_number(struct wire_out *o, const char *s, int octets)
{
	char *end;
	unsigned long v = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end || (octets < 4 && v >> (8 * octets)) || v > UINT32_MAX)
		return false;
	if (octets == 1)
		wire_put_u8(o, (uint8_t)v);
	else if (octets == 2)
		wire_put_u16(o, (uint16_t)v);
	else
		wire_put_u32(o, (uint32_t)v);
	return true;
}

/* RFC 1035 section 5.1: \DDD is the octet of that number, \X is X. Its length, or
 * -1: no octet has that number. */
static int text_decode(const char *s, uint8_t ret[RRTEXT_MAX])
{
	int len = 0;

	while (*s) {
		if (*s != '\\' || !s[1]) {
			ret[len++] = (uint8_t)*s++;
		} else if (s[1] < '0' || s[1] > '9') {
			ret[len++] = (uint8_t)s[1];
			s += 2;
		} else {
			unsigned v = 0, n = 1;

			for (; n < 4 && s[n] >= '0' && s[n] <= '9'; n++)
				v = v * 10 + (unsigned)(s[n] - '0');
			if (n != 4 || v > 255)
				return -1;
			ret[len++] = (uint8_t)v;
			s += 4;
		}
	}
	return len;
}

static bool put_string(struct wire_out *o, const char *s)
{
	uint8_t b[RRTEXT_MAX];
	int len = text_decode(s, b);

	if (len < 0 || len > 255)
		return false;
	wire_put_u8(o, (uint8_t)len);
	wire_put_bytes(o, b, (size_t)len);
	return true;
}

static bool put_raw(struct wire_out *o, const char *s)
{
	uint8_t b[RRTEXT_MAX];
	int len = text_decode(s, b);

	if (len > 0)
		wire_put_bytes(o, b, (size_t)len);
	return len >= 0;
}

static bool put_word(struct wire_out *o, const char *s, char kind)
{
	uint8_t addr[16];
	struct name name;
	uint32_t ttl;

	switch (kind) {
	case 'a':
		return inet_pton(AF_INET, s, addr) == 1 && (wire_put_bytes(o, addr, 4), true);
	case 'A':
		return inet_pton(AF_INET6, s, addr) == 1 && (wire_put_bytes(o, addr, 16), true);
	case 'n':
		return name_from_text(&name, s) == 0 && (wire_put_name(o, name.b), true);
	case 'N': /* never compressed */
		return name_from_text(&name, s) == 0 && (wire_put_name_plain(o, name.b), true);
	case 't':
		return ttl_parse(s, &ttl) && (wire_put_u32(o, ttl), true);
	case 's':
		return put_string(o, s);
	case 'r': /* the rest, raw */
		return put_raw(o, s);
	default:
		return put_number(o, s, kind - '0');
	}
}

/* One letter a word; a final + repeats the last. */
static const char *type_shape(uint16_t type)
{
	switch (type) {
	case DNS_A:
		return "a";
	case DNS_AAAA:
		return "A";
	case DNS_CNAME:
	case DNS_NS:
	case DNS_PTR:
		return "n";
	case DNS_DNAME:
		return "N";
	case DNS_MX:
		return "2n";
	case DNS_SRV:
		return "222N";
	case DNS_TXT:
		return "s+";
	case DNS_HINFO:
		return "ss";
	case DNS_SOA:
		return "nn4tttt";
	case DNS_NAPTR:
		return "22sssN";
	case CAA:
		return "1sr";
	default:
		return NULL;
	}
}

static bool put_generic(struct wire_out *o, const struct rrwords *w, unsigned i)
{
	char *end;
	unsigned long want = i < w->n ? strtoul(w->word[i], &end, 10) : 0, got = 0;

	if (i == w->n || *end) /* RFC 3597 section 5: the length always stands */
		return false;
	for (i++; i < w->n; i++)
		for (const char *s = w->word[i]; *s; s += 2, got++) {
			char hex[3] = {s[0], s[1], 0};
			unsigned long v = strtoul(hex, &end, 16);

			if (end != hex + 2)
				return false;
			wire_put_u8(o, (uint8_t)v);
		}
	return got == want;
}

static bool put_rdata(struct wire_out *o, const struct rrwords *w, const struct rrhead *h)
{
	const char *shape = type_shape(h->type);
	unsigned i = h->rdata;

	if (i < w->n && strcmp(w->word[i], "\\#") == 0)
		return put_generic(o, w, i + 1);
	if (!shape)
		return false;
	for (const char *k = shape; *k && *k != '+'; k++, i++)
		if (i >= w->n || !put_word(o, w->word[i], *k))
			return false;
	for (; i < w->n && strchr(shape, '+'); i++)
		if (!put_word(o, w->word[i], shape[0]))
			return false;
	return i == w->n;
}

bool rrtext_put(struct wire_out *o, const char *text)
{
	struct rrwords w;
	struct rrhead h;

	if (!words_split(&w, text) || !head_parse(&w, &h))
		return false;
	size_t mark = wire_rr_begin(o, h.owner.b, h.type, h.rclass, h.ttl_s);
	bool ok = put_rdata(o, &w, &h);

	wire_rr_end(o, mark);
	return ok;
}

uint16_t rrtext_type(const char *text)
{
	struct rrwords w;
	struct rrhead h;

	if (!words_split(&w, text) || !head_parse(&w, &h))
		return 0;
	return type_shape(h.type) || (h.rdata < w.n && strcmp(w.word[h.rdata], "\\#") == 0) ? h.type
											    : 0;
}
