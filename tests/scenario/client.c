/* SPDX-License-Identifier: Apache-2.0 */
/* What clients do: ask, flood, fill, raw. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/msg.h"
#include "lib/record/qstream.h"
#include "lib/dns/wire.h"
#include "tests/scenario/act.h"
#include "tests/scenario/disturb.h"

void query_give(struct world *w, struct asked *a, struct core_client *c)
{
	static uint8_t out[DNS_MSG_MAX];
	size_t len = 0;

	c->cookie = (uint64_t)(a - w->asked);
	if (w->disturb && w->disturb->n_setups && c->listener >= w->disturb->n_listeners)
		c->listener = 0; /* as it is configured now */
	switch (driver_query(&w->d, c, a->bytes, a->len, out, &len)) {
	case CORE_REPLY:
		reply_check(w, a, out, len);
		said_add(w, a->name, out, len);
		break;
	case CORE_DROP:
		said_add(w, a->name, out, 0);
		break;
	case CORE_WAIT:
		break;
	}
}

struct query_words {
	struct name name;
	uint16_t type, qclass, flags, size, pad;
	uint8_t version, cookie[64], ecs[32];
	size_t cookie_len, ecs_len;
	bool edns, do_bit, nsid, keepalive;
};

#define PAD_MAX 3700u /* with the longest name still below sizeof(asked.bytes) */

static void option_put(struct wire_out *o, uint16_t code, const uint8_t *data, size_t len)
{
	wire_put_u16(o, code);
	wire_put_u16(o, (uint16_t)len);
	wire_put_bytes(o, data, len);
}

static void query_build(struct asked *a, const struct query_words *q, uint16_t id)
{
	static const uint8_t zeros[PAD_MAX];
	struct dns_header h = {.id = id, .flags = q->flags, .n_qd = 1, .n_ar = q->edns};
	struct wire_out o;

	wire_out_init(&o, a->bytes, sizeof(a->bytes));
	wire_put_header(&o, &h);
	wire_put_question(&o, q->name.b, q->type, q->qclass);
	if (q->edns) {
		size_t mark = wire_opt_begin(&o, q->size, 0, q->version, q->do_bit);

		if (q->nsid)
			option_put(&o, EDNS_NSID, NULL, 0);
		if (q->cookie_len)
			option_put(&o, EDNS_COOKIE, q->cookie, q->cookie_len);
		if (q->ecs_len)
			option_put(&o, 8, q->ecs, q->ecs_len); /* RFC 7871 */
		if (q->keepalive)
			option_put(&o, EDNS_KEEPALIVE, NULL, 0);
		if (q->pad)
			option_put(&o, EDNS_PADDING, zeros, q->pad);
		wire_opt_end(&o, mark);
	}
	a->len = o.len;
	a->is_raw = false;
}

static uint16_t pad_word(struct script *s)
{
	uint64_t n = number_next(s, "octets");

	if (n <= PAD_MAX)
		return (uint16_t)n;
	script_fail(s, "a padding of more than %u octets", PAD_MAX);
	return 0;
}

static void client_init(struct core_client *c)
{
	memset(c, 0, sizeof(*c));
	qs_ip_from_text(&c->addr, "10.244.1.5");
	qs_ip_from_text(&c->local, "169.254.20.10");
	c->port = 40000;
}

static bool query_word(struct script *s, struct query_words *q, struct core_client *c)
{
	if (word_is(s, "do"))
		q->edns = q->do_bit = true;
	else if (word_is(s, "cd"))
		q->flags |= DNS_CD;
	else if (word_is(s, "ad"))
		q->flags |= DNS_AD;
	else if (word_is(s, "nord"))
		q->flags &= (uint16_t)~DNS_RD;
	else if (word_is(s, "opcode"))
		q->flags |= (uint16_t)(number_next(s, "opcode") << 11);
	else if (word_is(s, "tcp"))
		c->proto = CORE_TCP;
	else if (word_is(s, "class"))
		q->qclass = (uint16_t)number_next(s, "class");
	else if (word_is(s, "listener"))
		c->listener = (uint8_t)number_next(s, "listener");
	else if (word_is(s, "from"))
		qs_ip_from_text(&c->addr, word_next(s, "an address"));
	else if (word_is(s, "edns"))
		q->edns = true, q->size = (uint16_t)number_next(s, "size");
	else if (word_is(s, "version"))
		q->edns = true, q->version = (uint8_t)number_next(s, "version");
	else if (word_is(s, "pad"))
		q->edns = true, q->pad = pad_word(s);
	else if (word_is(s, "nsid"))
		q->edns = q->nsid = true;
	else if (word_is(s, "keepalive"))
		q->edns = q->keepalive = true, c->keepalive_ds = (uint16_t)number_next(s, "tenths of a second");
	else if (word_is(s, "ecs"))
		q->edns = true, q->ecs_len = hex_read(s, word_next(s, "hex"), q->ecs, sizeof(q->ecs));
	else if (word_is(s, "cookie"))
		q->edns = true,
		q->cookie_len = hex_read(s, word_next(s, "hex"), q->cookie, sizeof(q->cookie));
	else
		return false;
	return true;
}

