/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses this host takes packets for: what its routes say, on whichever interface they are. */
#ifndef NODENS_NODE_LOCAL_H
#define NODENS_NODE_LOCAL_H

#include <stddef.h>
#include <stdint.h>

#include "resolver/config/flags.h"
#include "resolver/node/netlink.h"

/* A bit each: of ip[] (64 at most), those that are nobody's here. What cannot be told counts as here. */
uint64_t local_absent(struct netlink *route, const struct flags_ip *ip, size_t n);

#endif
