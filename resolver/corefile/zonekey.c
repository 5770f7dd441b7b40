/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server block keys: [scheme://]zone[:port], where the zone may be a CIDR block
 * that stands for reverse zones. A mask that does not end at a label's border
 * gives several zones: 10.0.0.0/9 is 128 of them.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/corefile/compile.h"

static int zone_push(struct cf_setup *s, const struct name *zone, struct name **list, size_t *n)
{
	if (*n >= CORE_ZONES_MAX)
		return ERR_LIMIT;
	struct name *slot = arena_push(s->arena, list, n, sizeof(*slot));

	if (!slot)
		return cf_nomem(s);
	*slot = *zone;
	return 0;
}

/* The reverse zone of the first `n_labels` octets (v4) or nibbles (v6). */
static const char *reverse_text(struct arena *a, const uint8_t *addr, bool v4, unsigned n_labels)
{
	const char *text = v4 ? "in-addr.arpa." : "ip6.arpa.";

	for (unsigned i = 0; i < n_labels && text; i++) {
		unsigned nibble = i % 2 ? addr[i / 2] & 15 : addr[i / 2] >> 4;

		text = v4 ? arena_printf(a, "%u.%s", addr[i], text)
			  : arena_printf(a, "%x.%s", nibble, text);
	}
	return text;
}

static int zone_reverse(struct cf_setup *s, const struct cf_token *t, const struct in6_addr *net,
			unsigned bits, struct name **list, size_t *n)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(net) && bits >= 96;
	unsigned step = v4 ? 8 : 4, own = v4 ? bits - 96 : bits;
	unsigned n_labels = (own + step - 1) / step, spare = n_labels * step - own;
	uint8_t a[16];
	struct name zone;

	memcpy(a, v4 ? net->s6_addr + 12 : net->s6_addr, v4 ? 4 : 16);
	for (unsigned i = 0; i < 1u << spare; i++) {
		if (n_labels && spare) { /* the last label runs through what the mask leaves open */
			unsigned at = v4 ? n_labels - 1 : (n_labels - 1) / 2;
			unsigned shift = v4 || n_labels % 2 == 0 ? 0 : 4;
			unsigned mask = ((1u << spare) - 1) << shift;

			a[at] = (uint8_t)((a[at] & ~mask) | i << shift);
		}
		const char *text = reverse_text(s->arena, a, v4, n_labels);

		if (!text || name_from_text(&zone, text) != 0)
			return cf_nomem(s);
		int err = zone_push(s, &zone, list, n);

		if (err == ERR_LIMIT)
			return cf_error(s, t, "'%s' gives more than %d zones", t->text,
					CORE_ZONES_MAX);
		if (err)
			return err;
	}
	return 0;
}

static int zone_of_text(struct cf_setup *s, const struct cf_token *t, const char *text,
			struct name **list, size_t *n)
{
	struct in6_addr net;
	struct name zone;
	unsigned bits;

	if (strchr(text, '/') && cf_parse_cidr(text, &net, &bits))
		return zone_reverse(s, t, &net, bits, list, n);
	struct cf_token name = *t;

	name.text = text;
	int err = cf_name(s, &name, &zone);

	if (err == 0 && strchr(text, '/'))
		cf_warn(s, t, "'%s' is not a CIDR block and is taken as a name", text);
	if (err == 0)
		err = zone_push(s, &zone, list, n);
	return err == ERR_LIMIT ? cf_error(s, t, "more than %d zones", CORE_ZONES_MAX) : err;
}

int cf_zone(struct cf_setup *s, const struct cf_token *t, struct name **list, size_t *n)
{
	return zone_of_text(s, t, t->text, list, n);
}

int cf_zones(struct cf_setup *s, const struct cf_token *t, size_t n_tokens, struct name **list,
	     size_t *n)
{
	int err = 0;

	for (size_t i = 0; i < n_tokens && err == 0; i++)
		err = cf_zone(s, &t[i], list, n);
	return err;
}

static const char *const other_scheme[] = {"tls://",	"grpc://", "https://",
					   "https3://", "quic://", NULL};

/* Everything after the last colon is a port when it is a number; "::1/128" has none. */
static int key_split_port(struct cf_setup *s, const struct cf_token *t, const char *text,
			  const char **ret_zone, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':');
	char *end;

	*ret_zone = text;
	if (!colon)
		return 0;
	if (colon[1] == 0)
		return cf_error(s, t, "expecting data after last colon: '%s'", t->text);
	unsigned long port = strtoul(colon + 1, &end, 10);

	if (*end || colon[1] < '0' || colon[1] > '9') {
		if (strchr(text, '/') || colon != strchr(text, ':'))
			return 0;
		return cf_error(s, t, "'%s' is not a port in '%s': expected zone[:port]", colon + 1,
				t->text);
	}
	if (port < 1 || port > 65535)
		return cf_error(s, t, "port %s is out of range: expected 1 to 65535", colon + 1);
	*ret_port = (uint16_t)port;
	*ret_zone = arena_strn(s->arena, text, (size_t)(colon - text));
	return *ret_zone ? 0 : cf_nomem(s);
}

static int key_add(struct cf_setup *s, struct cf_block *b, const struct cf_token *t,
		   const char *zone, uint16_t port)
{
	struct name *names = NULL;
	size_t n = 0, n_ports = b->n_names, n_keys = b->n_names;
	int err = zone_of_text(s, t, zone, &names, &n);

	for (size_t i = 0; i < n && err == 0; i++) {
		uint16_t *p = arena_push(s->arena, &b->port, &n_ports, sizeof(*p));
		struct cf_token *k = arena_push(s->arena, &b->key, &n_keys, sizeof(*k));

		err = p && k ? zone_push(s, &names[i], &b->name, &b->n_names) : cf_nomem(s);
		if (err == ERR_LIMIT)
			return cf_error(s, t, "more than %d zones", CORE_ZONES_MAX);
		if (err)
			return err;
		*p = port;
		*k = *t;
	}
	return err;
}

int cf_key(struct cf_setup *s, struct cf_block *b, const struct cf_token *t)
{
	const char *text = t->text, *zone;
	uint16_t port = s->env->dns_port;

	for (size_t i = 0; other_scheme[i]; i++)
		if (strncmp(text, other_scheme[i], strlen(other_scheme[i])) == 0)
			return cf_error(s, t, "'%s': only dns:// is served here (UDP and TCP)",
					t->text);
	if (strncmp(text, "dns://", 6) == 0)
		text += 6;
	else if (strstr(text, "://"))
		return cf_error(s, t, "unknown scheme in '%s': expected dns://", t->text);
	int err = key_split_port(s, t, text, &zone, &port);

	return err ? err : key_add(s, b, t, zone[0] ? zone : ".", port);
}
