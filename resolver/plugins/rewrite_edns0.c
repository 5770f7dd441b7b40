/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite edns0 local|nsid|subnet set|append|replace|unset ...: options of the
 * questions we send. EDNS is per hop (RFC 6891), so a client's own options never
 * go upstream and there is nothing to unset among them; `replace` acts when the
 * client sent that option.
 */
#include <stdlib.h>
#include <string.h>

#include "resolver/core/core.h"
#include "resolver/plugins/rewrite_edns0.h"

enum { EDNS_SUBNET = 8 };

/* --- when a question is asked --- */

static struct edns0_option *option_find(struct edns0_list *l, uint16_t code)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->opt[i].code == code)
			return &l->opt[i];
	return NULL;
}

static size_t address_put(const struct in6_addr *a, uint8_t *to)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(a);

	memcpy(to, a->s6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	return v4 ? 4 : 16;
}

/* RFC 7871 section 6: family, source and scope length, the prefix's octets. */
static size_t subnet_put(const struct rewrite_edns0 *e, const struct in6_addr *a, uint8_t *to)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(a);
	unsigned bits = v4 ? e->v4_bits : e->v6_bits;
	size_t n = (bits + 7) / 8;

	set_be16(to, v4 ? 1 : 2);
	to[2] = (uint8_t)bits;
	to[3] = 0;
	address_put(a, to + 4);
	if (bits % 8)
		to[4 + n - 1] &= (uint8_t)(0xff << (8 - bits % 8));
	return 4 + n;
}

/* The option's data; false: this question does not have it. */
static bool data_make(const struct rewrite_edns0 *e, const struct plugin_query *q,
		      struct edns0_option *o)
{
	const struct core_client *c = q->client;
	char name[NAME_MAX_TEXT];
	size_t n;

	if (!c && e->source != EDNS0_DATA && e->source != EDNS0_QNAME && e->source != EDNS0_QTYPE)
		return false;
	switch (e->source) {
	case EDNS0_DATA:
		if (e->len)
			memcpy(o->data, e->data, e->len);
		o->len = e->len;
		break;
	case EDNS0_QNAME:
		n = name_to_text(q->name.b, name, sizeof(name));
		if (n > sizeof(o->data))
			return false;
		memcpy(o->data, name, n);
		o->len = (uint8_t)n;
		break;
	case EDNS0_QTYPE:
		set_be16(o->data, q->qtype);
		o->len = 2;
		break;
	case EDNS0_CLIENT_IP:
		o->len = (uint8_t)address_put(&c->addr, o->data);
		break;
	case EDNS0_SERVER_IP:
		o->len = (uint8_t)address_put(&c->local, o->data);
		break;
	case EDNS0_CLIENT_PORT:
		set_be16(o->data, c->port);
		o->len = 2;
		break;
	case EDNS0_SERVER_PORT:
		set_be16(o->data, q->server_port);
		o->len = 2;
		break;
	case EDNS0_PROTOCOL:
		memcpy(o->data, c->proto == CORE_UDP ? "udp" : "tcp", 3);
		o->len = 3;
		break;
	case EDNS0_CLIENT_SUBNET:
		o->len = (uint8_t)subnet_put(e, &c->addr, o->data);
		break;
	}
	return true;
}

bool edns0_apply(const struct rewrite_edns0 *e, const struct plugin_query *q, struct edns0_list *l)
{
	struct edns0_option *o = option_find(l, e->code);
	uint16_t ignored;
	bool sent = q->edns && dns_edns_option(q->edns, e->code, &ignored);
	struct edns0_option fresh = {.code = e->code};

	if (e->action == EDNS0_UNSET) {
		if (o)
			*o = l->opt[--l->n];
		return o || sent;
	}
	if ((e->action == EDNS0_REPLACE && !o && !sent) ||
	    (e->action == EDNS0_APPEND && o && !e->is_local) || !data_make(e, q, &fresh))
		return false;
	if (!o || e->action == EDNS0_APPEND)
		o = l->n < EDNS0_OPTIONS_MAX ? &l->opt[l->n++] : NULL;
	if (o)
		*o = fresh;
	return o != NULL;
}

void edns0_put(const struct edns0_list *l, struct wire_out *o)
{
	for (size_t i = 0; i < l->n; i++) {
		wire_put_u16(o, l->opt[i].code);
		wire_put_u16(o, l->opt[i].len);
		wire_put_bytes(o, l->opt[i].data, l->opt[i].len);
	}
}

