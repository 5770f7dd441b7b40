/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names that a configuration has (forward, dnstap), looked up while the loop goes on. A server
 * that does not answer is waited for, for ten seconds a name by the system's resolver, and rules
 * must be renewed meanwhile. So a reading finds what is known by then, or learns that it is to
 * come again: children ask, and the next reading has their answers.
 */
#ifndef NODENS_SUPERVISOR_HOSTNAMES_H
#define NODENS_SUPERVISOR_HOSTNAMES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "resolver/net/loop.h"

struct hostnames;

/* NULL: no memory. `done`: what hostnames_go began has ended. */
struct hostnames *hostnames_new(struct loop *loop, void (*done)(void *ctx), void *ctx);
void hostnames_free(struct hostnames *l); /* children are killed; NULL: nothing */
/* corefile_env's host_addrs. For what is not known yet an address that is nobody's: the rest of the Corefile may name
 * more. What is made of it is to be thrown away when hostnames_go says so. */
size_t hostnames_addrs(void *hostnames, const char *host, const struct in6_addr *server, const uint16_t *port, size_t n,
		     struct in6_addr *ret, size_t max);
/* True: something was asked for that is not known, and is being looked up; the next reading finds it. */
bool hostnames_go(struct hostnames *l);
void hostnames_wait(struct hostnames *l); /* instead of the loop, at a start; `done` does not come */
void hostnames_forget(struct hostnames *l); /* all, unless busy: the next reading asks anew */
bool hostnames_busy(const struct hostnames *l);

#endif