void act_ask(struct world *w)
{
	struct script *s = &w->s;
	struct asked *a = asked_by_name(w, word_next(s, "a client"));
	struct query_words q = {.qclass = DNS_IN, .flags = DNS_RD, .size = 1232};
	static uint16_t id = 1000;
	struct core_client c;

	client_init(&c);
	q.name = name_word(s, "a name");
	q.type = type_word(s);
	while (word_left(s)) {
		if (!query_word(s, &q, &c)) {
			script_fail(s, "unknown word '%s' for a query", s->word[s->at]);
			return;
		}
	}
	query_build(a, &q, ++id);
	query_give(w, a, &c);
}

void act_flood(struct world *w)
{
	struct script *s = &w->s;
	uint64_t n = number_next(s, "how many");
	const char *pattern = word_next(s, "a name"), *percent = strchr(pattern, '%');
	struct query_words q = {.qclass = DNS_IN, .flags = DNS_RD};
	struct core_client c;
	uint16_t rcode = 0;
	char text[256];

	client_init(&c);
	q.type = type_word(s);
	dns_rcode_from_str(word_next(s, "an rcode"), &rcode);
	for (uint64_t i = 0; i < n && percent && !s->failed; i++) {
		struct asked *a = asked_by_name(w, "flood");
		size_t before = w->n_said;

		snprintf(text, sizeof(text), "%.*s%lu%s", (int)(percent - pattern), pattern,
			 (unsigned long)i, percent + 1);
		name_from_text(&q.name, text);
		query_build(a, &q, (uint16_t)i);
		query_give(w, a, &c);
		if (w->n_said == before || (w->said[before].bytes[3] & 15) != rcode) {
			script_fail(s, "%s was not answered at once as it should", text);
			return;
		}
		free(w->said[before].bytes);
		w->n_said = before;
	}
}

static void address_next(struct in6_addr *a)
{
	for (unsigned i = 15; i > 0 && ++a->s6_addr[i] == 0; i--)
		;
}

void act_fill(struct world *w)
{
	struct script *s = &w->s;
	struct asked *a = asked_by_name(w, word_next(s, "a client"));
	uint64_t n = number_next(s, "how many");
	const char *pattern = word_next(s, "a name"), *percent = strchr(pattern, '%');
	struct query_words q = {.qclass = DNS_IN, .flags = DNS_RD, .edns = true, .size = 1232};
	struct core_client c;
	bool spread;
	char text[256];

	client_init(&c);
	q.type = type_word(s);
	if (word_is(s, "from"))
		qs_ip_from_text(&c.addr, word_next(s, "an address"));
	if (word_is(s, "tcp"))
		c.proto = CORE_TCP;
	spread = word_is(s, "spread");
	for (uint64_t i = 0; i < n && !s->failed; i++) {
		snprintf(text, sizeof(text), "%s", pattern);
		if (percent)
			snprintf(text, sizeof(text), "%.*s%lu%s", (int)(percent - pattern), pattern,
				 (unsigned long)i, percent + 1);
		name_from_text(&q.name, text);
		query_build(a, &q, 7);
		a->is_raw = true; /* replies may be to any of them */
		query_give(w, a, &c);
		if (spread)
			address_next(&c.addr);
	}
}

void act_raw(struct world *w)
{
	struct script *s = &w->s;
	struct asked *a = asked_by_name(w, word_next(s, "a client"));
	struct core_client c;

	client_init(&c);
	a->is_raw = true;
	a->len = 0;
	while (word_left(s)) {
		if (word_is(s, "tcp"))
			c.proto = CORE_TCP;
		else
			a->len += hex_read(s, word_next(s, "hex"), a->bytes + a->len,
					   sizeof(a->bytes) - a->len);
	}
	query_give(w, a, &c);
}
