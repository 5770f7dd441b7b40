/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "resolver/core/quirk.h"

#include "lib/base/clock.h"

#define NAME_NS (300 * NS_PER_S)
#define TEST_NS NS_PER_S
#define TELL_NS (60 * NS_PER_S)

bool quirk_try(struct quirk *k, uint64_t hash, uint64_t now_ns)
{
	for (unsigned i = 0; i < QUIRK_NAMES; i++)
		if (k->name[i].hash == hash && now_ns < k->name[i].until_ns)
			return false;
	if (!k->is_off)
		return true;
	if (now_ns < k->test_ns)
		return false;
	k->test_ns = now_ns + TEST_NS;
	return true;
}

void quirk_held(struct quirk *k)
{
	k->n_row = 0;
	k->is_off = false;
}

bool quirk_lacked(struct quirk *k, uint64_t hash, uint64_t now_ns)
{
	unsigned i = 0;

	while (i < QUIRK_NAMES && k->name[i].hash != hash)
		i++;
	if (i == QUIRK_NAMES) {
		i = k->at++ % QUIRK_NAMES;
		k->n_row++;
	}
	k->name[i].hash = hash;
	k->name[i].until_ns = now_ns + NAME_NS;
	if (k->is_off || k->n_row < QUIRK_ROW)
		return false;
	k->is_off = true;
	k->test_ns = now_ns + TEST_NS;
	if (k->told_ns && now_ns - k->told_ns < TELL_NS)
		return false;
	k->told_ns = now_ns;
	return true;
}
