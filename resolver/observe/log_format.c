/* SPDX-License-Identifier: Apache-2.0 */
/* A format becomes a list of pieces: plain text, or a function that prints. */
#include "resolver/observe/log_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/corefile/corefile.h"
#include "resolver/net/sockaddr.h"

struct text { /* always room for a NUL */
	char *b;
	size_t cap, len;
};

static void put(struct text *t, const char *s, size_t n)
{
	size_t room = t->cap - t->len - 1;

	if (n > room)
		n = room;
	memcpy(t->b + t->len, s, n);
	t->len += n;
}

static void put_str(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

static void put_number(struct text *t, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + v % 10);
	while (v /= 10);
	put(t, digits + at, sizeof(digits) - at);
}

/* --- who and how --- */

static void put_addr(struct text *t, const struct in6_addr *a)
{
	char full[SOCKADDR_TEXT];

	sockaddr_text(full, a, 0);
	put(t, full, (size_t)(strrchr(full, ':') - full)); /* IPv6 stays in brackets */
}

static void fill_remote(struct text *t, struct log_facts *f)
{
	put_addr(t, &f->client->addr);
}

static void fill_local(struct text *t, struct log_facts *f)
{
	put_addr(t, &f->client->local);
}

static void fill_port(struct text *t, struct log_facts *f)
{
	put_number(t, f->client->port);
}

static void fill_proto(struct text *t, struct log_facts *f)
{
	put_str(t, f->client->proto == CORE_UDP ? "udp" : "tcp");
}

/* --- the query --- */

static void fill_id(struct text *t, struct log_facts *f)
{
	put_number(t, f->q.h.id);
}

static void fill_opcode(struct text *t, struct log_facts *f)
{
	put_number(t, DNS_OPCODE(f->q.h.flags));
}

static void fill_size(struct text *t, struct log_facts *f)
{
	put_number(t, f->done->query_len);
}

static void fill_type(struct text *t, struct log_facts *f)
{
	char buf[16];

	put_str(t, dns_type_str(f->q.q.qtype, buf));
}

static void fill_class(struct text *t, struct log_facts *f)
{
	char buf[16];

	put_str(t, dns_class_str(f->q.q.qclass, buf));
}

/* Characters that mean something in master files or could end a quoted field
 * get a backslash, as in the original: name_to_text gives it to all but one. */
static void fill_name(struct text *t, struct log_facts *f)
{
	uint8_t lower[NAME_MAX_WIRE];
	char text[NAME_MAX_TEXT];

	name_lower(lower, f->q.q.name);
	name_to_text(lower, text, sizeof(text));
	for (const char *s = text; *s;) {
		size_t plain = strcspn(s, "'");

		put(t, s, plain);
		s += plain;
		if (*s) {
			put(t, "\\", 1);
			put(t, s++, 1);
		}
	}
}

static void fill_do(struct text *t, struct log_facts *f)
{
	put_str(t, f->q.edns.do_bit ? "true" : "false");
}

static void fill_bufsize(struct text *t, struct log_facts *f)
{
	if (f->client->proto != CORE_UDP)
		put_number(t, DNS_MSG_MAX);
	else
		put_number(t, f->q.edns.udp_size > 512 ? f->q.edns.udp_size : 512);
}

/* --- the reply --- */

static void fill_rcode(struct text *t, struct log_facts *f)
{
	char buf[16];

	put_str(t, dns_rcode_str(f->r.rcode, buf));
}

static void fill_rflags(struct text *t, struct log_facts *f)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} of[] = {{DNS_QR, "qr"}, {DNS_AA, "aa"}, {DNS_TC, "tc"}, {DNS_RD, "rd"},
		  {DNS_RA, "ra"}, {DNS_Z, "z"},	  {DNS_AD, "ad"}, {DNS_CD, "cd"}};
	const char *comma = "";

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		if (!(f->r.h.flags & of[i].bit))
			continue;
		put_str(t, comma);
		put_str(t, of[i].name);
		comma = ",";
	}
}

static void fill_rsize(struct text *t, struct log_facts *f)
{
	put_number(t, f->done->reply_len);
}

/* Seconds, with as many decimals as they have. */
static void fill_duration(struct text *t, struct log_facts *f)
{
	char frac[10];
	size_t n = 9;
	uint64_t rest = f->took_ns % NS_PER_S;

	put_number(t, f->took_ns / NS_PER_S);
	if (rest) {
		snprintf(frac, sizeof(frac), "%09u", (unsigned)rest);
		while (frac[n - 1] == '0')
			n--;
		put(t, ".", 1);
		put(t, frac, n);
	}
	put(t, "s", 1);
}

static void fill_log_class(struct text *t, struct log_facts *f)
{
	const char *type;
	unsigned c = log_class_of(f->done->reply, f->done->reply_len, &type);

	put_str(t, c == COREFILE_LOG_SUCCESS  ? "success"
		   : c == COREFILE_LOG_DENIAL ? "denial"
					      : "error");
}

static void fill_log_type(struct text *t, struct log_facts *f)
{
	const char *type;

	log_class_of(f->done->reply, f->done->reply_len, &type);
	put_str(t, type);
}

