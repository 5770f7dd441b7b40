/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cache on its way from one process to the next, in a memory file. Both run
 * on the same host, so times are CLOCK_MONOTONIC and numbers are in the host's
 * order; a file of another version or another layout is not read.
 *
 * The writer goes on serving: it writes a few hundred entries at a time between
 * rounds of its loop. An entry that moves meanwhile may be missing or come
 * twice, which a cache survives.
 */
#ifndef NODENS_CACHE_EXPORT_H
#define NODENS_CACHE_EXPORT_H

#include <stdint.h>

#include "resolver/core/core.h"
#include "resolver/net/loop.h"

struct cache_export;

/* Writes to a duplicate of `fd`; `done` is called once, with the number of
 * entries, and the export is gone before. NULL: cannot, and `done` will not
 * be called. A NULL core has no entries. */
struct cache_export *cache_export_new(struct loop *loop, struct core *core, int fd,
				      void (*done)(void *ctx, uint32_t n), void *ctx);
void cache_export_free(struct cache_export *e);

/* Entries put into `core`; what is expired, malformed or too much is left out. */
uint32_t cache_import(struct core *core, uint64_t now_ns, int fd);

#endif
