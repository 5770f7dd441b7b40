/* SPDX-License-Identifier: Apache-2.0 */
/* An address of either family, and what sockets want of it. */
#ifndef NODENS_ADDR_H
#define NODENS_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDR_TEXT INET6_ADDRSTRLEN

struct addr {
	sa_family_t family; /* AF_INET, AF_INET6; 0: none */
	union {
		struct in_addr v4;
		struct in6_addr v6;
		uint8_t b[16];
	};
};

struct addr addr_v4(struct in_addr v4);
/* The text is ours, so a wrong one is a broken invariant. */
struct addr addr_text(const char *text);
const char *addr_str(const struct addr *a, char buf[ADDR_TEXT]);
bool addr_eq(const struct addr *x, const struct addr *y);
/* Returns the length of what it filled in. */
socklen_t addr_sock(const struct addr *a, uint16_t port, struct sockaddr_storage *ret);
struct addr addr_of_sock(const struct sockaddr_storage *s, uint16_t *ret_port);
/* v4-mapped where it is IPv4. */
struct in6_addr addr_mapped(const struct addr *a);

#endif
