/* SPDX-License-Identifier: Apache-2.0 */
/* The little that both sides do alike. */
#include "resolver/handover/handover_session.h"

#include <sys/epoll.h>
#include <unistd.h>

void handover_limit(struct handover *h, uint64_t ns)
{
	struct loop *loop = h->host->loop;
	loop_timer_set(loop, &h->limit, ns == T_NEVER ? T_NEVER : loop->now_ns + ns);
}

void handover_peer_close(struct handover *h)
{
	if (h->peer.fd < 0)
		return;
	loop_del(h->host->loop, &h->peer);
	close(h->peer.fd);
	h->peer.fd = -1;
	handover_limit(h, T_NEVER);
}

bool handover_heard(struct handover *h)
{
	enum handover_state before = h->state;
	if (h->peer.fd < 0)
		return false;
	h->peer.ready(&h->peer, EPOLLIN);
	return h->peer.fd < 0 || h->state != before;
}

bool handover_holds(const struct handover *h)
{
	return h->state >= OLD_HOLDING && h->state <= OLD_WATCHING;
}