static void fill_upstream(struct text *t, struct log_facts *f)
{
	put_str(t, f->upstream ? f->upstream : "-");
}

/* --- formats --- */

enum needs { NEEDS_NOTHING, NEEDS_CLIENT, NEEDS_HEADER, NEEDS_QUESTION, NEEDS_REPLY };

struct token {
	const char *name;
	enum needs needs; /* what must be there; otherwise "-" */
	void (*fill)(struct text *t, struct log_facts *f);
};

static const struct token tokens[] = {
	{"{remote}", NEEDS_CLIENT, fill_remote},
	{"{local}", NEEDS_CLIENT, fill_local},
	{"{port}", NEEDS_CLIENT, fill_port},
	{"{proto}", NEEDS_CLIENT, fill_proto},
	{"{size}", NEEDS_CLIENT, fill_size},
	{"{>id}", NEEDS_HEADER, fill_id},
	{"{>opcode}", NEEDS_HEADER, fill_opcode},
	{"{type}", NEEDS_QUESTION, fill_type},
	{"{class}", NEEDS_QUESTION, fill_class},
	{"{name}", NEEDS_QUESTION, fill_name},
	{"{>do}", NEEDS_QUESTION, fill_do},
	{"{>bufsize}", NEEDS_QUESTION, fill_bufsize},
	{"{rcode}", NEEDS_REPLY, fill_rcode},
	{"{>rflags}", NEEDS_REPLY, fill_rflags},
	{"{rsize}", NEEDS_REPLY, fill_rsize},
	{"{duration}", NEEDS_REPLY, fill_duration},
	{"{/log/class}", NEEDS_REPLY, fill_log_class},
	{"{/log/type}", NEEDS_REPLY, fill_log_type},
	{"{/forward/upstream}", NEEDS_NOTHING, fill_upstream},
};
static const struct token unknown_label = {"{/", NEEDS_REPLY, NULL};

struct piece {
	const struct token *token; /* NULL: plain text */
	const char *text;
	size_t len;
};
struct log_format {
	size_t n;
	char *text;
	struct piece piece[];
};

static const struct token *token_find(const char *open, size_t len)
{
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		if (strlen(tokens[i].name) == len && memcmp(tokens[i].name, open, len) == 0)
			return &tokens[i];
	return len > 2 && open[1] == '/' ? &unknown_label : NULL;
}

static void plain_add(struct log_format *f, const char *text, size_t len)
{
	if (len)
		f->piece[f->n++] = (struct piece){NULL, text, len};
}

int log_format_new(struct log_format **ret, const char *text)
{
	size_t n_max = 1;

	for (const char *s = text; (s = strchr(s, '{')); s++)
		n_max += 2;
	struct log_format *f = calloc(1, sizeof(*f) + n_max * sizeof(f->piece[0]));
	char *copy = strdup(text);

	if (!f || !copy) {
		free(f);
		free(copy);
		return ERR_NOMEM;
	}
	f->text = copy;
	const char *plain = copy, *close;

	/* From each closing brace back to the nearest opening one: "{ {name} }". */
	for (const char *s = copy; (close = strchr(s, '}')); s = close + 1) {
		const char *open = memrchr(s, '{', (size_t)(close - s));
		const struct token *t = open ? token_find(open, (size_t)(close + 1 - open)) : NULL;

		if (!t)
			continue;
		plain_add(f, plain, (size_t)(open - plain));
		f->piece[f->n++] = (struct piece){.token = t};
		plain = close + 1;
	}
	plain_add(f, plain, strlen(plain));
	*ret = f;
	return 0;
}

void log_format_free(struct log_format *f)
{
	if (!f)
		return;
	free(f->text);
	free(f);
}

static void facts_read(struct log_facts *f)
{
	const struct core_done *d = f->done;

	f->is_read = true;
	f->has_q =
		f->client && dns_msg_parse(&f->q, d->query, d->query_len) == 0 && f->q.h.n_qd > 0;
	f->has_r = d->reply_len && dns_msg_parse(&f->r, d->reply, d->reply_len) == 0;
}

static bool facts_have(const struct log_facts *f, enum needs n)
{
	switch (n) {
	case NEEDS_CLIENT:
		return f->client;
	case NEEDS_HEADER:
		return f->client && f->done->query_len >= DNS_HEADER_LEN;
	case NEEDS_QUESTION:
		return f->has_q;
	case NEEDS_REPLY:
		return f->has_r;
	default:
		return true;
	}
}

size_t log_format_print(const struct log_format *f, struct log_facts *facts, char *buf, size_t cap)
{
	struct text t = {buf, cap, 0};

	if (!facts->is_read)
		facts_read(facts);
	for (size_t i = 0; i < f->n; i++) {
		const struct piece *p = &f->piece[i];

		if (!p->token)
			put(&t, p->text, p->len);
		else if (p->token->fill && facts_have(facts, p->token->needs))
			p->token->fill(&t, facts);
		else
			put(&t, "-", 1);
	}
	buf[t.len] = 0;
	return t.len;
}
