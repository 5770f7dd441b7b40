/* SPDX-License-Identifier: Apache-2.0 */
/* The connections to one upstream: see upool_tcp.h. */
#ifndef NODENS_UPOOL_H
#define NODENS_UPOOL_H

#include "resolver/core/core.h"

struct upool_conn;
struct upool_framing;
struct upstream;
struct upstreams;

struct upool {
	struct upstream *up;
	enum core_proto proto; /* CORE_TCP, CORE_TLS or CORE_HTTPS */
	const struct upool_framing *framing;
	unsigned n_conns;
	struct upool_conn *conns;
};

#endif
