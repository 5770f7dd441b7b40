/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a capture makes us hold is looked up at random: transactions of six seconds are thousands of small pages,
 * and finding a page costs more there than finding the octets in it. Where the kernel gives large pages to those
 * who ask (transparent_hugepage "madvise"), the heap is asked for.
 */
#ifndef NODENS_READ_HEAP_H
#define NODENS_READ_HEAP_H

/* Once, at the start, before anything is confined. What cannot be had changes nothing but the speed. */
void heap_prepare(void);

#endif
