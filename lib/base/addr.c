/* SPDX-License-Identifier: Apache-2.0 */
/* Between text, sockets and struct addr. */
#include "lib/base/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

struct addr addr_v4(struct in_addr v4)
{
	return (struct addr){.family = AF_INET, .v4 = v4};
}

struct addr addr_text(const char *text)
{
	struct addr a = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	int rc = inet_pton(a.family, text, a.b);

	assert(rc == 1);
	(void)rc;
	return a;
}

const char *addr_str(const struct addr *a, char buf[ADDR_TEXT])
{
	if (!a->family || !inet_ntop(a->family, a->b, buf, ADDR_TEXT))
		snprintf(buf, ADDR_TEXT, "-");
	return buf;
}

bool addr_eq(const struct addr *x, const struct addr *y)
{
	return x->family == y->family && !memcmp(x->b, y->b, x->family == AF_INET ? 4 : 16);
}

socklen_t addr_sock(const struct addr *a, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof *ret);
	if (a->family == AF_INET6) {
		struct sockaddr_in6 *s = (struct sockaddr_in6 *)ret;

		s->sin6_family = AF_INET6;
		s->sin6_port = htons(port);
		s->sin6_addr = a->v6;
		return sizeof *s;
	}
	struct sockaddr_in *s = (struct sockaddr_in *)ret;

	s->sin_family = AF_INET;
	s->sin_port = htons(port);
	s->sin_addr = a->v4;
	return sizeof *s;
}

struct addr addr_of_sock(const struct sockaddr_storage *s, uint16_t *ret_port)
{
	struct addr a = {.family = s->ss_family};
	uint16_t port;

	if (s->ss_family == AF_INET6) {
		a.v6 = ((const struct sockaddr_in6 *)s)->sin6_addr;
		port = ntohs(((const struct sockaddr_in6 *)s)->sin6_port);
	} else {
		a.v4 = ((const struct sockaddr_in *)s)->sin_addr;
		port = ntohs(((const struct sockaddr_in *)s)->sin_port);
	}
	if (ret_port)
		*ret_port = port;
	return a;
}

struct in6_addr addr_mapped(const struct addr *a)
{
	struct in6_addr m = {.s6_addr[10] = 0xff, .s6_addr[11] = 0xff};

	if (a->family == AF_INET6)
		return a->v6;
	memcpy(&m.s6_addr[12], &a->v4, 4);
	return m;
}
