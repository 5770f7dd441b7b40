/* SPDX-License-Identifier: Apache-2.0 */
/* getaddrinfo's answer beside the zone's, name by name. */
#include "kind-e2e/load/gai.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/dns/wire.h"

#define ADDRS_MAX 64
#define ASKS_MAX 32
#define QUERY_MAX 300

struct addr_set {
	size_t n;
	struct {
		uint8_t len, b[16];
	} a[ADDRS_MAX];
};

static bool set_has(const struct addr_set *s, const void *b, size_t len)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->a[i].len == len && !memcmp(s->a[i].b, b, len))
			return true;
	return false;
}

static void set_add(struct addr_set *s, const void *b, size_t len)
{
	if (s->n == ADDRS_MAX || set_has(s, b, len))
		return;
	s->a[s->n].len = (uint8_t)len;
	memcpy(s->a[s->n++].b, b, len);
}

static bool set_eq(const struct addr_set *x, const struct addr_set *y)
{
	if (x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (!set_has(y, x->a[i].b, x->a[i].len))
			return false;
	return true;
}

/* --- what the zone says ------------------------------------------------------------ */

static void zone_addrs(const struct zone *z, const struct name *name, uint16_t qtype,
		       struct addr_set *s)
{
	static uint8_t reply[DNS_MSG_MAX];
	uint8_t query[QUERY_MAX];
	size_t len =
		dns_query_build(query, sizeof query, 1, name->b, qtype, DNS_RD, 0, false, false);
	struct dns_msg m;
	struct dns_rr rr;
	struct wire w;

	len = zone_reply(z, "", query, len, true, reply, sizeof reply);
	if (!len || dns_msg_parse(&m, reply, len))
		return;
	wire_init(&w, reply, len);
	w.off = m.answer_off;
	for (unsigned i = 0; i < m.h.n_an && !w.err; i++) {
		wire_rr(&w, &rr);
		if (!w.err && rr.type == qtype)
			set_add(s, reply + rr.rdata_off, rr.rdlen);
	}
}

static bool candidate(const struct zone *z, const char *head, const char *tail, struct addr_set *s)
{
	char text[NAME_MAX_TEXT];
	struct name name;

	snprintf(text, sizeof text, "%s%s%s", head, *tail ? "." : "", tail);
	if (name_from_text(&name, text))
		return false;
	zone_addrs(z, &name, DNS_A, s);
	zone_addrs(z, &name, DNS_AAAA, s);
	return s->n > 0;
}

static size_t n_search(const struct gai_conf *c)
{
	return c->search ? c->n_search : c->s->n_search;
}

static const char *const *search(const struct gai_conf *c)
{
	return c->search ? c->search : c->s->search;
}

/* resolv.conf(5): the search list, with the bare name first when it has ndots
 * dots or more, and alone when it ends in one. */
static void expect(const struct gai_conf *c, const char *name, struct addr_set *s)
{
	size_t len = strlen(name);
	unsigned dots = 0;

	for (const char *at = name; *at; at++)
		dots += *at == '.';
	if (len && name[len - 1] == '.') {
		candidate(c->zone, name, "", s);
		return;
	}
	if (dots >= c->s->ndots && candidate(c->zone, name, "", s))
		return;
	for (size_t i = 0; i < n_search(c); i++)
		if (candidate(c->zone, name, search(c)[i], s))
			return;
	if (dots < c->s->ndots)
		candidate(c->zone, name, "", s);
}

/* --- what libc says ------------------------------------------------------------------ */

static const char *ask_libc(const char *name, struct addr_set *s)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(name, NULL, &hints, &list);

	if (rc == EAI_NONAME || rc == EAI_NODATA)
		return NULL;
	if (rc)
		return gai_strerror(rc);
	for (struct addrinfo *a = list; a; a = a->ai_next) {
		if (a->ai_family == AF_INET)
			set_add(s, &((struct sockaddr_in *)a->ai_addr)->sin_addr, 4);
		else if (a->ai_family == AF_INET6)
			set_add(s, &((struct sockaddr_in6 *)a->ai_addr)->sin6_addr, 16);
	}
	freeaddrinfo(list);
	return NULL;
}

static void check_name(const struct gai_conf *c, const char *name)
{
	struct addr_set want = {0}, got = {0};
	const char *failed;

	expect(c, name, &want);
	failed = ask_libc(name, &got);
	c->shared->asked++;
	if (!failed && set_eq(&want, &got)) {
		c->shared->right++;
	} else if (!c->shared->why_wrong[0]) {
		if (failed)
			snprintf(c->shared->why_wrong, sizeof c->shared->why_wrong, "%s: %s", name,
				 failed);
		else
			snprintf(c->shared->why_wrong, sizeof c->shared->why_wrong,
				 "%s: %zu addresses, the zone has %zu", name, got.n, want.n);
	}
}

int gai_main(const struct gai_conf *c)
{
	char text[2400], ip[ADDR_TEXT];
	struct diag d = {""};
	size_t n = 0;

	n = (size_t)snprintf(text, sizeof text, "nameserver %s\nsearch",
			     addr_str(&c->server_ip, ip));
	for (size_t i = 0; i < n_search(c) && n < sizeof text; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, " %s", search(c)[i]);
	if (n < sizeof text)
		snprintf(text + n, sizeof text - n, "\noptions ndots:%u\n", c->s->ndots);
	if (resolv_conf_replace(text, &d)) {
		fprintf(stderr, "kind-e2e: getaddrinfo check: %s\n", d.text);
		return 125;
	}
	for (size_t i = 0; !c->only && i < c->s->n_asks && i < ASKS_MAX; i++)
		check_name(c, c->s->ask[i].name);
	if (c->only)
		check_name(c, c->only);
	return 0;
}
