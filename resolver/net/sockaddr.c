/* SPDX-License-Identifier: Apache-2.0 */
/* Address forms; see the header. */
#include "resolver/net/sockaddr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/base/hot.h"

bool addr_is_any(const struct in6_addr *a)
{
	return IN6_IS_ADDR_UNSPECIFIED(a) || (addr_is_v4(a) && a->s6_addr32[3] == 0);
}

bool addr_is_loopback(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) || (addr_is_v4(a) && a->s6_addr[12] == 127);
}

socklen_t sockaddr_from(union sockaddr_any *ret, const struct in6_addr *addr, uint16_t port,
			uint32_t scope_id)
{
	if (addr_is_v4(addr)) {
		ret->v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
						.sin_addr = addr_to_v4(addr) };
		return sizeof(ret->v4);
	}
	ret->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port),
					 .sin6_addr = *addr, .sin6_scope_id = scope_id };
	return sizeof(ret->v6);
}

HOT void sockaddr_split(const union sockaddr_any *sa, struct in6_addr *ret_addr, uint16_t *ret_port,
			uint32_t *ret_scope)
{
	if (sa->sa.sa_family == AF_INET) {
		*ret_addr = addr_from_v4(sa->v4.sin_addr);
		*ret_port = ntohs(sa->v4.sin_port);
		*ret_scope = 0;
	} else {
		*ret_addr = sa->v6.sin6_addr;
		*ret_port = ntohs(sa->v6.sin6_port);
		*ret_scope = sa->v6.sin6_scope_id;
	}
}

const char *sockaddr_text(char buf[SOCKADDR_TEXT], const struct in6_addr *addr, uint16_t port)
{
	char ip[INET6_ADDRSTRLEN];
	if (addr_is_v4(addr)) {
		struct in_addr v4 = addr_to_v4(addr);
		inet_ntop(AF_INET, &v4, ip, sizeof(ip));
		snprintf(buf, SOCKADDR_TEXT, "%s:%u", ip, port);
	} else {
		inet_ntop(AF_INET6, addr, ip, sizeof(ip));
		snprintf(buf, SOCKADDR_TEXT, "[%s]:%u", ip, port);
	}
	return buf;
}

static int port_parse(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || v > 65535)
		return ERR_SYNTAX;
	*ret = (uint16_t)v;
	return 0;
}

static int host_parse(const char *host, struct in6_addr *ret)
{
	struct in_addr v4;
	if (!*host) {
		*ret = in6addr_any;
		return 0;
	}
	if (inet_pton(AF_INET, host, &v4) == 1) {
		*ret = addr_from_v4(v4);
		return 0;
	}
	return inet_pton(AF_INET6, host, ret) == 1 ? 0 : ERR_SYNTAX;
}

int sockaddr_parse(const char *text, uint16_t port, struct in6_addr *ret_addr, uint16_t *ret_port)
{
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(text, ':'), *start = text;
	size_t len = strlen(text);
	if (*text == '[') {
		const char *close = strchr(text, ']');
		if (!close || (close[1] && close[1] != ':'))
			return ERR_SYNTAX;
		start = text + 1;
		len = (size_t)(close - start);
		colon = close[1] ? close + 1 : NULL;
	} else if (colon && strchr(text, ':') == colon) {
		len = (size_t)(colon - text);
	} else {
		colon = NULL; /* no port: plain IPv4, or IPv6 without brackets */
	}
	struct in6_addr addr;
	if (len >= sizeof(host) || (colon && port_parse(colon + 1, &port) < 0))
		return ERR_SYNTAX;
	memcpy(host, start, len);
	host[len] = 0;
	if (host_parse(host, &addr) < 0)
		return ERR_SYNTAX;
	*ret_addr = addr;
	*ret_port = port;
	return 0;
}
