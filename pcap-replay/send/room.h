/* SPDX-License-Identifier: Apache-2.0 */
/* Room for the octets of a stream; how much there may be is the caller's matter. */
#ifndef NODENS_SEND_ROOM_H
#define NODENS_SEND_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* At least `need` octets at *b, a malloc'd buffer of *cap. False: no memory, and it is as it was. */
static inline bool room_grow(uint8_t **b, size_t *cap, size_t need)
{
	if (need <= *cap)
		return true;
	uint8_t *p = realloc(*b, need * 2);
	if (!p)
		return false;
	*b = p;
	*cap = need * 2;
	return true;
}

#endif
