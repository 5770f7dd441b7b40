/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "resolver/core/spelling.h"

#include "lib/clock.h"

#define NAME_NS (300 * NS_PER_S)
#define TEST_NS NS_PER_S
#define TELL_NS (60 * NS_PER_S)

bool spelling_wanted(struct spelling *s, uint64_t hash, uint64_t now_ns)
{
	for (unsigned i = 0; i < SPELLING_NAMES; i++)
		if (s->name[i].hash == hash && now_ns < s->name[i].until_ns)
			return false;
	if (!s->is_off)
		return true;
	if (now_ns < s->test_ns)
		return false;
	s->test_ns = now_ns + TEST_NS;
	return true;
}

void spelling_echoed(struct spelling *s)
{
	s->n_row = 0;
	s->is_off = false;
}

bool spelling_not_echoed(struct spelling *s, uint64_t hash, uint64_t now_ns)
{
	unsigned i = 0;

	while (i < SPELLING_NAMES && s->name[i].hash != hash)
		i++;
	if (i == SPELLING_NAMES) {
		i = s->at++ % SPELLING_NAMES;
		s->n_row++;
	}
	s->name[i].hash = hash;
	s->name[i].until_ns = now_ns + NAME_NS;
	if (s->is_off || s->n_row < SPELLING_ROW)
		return false;
	s->is_off = true;
	s->test_ns = now_ns + TEST_NS;
	if (s->told_ns && now_ns - s->told_ns < TELL_NS)
		return false;
	s->told_ns = now_ns;
	return true;
}
