/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides share; see the header for the whole. */
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/net/fdpass.h"
#include "resolver/handover/handover_int.h"

static bool is_new(const struct handover *h)
{
	return h->state >= NEW_CONFIGURING;
}

static void limit_due(struct loop_timer *t)
{
	struct handover *h = container_of(t, struct handover, limit);
	if (is_new(h))
		handover_new_late(h);
	else
		handover_old_late(h);
}

void handover_answered(void *ctx)
{
	struct supervisor *s = ctx;
	if (!s->handover)
		return;
	if (is_new(s->handover))
		handover_new_answered(s->handover);
	else
		handover_old_answered(s->handover);
}

struct handover *handover_of(struct supervisor *s)
{
	struct handover *h = s->handover;
	if (h)
		return h;
	h = s->handover = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->s = s;
	h->listen.fd = h->peer.fd = h->next_listen = -1;
	h->limit.due = limit_due;
	return h;
}

void handover_limit(struct handover *h, uint64_t ns)
{
	loop_timer_set(&h->s->loop, &h->limit, ns == T_NEVER ? T_NEVER : h->s->loop.now_ns + ns);
}

void handover_peer_close(struct handover *h)
{
	if (h->peer.fd < 0)
		return;
	loop_del(&h->s->loop, &h->peer);
	close(h->peer.fd);
	h->peer.fd = -1;
	handover_limit(h, T_NEVER);
}

unsigned handover_workers(const struct supervisor *s)
{
	return s->handover ? s->handover->n_workers : 0;
}

bool handover_waiting(const struct supervisor *s)
{
	return s->handover && s->handover->state >= NEW_CONFIGURING && s->handover->state <= NEW_READY;
}

bool handover_busy(const struct supervisor *s)
{
	const struct handover *h = s->handover;
	return h && ((h->state >= OLD_OFFERED && h->state <= OLD_WATCHING) || h->state == NEW_DONE);
}

bool handover_paused(const struct supervisor *s)
{
	return s->handover && s->handover->state >= OLD_HOLDING && s->handover->state <= OLD_WATCHING;
}

void handover_stop_later(struct supervisor *s, bool with_lameduck)
{
	s->handover->stop_later = true;
	s->handover->stop_lameduck = with_lameduck;
}

void handover_stop_if_told(struct handover *h)
{
	if (!h->stop_later)
		return;
	h->stop_later = false;
	supervisor_stop(h->s, h->stop_lameduck);
}

void handover_release(struct supervisor *s)
{
	struct handover *h = s->handover;
	if (!h)
		return;
	handover_peer_close(h);
	handover_limit(h, T_NEVER);
	if (h->listen.fd >= 0) {
		struct handover_id now = handover_path_id(s->flags->handover);
		/* Somebody else's by now, perhaps: then it stays. */
		if (now.ino == h->path_id.ino && now.dev == h->path_id.dev)
			unlink(s->flags->handover);
		loop_del(&s->loop, &h->listen);
		close(h->listen.fd);
	}
	for (unsigned i = 0; i < h->n_http; i++)
		close(h->http[i].fd);
	fdpass_close(h->cache, h->n_caches);
	if (h->next_listen >= 0)
		close(h->next_listen);
	free(h);
	s->handover = NULL;
}
