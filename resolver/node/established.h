/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of clients that outlive the rules by a moment. Their segments were
 * not tracked; without rules the next one is, and it is taken for the first of a
 * connection: a client's goes to a server that knows nothing of it and resets it,
 * and our own makes an entry whose other end is the client, by which whatever the
 * client sends from that port later is delivered here, for a day. So each
 * gets an entry beforehand that says what it is: established, with us.
 *
 * From the client's port there may be an entry already, of a connection that it had with the
 * cluster DNS while there were no rules (in TIME_WAIT for two minutes; for days, when rules came in
 * the middle of it). Our segments clash with that one: the kernel has them leave from another port than
 * 53, the client resets what it does not know, and waits for an answer for ever. So such go first.
 *
 * Where the cluster's address is rewritten (-intercept rewrite) clients ask that, and our sockets have another. Our segments
 * leave from the cluster's address and are never tracked; clients' are, by the address that they ask.
 */
#ifndef NODENS_ESTABLISHED_H
#define NODENS_ESTABLISHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "resolver/config/flags.h"
#include "resolver/node/netlink.h"

/* There may be tens of thousands of connections, and hundreds of thousands of entries, and whoever looks at them has rules to
 * renew meanwhile. So a look is done a part at a time, and this says where it has come to. Zeroed: at the beginning. */
struct established_walk {
	FILE *f;
	unsigned file; /* of /proc/net/tcp and tcp6 */
};
#define ESTABLISHED_LINES 512 /* a part: about 10 ms of processor time */
bool established_walking(const struct established_walk *at);
void established_walk_end(struct established_walk *at);

/* Connections of this network namespace to a port of these addresses. */
struct established_with {
	const struct flags_ip *ip;    /* our sockets' */
	const struct flags_ip *asked; /* for each, what clients ask instead; NULL: the same */
	size_t n_ips;
	uint16_t port;
};

/* Of all TCP connections with us, handshakes and those
 * that are still to be accepted among them: what entries there are by their clients' addresses and ports goes. The
 * next part of them; at NULL: all at once. */
int established_clear(struct netlink *netfilter, const struct established_with *us, struct established_walk *at, struct diag *d);
/* And each gets one, unless it asked another address: its next segment is to be reset by the cluster DNS, for an entry that sees
 * its segments alone would lead what comes from its port later here, when nobody is. Again: they are brought up to date. */
int established_enter(struct netlink *netfilter, const struct established_with *us, struct diag *d);

/* When rules are back: those of the same connections end whose clients have asked the cluster DNS meanwhile, from the same
 * port. Such a client's next segment comes here, to a socket that knows other numbers, and is told them again
 * and again, and never reset. So does one that has closed, and remembers it for a minute. The next part of them.
 * `diag` is of the bus NETLINK_SOCK_DIAG. */
int established_end(struct netlink *netfilter, struct netlink *diag, const struct established_with *us, struct established_walk *at,
		    struct diag *d);

/* One of them. */
struct established;
int established_end_one(struct netlink *diag, const struct established *e, struct diag *d);

/* All entries of TCP connections to or from this port of these addresses go: while rules stand none of ours has one, and
 * what the cluster DNS was asked before is answered or will not be. The kernel is asked for all to or from that port four
 * times (family, direction); one of its datagrams is what it finds on its way through the whole table, if that is little. */
struct established_sweep {
	struct netlink *nl; /* of the look that has begun */
	unsigned which;     /* of the four */
};
#define ESTABLISHED_DATAGRAMS 16 /* a part: about 10 ms, if they are full */
/* 1: there may be more, 0: done. */
int established_sweep(struct netlink *netfilter, const struct established_with *us, struct established_sweep *at, struct diag *d);
void established_sweep_end(struct established_sweep *at);

/* The part of it that is no system call. A line of /proc/net/tcp or tcp6 (proc(5)). */
struct established {
	struct in6_addr local, client;
	struct in6_addr asked; /* `local`, unless that is rewritten */
	uint16_t port, client_port;
	bool closing; /* one end at least has said that it is done */
	bool closed;  /* both have, and what was between them is remembered */
};
/* False: no connection. */
bool established_parse(const char *line, struct established *ret);
/* One message that enters it; or that deletes what is entered. */
void established_put(struct nl_buf *b, const struct established *e);
void established_put_end(struct nl_buf *b, const struct established *e);

#endif
