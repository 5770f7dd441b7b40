/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan from whatever was given: a query stream is read as it is; captures are parsed
 * by a confined child, which hands over a query stream with octets, so that who opens
 * sockets has parsed no packet.
 */
#ifndef NODENS_SOURCE_H
#define NODENS_SOURCE_H

#include "lib/base/clock.h"
#include "pcap-replay/send/plan.h"
#include "pcap-replay/verbs.h"

/* "-" is standard input: captures, or alone a query stream. The first SIGINT ends it and not this process, unless the caller
 * ignores or handles that. A FIFO in a folder is refused. With `until` (may be NULL) no more is read than will be sent, and
 * standard input, or a pipe alone, which may have no end, no longer than the sending takes, SOURCE_LEAST_NS at least. */
#define SOURCE_LEAST_NS (5 * NS_PER_S)
int source_plan(struct plan *ret, const char *const *paths, size_t n, const struct reading *r, const struct plan_until *until,
		struct diag *d);

#endif
