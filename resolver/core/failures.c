/* SPDX-License-Identifier: Apache-2.0 */
/* Two places a key, of which the older gives way; the pause doubles with each failure. */
#include "resolver/core/failures.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

#define PAUSE_FIRST_NS NS_PER_S

int failures_init(struct failures *f, uint32_t n_pairs)
{
	f->n_pairs = n_pairs;
	f->slot = calloc(n_pairs, 2 * sizeof(*f->slot));
	return f->slot ? 0 : ERR_NOMEM;
}

void failures_release(struct failures *f)
{
	free(f->slot);
}

static struct failure *record_of(const struct failures *f, uint64_t mark)
{
	struct failure *pair = &f->slot[2 * (mark & (f->n_pairs - 1))];

	if (pair[0].mark == mark)
		return &pair[0];
	return pair[1].mark == mark ? &pair[1] : NULL;
}

const struct failure *failures_find(const struct failures *f, uint64_t mark, uint64_t now_ns)
{
	const struct failure *r = record_of(f, mark);

	return r && (now_ns < r->until_ns || now_ns < r->recheck_ns) ? r : NULL;
}

static uint64_t pause_next(const struct failure *r, uint64_t now_ns, uint64_t max_ns)
{
	uint64_t pause = PAUSE_FIRST_NS;

	/* Failing again soon after the last pause is the same trouble going on. */
	if (r->mark && now_ns < r->until_ns + 2 * r->pause_ns + NS_PER_S)
		pause = 2 * r->pause_ns;
	return pause < max_ns ? pause : max_ns;
}

void failures_note(struct failures *f, uint64_t mark, uint64_t now_ns, uint64_t max_ns,
		   uint64_t recheck_ns, uint16_t rcode, uint16_t ede)
{
	struct failure *r = record_of(f, mark);

	if (!r) {
		struct failure *pair = &f->slot[2 * (mark & (f->n_pairs - 1))];

		r = pair[0].until_ns <= pair[1].until_ns ? &pair[0] : &pair[1];
		memset(r, 0, sizeof(*r));
	}
	r->pause_ns = max_ns ? pause_next(r, now_ns, max_ns) : 0;
	r->mark = mark;
	r->until_ns = now_ns + r->pause_ns;
	r->recheck_ns = now_ns + recheck_ns;
	r->rcode = rcode;
	r->ede = ede;
}

void failures_clear(struct failures *f, uint64_t mark)
{
	struct failure *r = record_of(f, mark);

	if (r)
		memset(r, 0, sizeof(*r));
}
