/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that lives and dies together: a configuration is built once, read for
 * days, and thrown away as a whole. Blocks are zeroed. The total is limited,
 * because what fills it is a file that somebody else wrote.
 */
#ifndef NODENS_ARENA_H
#define NODENS_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(size_t limit_bytes);
void arena_free(struct arena *a);
/* NULL when memory or the limit is exhausted. n == 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n_bytes);
void *arena_copy(struct arena *a, const void *p, size_t n_bytes);
char *arena_str(struct arena *a, const char *s);
char *arena_strn(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
/* Room for one more element in an array of *n elements of `size` octets: grows
 * by doubling within the arena. Returns the new element (zeroed) or NULL. */
void *arena_push(struct arena *a, void *array_ptr, size_t *n, size_t size);

#endif
