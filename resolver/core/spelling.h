/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Over UDP a name goes out in a spelling of its own (upper and lower case), which
 * whoever forges an answer must guess as well. What is known of an upstream that
 * does not always echo it:
 *
 * - A name whose answer came in another spelling, and was then answered in lower
 *   case, is asked in lower case from then on: that name only.
 * - SPELLING_ROW names in a row, all different and none echoed between them: the
 *   upstream does not echo, and names go out in lower case, but for one a second.
 * - The first that is echoed ends that.
 */
#ifndef NODENS_CORE_SPELLING_H
#define NODENS_CORE_SPELLING_H

#include <stdbool.h>
#include <stdint.h>

#define SPELLING_NAMES 16 /* remembered, the newest */
#define SPELLING_ROW   8

struct spelling {
	struct {
		uint64_t hash, until_ns;
	} name[SPELLING_NAMES];
	uint64_t test_ns;  /* is_off: when the next one may show that it echoes */
	uint64_t told_ns;  /* when it was last said that it does not; 0: never */
	uint32_t at, n_row;
	bool is_off;
};

/* Shall this name be spelled? `hash`: keyed, of the name in lower case. */
bool spelling_wanted(struct spelling *s, uint64_t hash, uint64_t now_ns);
/* An answer came in the spelling sent. */
void spelling_echoed(struct spelling *s);
/* One came in another, and the same name was then answered in lower case. True: from
 * now on the upstream is taken for one that does not echo, and that has not been told
 * within the last minute. */
bool spelling_not_echoed(struct spelling *s, uint64_t hash, uint64_t now_ns);

#endif
