/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and when they were last seen, for iptables rules to ask: the
 * kernel's xt_recent, written through its file in /proc. A rule that uses a list
 * makes it; the last such rule takes it along.
 */
#ifndef NODENS_NODE_RECENT_H
#define NODENS_NODE_RECENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "resolver/config/flags.h"

/* All addresses of the family have just been seen. */
int recent_put(const char *list, const struct flags_ip *ip, size_t n, bool v4, struct diag *d);
/* None of these has. */
int recent_take(const char *list, const struct flags_ip *ip, size_t n, bool v4, struct diag *d);
/* None has ever been. */
int recent_flush(const char *list, struct diag *d);

#endif
