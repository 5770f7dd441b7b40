/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a Corefile to values: numbers, durations, names, addresses. */
#include "resolver/corefile/setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/opt.h"
#include "resolver/corefile/report.h"

static bool digits_parse(const char *s, uint64_t *ret)
{
	char *end;

	if (s[0] < '0' || s[0] > '9')
		return false;
	errno = 0;
	unsigned long long v = strtoull(s, &end, 10);

	if (errno || *end)
		return false;
	*ret = v;
	return true;
}

int cf_number(struct cf_setup *s, const struct cf_token *t, uint64_t min, uint64_t max,
	      uint64_t *ret)
{
	uint64_t v;

	if (!digits_parse(t->text, &v))
		return cf_error(s, t, "'%s' is not a number: expected %llu to %llu", t->text,
				(unsigned long long)min, (unsigned long long)max);
	if (v < min || v > max)
		return cf_error(s, t, "%s is out of range: expected %llu to %llu", t->text,
				(unsigned long long)min, (unsigned long long)max);
	*ret = v;
	return 0;
}

int cf_duration(struct cf_setup *s, const struct cf_token *t, uint64_t bare_unit_ns,
		uint64_t min_ns, uint64_t max_ns, uint64_t *ret_ns)
{
	uint64_t v;

	if (strcmp(t->text, "0") == 0)
		v = 0;
	else if (opt_duration(t->text, bare_unit_ns, &v) != 0)
		return cf_error(
			s, t,
			"'%s' is not a duration: expected a number with its unit, as 5s or 250ms",
			t->text);
	if (v < min_ns || v > max_ns)
		return cf_error(s, t, "%s is out of range: expected %llums to %llus", t->text,
				(unsigned long long)(min_ns / NS_PER_MS),
				(unsigned long long)(max_ns / NS_PER_S));
	*ret_ns = v;
	return 0;
}

int cf_name(struct cf_setup *s, const struct cf_token *t, struct name *ret)
{
	struct name n;

	if (name_from_text(&n, t->text[0] ? t->text : ".") != 0)
		return cf_error(s, t, "'%s' is not a valid domain name", t->text);
	name_lower(n.b, n.b);
	*ret = n;
	return 0;
}

int cf_rcode(struct cf_setup *s, const struct cf_token *t, uint16_t *ret)
{
	if (dns_rcode_from_str(t->text, ret) != 0)
		return cf_error(s, t,
				"'%s' is not a response code: expected one like NOERROR, NXDOMAIN, "
				"SERVFAIL, REFUSED",
				t->text);
	return 0;
}

int cf_type(struct cf_setup *s, const struct cf_token *t, uint16_t *ret)
{
	if (dns_type_from_str(t->text, ret) != 0)
		return cf_error(s, t,
				"'%s' is not a record type: expected one like A, AAAA, PTR, ANY",
				t->text);
	return 0;
}

bool cf_parse_ip(const char *text, struct in6_addr *ret, uint32_t *ret_scope)
{
	struct in_addr v4;
	char buf[INET6_ADDRSTRLEN];
	const char *zone = strchr(text, '%');
	size_t n = zone ? (size_t)(zone - text) : strlen(text);
	uint32_t scope = 0;

	if (n >= sizeof(buf))
		return false;
	memcpy(buf, text, n);
	buf[n] = 0;
	if (!zone && inet_pton(AF_INET, buf, &v4) == 1) {
		static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

		memcpy(ret->s6_addr, mapped, 12);
		memcpy(ret->s6_addr + 12, &v4, 4);
	} else {
		struct in6_addr v6;

		if (inet_pton(AF_INET6, buf, &v6) != 1)
			return false;
		if (zone && zone[1] == 0)
			return false;
		if (zone)
			scope = zone[1] >= '0' && zone[1] <= '9'
					? (uint32_t)strtoul(zone + 1, NULL, 10)
					: if_nametoindex(zone + 1);
		*ret = v6;
	}
	if (ret_scope)
		*ret_scope = scope;
	return true;
}

