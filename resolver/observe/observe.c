/* SPDX-License-Identifier: Apache-2.0 */
/* Hands each event to whoever the configuration has listening. */
#include "resolver/observe/observe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/opt.h"
#include "resolver/observe/log_errors.h"
#include "resolver/observe/log_query.h"
#include "resolver/observe/tap.h"

struct observe_plan {
	struct log_query *query;
	struct log_errors *errors;
	struct taps *taps;
};

struct observe {
	struct loop *loop;
	struct shm_worker *shm;
	const struct upstreams *upstreams;
	struct log_out *out;
	uint64_t lost_elsewhere; /* lib/base/log's lines, as far as they are counted */
	struct observe_plan *now;
};

int observe_new(struct observe **ret, struct loop *loop, struct shm_worker *shm,
		const struct upstreams *u, struct diag *d)
{
	struct observe *o = calloc(1, sizeof(*o));

	if (o)
		o->out = log_out_new(loop, STDOUT_FILENO, &shm->driver.log_lost);
	if (!o || !o->out) {
		free(o);
		return diag_set(d, ERR_NOMEM, "no memory for logs");
	}
	o->loop = loop;
	o->shm = shm;
	o->upstreams = u;
	o->lost_elsewhere = log_lost();
	top_resume(&shm->top);
	*ret = o;
	return 0;
}

void observe_discard(struct observe_plan *n)
{
	if (!n)
		return;
	log_query_free(n->query);
	log_errors_free(n->errors);
	taps_free(n->taps);
	free(n);
}

void observe_free(struct observe *o)
{
	if (!o)
		return;
	observe_discard(o->now);
	log_out_free(o->out);
	free(o);
}

int observe_prepare(struct observe *o, const struct corefile_plan *p, struct observe_plan **ret,
		    struct diag *d)
{
	struct observe_plan *n = calloc(1, sizeof(*n));
	int err;

	if (!n)
		return diag_set(d, ERR_NOMEM, "no memory for logs");
	err = log_query_new(&n->query, p, o->out, d);
	if (err == 0)
		err = log_errors_new(&n->errors, p, o->loop, o->out, d);
	if (err == 0)
		err = taps_new(&n->taps, p, o->loop, &o->shm->driver, d);
	if (err == 0)
		*ret = n;
	else
		observe_discard(n);
	return err;
}

void observe_commit(struct observe *o, struct observe_plan *n)
{
	taps_open(n->taps, o->now ? o->now->taps : NULL);
	observe_discard(o->now);
	o->now = n;
}

bool observe_wants_done(const struct observe *o)
{
	return o->shm->top.enabled || o->now->query || o->now->taps;
}

void observe_done(struct observe *o, const struct core_client *c, const struct core_done *done)
{
	if (o->shm->top.enabled)
		top_note(&o->shm->top, c, done);
	if (o->now->query)
		log_query_add(o->now->query, c, done);
	if (o->now->taps)
		taps_done(o->now->taps, c, done);
}

void observe_failed(struct observe *o, const struct core_failed *f)
{
	struct upstream_seen at;
	bool is_open = f->ask_id && upstreams_seen(o->upstreams, f->ask_id, &at);

	if (o->now)
		log_errors_add(o->now->errors, f, is_open ? &at : NULL);
}

void observe_ask(struct observe *o, const struct core_ask *a)
{
	struct upstream_seen at;

	if (!o->now || !o->now->taps || a->zone == UINT16_MAX)
		return;
	taps_ask(o->now->taps, a, upstreams_seen(o->upstreams, a->id, &at) ? &at : NULL);
}

void observe_answer(struct observe *o, uint32_t ask_id, const uint8_t *bytes, size_t len)
{
	if (o->now && o->now->taps)
		taps_answer(o->now->taps, ask_id, bytes, len);
}

void observe_flush(struct observe *o)
{
	uint64_t lost = log_lost();

	o->shm->driver.log_lost += lost - o->lost_elsewhere;
	o->lost_elsewhere = lost;
	log_out_flush(o->out);
	if (o->now)
		taps_flush(o->now->taps);
}
