/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan from whatever was given: a query stream is read as it is; captures are parsed
 * by a confined child, which hands over a query stream with octets, so that who opens
 * sockets has parsed no packet.
 */
#ifndef NODENS_SOURCE_H
#define NODENS_SOURCE_H

#include "pcap-replay/send/plan.h"
#include "pcap-replay/verbs.h"

/* "-" is standard input: captures, or alone a query stream. The first SIGINT ends it and not this process, unless the caller
 * ignores or handles that. */
int source_plan(struct plan *ret, const char *const *paths, size_t n, const struct reading *r, struct diag *d);

#endif