bool cf_parse_ip_port(const char *text, uint16_t default_port, struct in6_addr *ret,
		      uint16_t *ret_port, uint32_t *ret_scope)
{
	char buf[128];
	const char *port = NULL;
	size_t n = strlen(text);

	if (cf_parse_ip(text, ret, ret_scope)) {
		*ret_port = default_port;
		return true;
	}
	if (text[0] == '[') {
		const char *close = strchr(text, ']');

		if (!close || (close[1] && close[1] != ':'))
			return false;
		port = close[1] ? close + 2 : NULL;
		n = (size_t)(close - text - 1);
		text++;
	} else {
		const char *colon = strrchr(text, ':');

		if (!colon)
			return false;
		port = colon + 1;
		n = (size_t)(colon - text);
	}
	uint64_t p = default_port;

	if (n >= sizeof(buf) || (port && (!digits_parse(port, &p) || p < 1 || p > 65535)))
		return false;
	memcpy(buf, text, n);
	buf[n] = 0;
	if (!cf_parse_ip(buf, ret, ret_scope))
		return false;
	*ret_port = (uint16_t)p;
	return true;
}

static int listen_fault(struct cf_setup *s, const struct cf_token *t, const char *text)
{
	const char *colon = strrchr(text, ':');
	char *host = colon ? arena_strn(s->arena, text, (size_t)(colon - text)) : NULL;
	struct in6_addr a;
	uint64_t port;

	if (host && strchr(host, ':') && cf_parse_ip(host, &a, NULL) &&
	    digits_parse(colon + 1, &port) && port < 65536)
		return cf_error(s, t,
				"'%s': an IPv6 address with a port needs brackets: expected %s",
				t->text, cf_addr_text(s->arena, &a, (uint16_t)port));
	if (cf_parse_ip(text, &a, NULL))
		return cf_error(s, t, "'%s' has no port: expected %s", t->text,
				cf_addr_text(s->arena, &a, 8080));
	return cf_error(
		s, t, "'%s' is not an address to listen on: expected IP:port, [IPv6]:port or :port",
		t->text);
}

int cf_listen_addr(struct cf_setup *s, const struct cf_token *t, struct corefile_addr *ret)
{
	struct corefile_addr a = {.set = true, .text = arena_str(s->arena, t->text)};
	const char *text = t->text;
	uint64_t port;

	if (strncmp(text, "localhost:", 10) == 0)
		text = arena_printf(s->arena, "127.0.0.1%s", text + 9);
	if (!text || !a.text)
		return cf_nomem(s);
	if (text[0] == ':') {
		if (!digits_parse(text + 1, &port) || port > 65535)
			return cf_error(s, t, "'%s' is not a port: expected one like :8080",
					t->text);
		a.addr = in6addr_any;
		a.port = (uint16_t)port;
	} else if (!cf_parse_ip_port(text, 0, &a.addr, &a.port, &a.scope_id) || a.port == 0) {
		return listen_fault(s, t, text);
	}
	*ret = a;
	return 0;
}

bool cf_parse_cidr(const char *text, struct in6_addr *ret, unsigned *ret_bits)
{
	char buf[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct in6_addr a;
	uint64_t bits;

	if (n >= sizeof(buf))
		return false;
	memcpy(buf, text, n);
	buf[n] = 0;
	if (!cf_parse_ip(buf, &a, NULL))
		return false;
	bool v4 = IN6_IS_ADDR_V4MAPPED(&a) && !strchr(buf, ':');

	bits = v4 ? 32 : 128;
	if (slash && (!digits_parse(slash + 1, &bits) || bits > (v4 ? 32 : 128)))
		return false;
	*ret = a;
	*ret_bits = (unsigned)bits + (v4 ? 96 : 0);
	return true;
}

bool cf_cidr_match(const struct in6_addr *net, unsigned bits, const struct in6_addr *addr)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(net->s6_addr, addr->s6_addr, whole) != 0)
		return false;
	return rest == 0 ||
	       ((net->s6_addr[whole] ^ addr->s6_addr[whole]) & (0xff00 >> rest & 0xff)) == 0;
}

const char *cf_addr_text(struct arena *a, const struct in6_addr *addr, uint16_t port)
{
	char buf[INET6_ADDRSTRLEN] = "";
	char *text;

	if (IN6_IS_ADDR_V4MAPPED(addr)) {
		inet_ntop(AF_INET, addr->s6_addr + 12, buf, sizeof(buf));
		text = arena_printf(a, "%s:%u", buf, port);
	} else if (IN6_IS_ADDR_UNSPECIFIED(addr)) {
		text = arena_printf(a, ":%u", port);
	} else {
		inet_ntop(AF_INET6, addr, buf, sizeof(buf));
		text = arena_printf(a, "[%s]:%u", buf, port);
	}
	return text ? text : "";
}
