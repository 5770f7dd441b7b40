/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sum of octets for all that a capture can make grow: TCP streams and what
 * waits in them, fragments, messages being put in order, transactions, names.
 * Whoever is refused gives up its own oldest and counts that; so no file, however
 * made, holds more than the sum, and no count limit multiplies with another.
 */
#ifndef NODENS_BUDGET_H
#define NODENS_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDGET_DEFAULT_BYTES (256u << 20)

struct budget {
	size_t used, max; /* octets */
	size_t peak;
	uint64_t refused; /* times somebody asked for more than was left */
};

static inline void budget_init(struct budget *b, size_t max_bytes)
{
	*b = (struct budget){.max = max_bytes};
}

static inline bool budget_take(struct budget *b, size_t n)
{
	if (b->used > b->max || n > b->max - b->used) {
		b->refused++;
		return false;
	}
	b->used += n;
	if (b->used > b->peak)
		b->peak = b->used;
	return true;
}

static inline void budget_give(struct budget *b, size_t n)
{
	b->used -= n;
}

#endif
