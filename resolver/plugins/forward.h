/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of `forward`: its options, and what its TO words stand for. */
#ifndef NODENS_FORWARD_H
#define NODENS_FORWARD_H

#include "resolver/corefile/setup.h"

enum { FORWARD_RESOLVERS_MAX = 4 };
struct forward_options {
	struct cf_forward *f;
	const char *tls_name; /* tls_servername */
	size_t n_resolvers;
	struct in6_addr resolver[FORWARD_RESOLVERS_MAX];
	uint16_t resolver_port[FORWARD_RESOLVERS_MAX];
};

/* One TO word to targets: an address, a resolv.conf-style file or a host name. */
int forward_to(struct cf_setup *s, struct forward_options *o, const struct cf_token *t);

#endif
