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

int source_plan(struct plan *ret, const char *const *paths, size_t n, const struct reading *r, struct diag *d);
/* Begins "#qs"? */
bool source_is_stream(const char *path);

#endif