/* --- when the Corefile is read --- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static int data_read(struct cf_setup *s, const struct cf_token *t, struct rewrite_edns0 *e)
{
	const char *text = t->text;
	size_t n = strlen(text);
	bool hex = text[0] == '0' && text[1] == 'x';
	uint8_t buf[UINT8_MAX + 1] = {0}; /* an arena gives none for nothing: one more than is used */

	if (n > (hex ? 2 + 2 * UINT8_MAX : UINT8_MAX))
		return cf_error(s, t, "more than %d octets of option data", UINT8_MAX);
	if (hex && n % 2)
		return cf_error(s, t, "'%s' has half an octet: expected an even number of digits", text);
	for (size_t i = 2; hex && i < n; i += 2) {
		int a = hex_digit(text[i]), b = hex_digit(text[i + 1]);

		if (a < 0 || b < 0)
			return cf_error(s, t, "'%s' is not hexadecimal", text);
		buf[i / 2 - 1] = (uint8_t)(a << 4 | b);
	}
	if (!hex)
		memcpy(buf, text, n);
	e->len = (uint8_t)(hex ? (n - 2) / 2 : n);
	e->data = arena_copy(s->arena, buf, e->len + 1u);
	return e->data ? 0 : cf_nomem(s);
}

static const char *const variables[] = {"{qname}",     "{qtype}",       "{client_ip}",
					"{server_ip}", "{client_port}", "{server_port}",
					"{protocol}",  NULL}; /* enum edns0_source, from 1 */

static int local_read(struct cf_setup *s, const struct cf_token *tok, size_t n,
		      struct rewrite_edns0 *e)
{
	bool unset = e->action == EDNS0_UNSET;
	char *end;

	e->is_local = true;
	if (n != (unset ? 1u : 2u))
		return cf_error(s, n ? tok : tok - 1,
				unset ? "an edns0 local unset rule is: local unset CODE" :
					"an edns0 local rule is: local ACTION CODE DATA");
	unsigned long code = strtoul(tok[0].text, &end, 0);

	if (tok[0].text[0] < '0' || tok[0].text[0] > '9' || *end || code > UINT16_MAX)
		return cf_error(s, tok, "'%s' is not an option code: expected 0 to 65535 or 0x....",
				tok[0].text);
	if (code == EDNS_COOKIE)
		return cf_error(s, tok, "cookies (10) are the connection's own (RFC 7873)");
	e->code = (uint16_t)code;
	if (unset)
		return 0;
	size_t len = strlen(tok[1].text);

	if (len < 3 || tok[1].text[0] != '{' || tok[1].text[len - 1] != '}')
		return data_read(s, &tok[1], e);
	if (strchr(tok[1].text, '/')) {
		cf_warn(s, &tok[1], "'%s': there is no metadata here, the rule does nothing", tok[1].text);
		return ERR_UNSUPPORTED;
	}
	int k = cf_choice(s, &tok[1], "variable", variables);

	e->source = (enum edns0_source)(k + 1);
	return k < 0 ? ERR_SYNTAX : 0;
}

static int subnet_read(struct cf_setup *s, const struct cf_token *tok, size_t n,
		       struct rewrite_edns0 *e)
{
	uint64_t v4 = 0, v6 = 0;
	int err;

	e->code = EDNS_SUBNET;
	e->source = EDNS0_CLIENT_SUBNET;
	if (e->action == EDNS0_UNSET && n == 0)
		return 0;
	if (e->action == EDNS0_UNSET || n != 2)
		return cf_error(s, n ? tok : tok - 1,
				"an edns0 subnet rule is: subnet ACTION V4BITS V6BITS, or subnet unset");
	err = cf_number(s, &tok[0], 0, 32, &v4);
	if (err == 0)
		err = cf_number(s, &tok[1], 0, 128, &v6);
	e->v4_bits = (uint8_t)v4;
	e->v6_bits = (uint8_t)v6;
	return err;
}

int edns0_read(struct cf_setup *s, const struct cf_token *tok, size_t n, struct rewrite_edns0 *e)
{
	static const char *const kinds[] = {"local", "nsid", "subnet", NULL};
	static const char *const actions[] = {"set", "append", "replace", "unset", NULL};
	int kind, action, err = 0;

	if (n < 2)
		return cf_error(s, &tok[-1], "an edns0 rule is: edns0 local|nsid|subnet "
					     "set|append|replace|unset ...");
	kind = cf_choice(s, &tok[0], "kind of option", kinds);
	action = cf_choice(s, &tok[1], "action", actions);
	if (kind < 0 || action < 0)
		return ERR_SYNTAX;
	e->action = (enum edns0_action)action;
	if (n > 2 && strcasecmp(tok[n - 1].text, "revert") == 0)
		n--; /* what an upstream's OPT says stays between it and us in any case */
	if (kind == 0) {
		err = local_read(s, tok + 2, n - 2, e);
	} else if (kind == 2) {
		err = subnet_read(s, tok + 2, n - 2, e);
	} else {
		e->code = EDNS_NSID;
		if (n > 2)
			err = cf_error(s, &tok[2], "unexpected '%s': edns0 nsid takes no data",
				       tok[2].text);
	}
	if (err == 0 && action != EDNS0_UNSET &&
	    (e->source == EDNS0_CLIENT_SUBNET || e->source == EDNS0_CLIENT_IP ||
	     e->source == EDNS0_CLIENT_PORT))
		cf_warn(s, &tok[0], "answers are kept for all clients alike, whatever this option says "
				    "of the first that asked");
	return err;
}
