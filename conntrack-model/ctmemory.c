/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the table's large parts: it begins a cache line, and where there is much of it, a large page.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "conntrack-model/ctable_int.h"

#define LINE 64
#define HUGE (2u << 20)

void *ct_memory(const void *old, size_t old_bytes, size_t bytes)
{
	size_t align = bytes >= 2 * HUGE ? HUGE : LINE;
	uint8_t *p = aligned_alloc(align, (bytes + align - 1) / align * align);

	if (!p)
		return NULL;
	/* a look-up touches memory anywhere in it: one page to find instead of hundreds */
	if (align == HUGE)
		(void)madvise(p, bytes, MADV_HUGEPAGE);
	if (old_bytes)
		memcpy(p, old, old_bytes);
	return p;
}
