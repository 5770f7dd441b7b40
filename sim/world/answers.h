/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server answers, remembered. A zone never changes, so its answer to the same octets is the
 * same but for the id in front and, at the end, the name of the server that gave it; to write
 * each anew was a quarter of a run without caches. One thread's, and any number of worlds'.
 */
#ifndef NODENS_SIM_ANSWERS_H
#define NODENS_SIM_ANSWERS_H

#include "lib/world/zone.h"

struct answers;
struct answers *answers_new(void); /* NULL: no memory */
void answers_free(struct answers *a);
/* Where a question's answer would be; it is fetched while the question travels. */
uint32_t answers_ahead(const struct answers *a, const uint8_t *query, size_t len, bool tcp);
/* As zone_reply, to the octet. `spot` is what answers_ahead said of this question. */
size_t answers_reply(struct answers *a, uint32_t spot, const struct zone *z, const char *server_id, const uint8_t *query,
		     size_t len, bool tcp, uint8_t *out, size_t cap);

#endif
