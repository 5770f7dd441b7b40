/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an upstream seems to lack: the echo of how a name is spelled (upper and lower
 * case at random, which a forger must guess as well), or EDNS (and with it cookies). One oddity
 * must not lower a guard for all names: whose zone it is can bring it about.
 *
 * - A name that failed with it and was then answered without is asked without from
 *   then on, for five minutes: that name only.
 * - QUIRK_ROW names in a row, all different and none that went well between them: the
 *   upstream lacks it, and names are asked without, but for one a second.
 * - The first that goes well ends that.
 */
#ifndef NODENS_CORE_QUIRK_H
#define NODENS_CORE_QUIRK_H

#include <stdbool.h>
#include <stdint.h>

#define QUIRK_NAMES 16 /* remembered, the newest */
#define QUIRK_ROW   8

struct quirk {
	struct {
		uint64_t hash, until_ns;
	} name[QUIRK_NAMES];
	uint64_t test_ns; /* is_off: when the next one may show that it is there */
	uint64_t told_ns; /* when it was last said that it is not; 0: never */
	uint32_t at, n_row;
	bool is_off;
};

/* Shall this name be asked with it? `hash`: keyed, of the name in lower case. */
bool quirk_try(struct quirk *k, uint64_t hash, uint64_t now_ns);
/* It was asked with it, and answered as it should be. */
void quirk_held(struct quirk *k);
/* It was not, and the same name was then answered without it. True: from now on the
 * upstream is taken to lack it, and that has not been told within the last minute. */
bool quirk_lacked(struct quirk *k, uint64_t hash, uint64_t now_ns);

#endif
