/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server answers, remembered. A zone never changes, so its answer to the same octets is the
 * same but for the id in front, the spelling of the question and, at the end, the name of the
 * server that gave it; to write each anew was a quarter of a run without caches. And so is what the
 * answer says, and whether it is right: who gets those very octets need not read them again. One
 * thread's, and any number of worlds'.
 */
#ifndef NODENS_SIM_ANSWERS_H
#define NODENS_SIM_ANSWERS_H

#include "lib/world/stub.h"
#include "lib/world/zone.h"

struct answers;
struct answers *answers_new(void); /* NULL: no memory */
void answers_free(struct answers *a);
/* Where a question's answer would be; it is fetched while the question travels. `spelled`: it is of who spells each
 * of his own anew, as the cache does. */
uint32_t answers_ahead(const struct answers *a, const uint8_t *query, size_t len, bool tcp, bool spelled);
/* As zone_reply, to the octet. `spot` is what answers_ahead said of this question, spelled or not. */
size_t answers_reply(struct answers *a, uint32_t spot, const struct zone *z, const char *server_id,
		     const uint8_t *query, size_t len, bool tcp, bool spelled, uint8_t *out, size_t cap);

struct answer_said {
	struct stub_said stub;
	bool judged;
	const char *why; /* what zone_check says of it, once it is judged */
};
/* What is known of these octets, if `spot` has the same, id and server's name aside; else NULL. */
struct answer_said *answers_said(struct answers *a, uint32_t spot, const struct zone *z,
				 const uint8_t *reply, size_t len);

#endif
