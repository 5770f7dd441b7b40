/* SPDX-License-Identifier: Apache-2.0 */
/* A stretch of the heap is taken, marked and given back: the allocator keeps it, the mark stays with the addresses,
 * and a page becomes memory when it is first written to, as before. */
#include "pcap-replay/read/heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define STRETCH_BYTES (64u << 20)
#define LARGE_PAGE    (2u << 20)

void heap_prepare(void)
{
	/* else so large a piece would be a mapping of its own, and be returned to the kernel */
	if (!mallopt(M_MMAP_THRESHOLD, 2 * STRETCH_BYTES) || !mallopt(M_TRIM_THRESHOLD, 4 * STRETCH_BYTES))
		return;
	char *p = malloc(STRETCH_BYTES);
	if (!p)
		return;
	size_t skip = LARGE_PAGE - (uintptr_t)p % LARGE_PAGE;
	madvise(p + skip, STRETCH_BYTES - LARGE_PAGE - skip, MADV_HUGEPAGE);
	free(p);
}
