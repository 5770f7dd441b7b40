/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses as the core keeps them (IPv6, IPv4 mapped, port in host order) to
 * and from what the kernel wants. One form inside, two at the socket.
 */
#ifndef NODENS_SOCKADDR_H
#define NODENS_SOCKADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* "[fe80::1]:65535" with scope and the NUL. */
#define SOCKADDR_TEXT 64

static inline bool addr_is_v4(const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a);
}
static inline struct in6_addr addr_from_v4(struct in_addr v4)
{
	struct in6_addr a = { 0 };
	a.s6_addr[10] = a.s6_addr[11] = 0xff;
	a.s6_addr32[3] = v4.s_addr;
	return a;
}
static inline struct in_addr addr_to_v4(const struct in6_addr *a)
{
	return (struct in_addr){ .s_addr = a->s6_addr32[3] };
}
/* 0.0.0.0 or :: */
bool addr_is_any(const struct in6_addr *a);
bool addr_is_loopback(const struct in6_addr *a);

/* Fills `ret` and returns its length; v4-mapped becomes AF_INET. */
socklen_t sockaddr_from(union sockaddr_any *ret, const struct in6_addr *addr, uint16_t port,
			uint32_t scope_id);
void sockaddr_split(const union sockaddr_any *sa, struct in6_addr *ret_addr, uint16_t *ret_port,
		    uint32_t *ret_scope);
/* "10.0.0.1:53", "[::1]:53"; returns buf. */
const char *sockaddr_text(char buf[SOCKADDR_TEXT], const struct in6_addr *addr, uint16_t port);
/* "IP", "IP:port", "[v6]:port", ":port", "v6"; a missing port becomes `port`.
 * An empty host is the IPv6 wildcard, which takes both families. 0 or
 * ERR_SYNTAX. */
int sockaddr_parse(const char *text, uint16_t port, struct in6_addr *ret_addr, uint16_t *ret_port);

#endif
