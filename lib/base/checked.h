/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds that check themselves, for tests: those with the address sanitizer, and any with
 * -DNODENS_CHECK. What has been released is spoilt there, so that whoever reads it, or takes it
 * again and does not fill it, is seen; and tables are looked at when they should be at rest (IF_CHECKED). Other builds have nothing of this; where it says asan, only the
 * sanitizer's.
 */
#ifndef NODENS_CHECKED_H
#define NODENS_CHECKED_H

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif

/* What a pool has not handed out, or has back, may not be read; and so many
 * octets lie behind each piece of one that has no room between them. */
#ifdef ASAN_POISON_MEMORY_REGION
#define asan_forbid(p, len) ASAN_POISON_MEMORY_REGION(p, len)
#define asan_allow(p, len)  ASAN_UNPOISON_MEMORY_REGION(p, len)
#define ASAN_GAP(len)	    (len)
#define CHECKED		    1
#else
#define asan_forbid(p, len) ((void)(p), (void)(len))
#define asan_allow(p, len)  ((void)(p), (void)(len))
#define ASAN_GAP(len)	    0
#ifdef NODENS_CHECK
#define CHECKED 1
#else
#define CHECKED 0
#endif
#endif

/* A function that only checks: in a section of its own, which the linker leaves out of programs that do not call it. */
#define ONLY_CHECKS __attribute__((section(".text.only_checks")))

#if CHECKED
#include <string.h>
#define SPOIL(p, len)	 ((void)memset((p), 0xa5, (len)))
#define IF_CHECKED(call) call
#else
#define SPOIL(p, len)	 ((void)(p))
#define IF_CHECKED(call) ((void)0)
#endif

#endif
