/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who listens where we would, for the log. A container sees its own processes
 * only, and without CAP_SYS_PTRACE not the sockets of those that may more than
 * it; the socket's user it always sees.
 */
#ifndef NODENS_PORT_OWNER_H
#define NODENS_PORT_OWNER_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* " (taken by NAME, pid N)", " (taken by user N; ...)" with how to find out
 * more, or "" when nobody listens there. Reads /proc; for when a bind failed. */
const char *port_owner(char *ret, size_t size, const struct in6_addr *addr, uint16_t port);

#endif
