/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that came out of the core while a scenario ran, as text: each question to an
 * upstream, reply, cancel and note, when the core wanted to be called next, and at
 * the end what the cache holds and each counter that is not zero. Kept beside the
 * files, in transcripts/NAME, and compared: a file's `expect` lines say what it is
 * about, its transcript holds the rest still. What is random (ids, cookies) is not
 * in it. `make transcripts` writes them anew; the difference is to be read.
 */
#ifndef NODENS_SCENARIO_TRANSCRIPT_H
#define NODENS_SCENARIO_TRANSCRIPT_H

#include "tests/scenario/world.h"

struct transcript; /* of a world; every call here accepts a world without one */

void transcript_start(struct world *w);
void transcript_end(struct world *w);

void transcript_ask(struct world *w, const struct core_ask *a);
void transcript_cancel(struct world *w, uint32_t ask_id);
/* len 0: dropped */
void transcript_reply(struct world *w, const char *client, const uint8_t *bytes, size_t len);
void transcript_event(struct world *w, int level, const char *text);
void transcript_failed(struct world *w, const struct core_failed *f);
void transcript_done(struct world *w, const struct core_client *c, const struct core_done *done);
/* After each line of the file: when the core wants to be called, if that has changed. */
void transcript_due(struct world *w);
/* After the last: what is stored. And when all is over: what was counted. */
void transcript_entries(struct world *w);
void transcript_counters(struct world *w);

/* Compared with the one that is kept for the file, where its folder has any; the first
 * difference is a complaint. Or written there: false, and a complaint, when it cannot be. */
void transcript_compare(struct world *w);
bool transcript_write(struct world *w);
void transcript_print(const struct world *w);

#endif
