/* SPDX-License-Identifier: Apache-2.0 */
/* One hand-over, whichever side it is; see the header for the whole. */
#include "resolver/handover/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "resolver/handover/handover_claim.h"
#include "resolver/handover/handover_new.h"
#include "resolver/handover/handover_old.h"
#include "resolver/net/fdpass.h"

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

void handover_answered(struct handover *h)
{
	if (is_new(h))
		handover_new_answered(h);
	else
		handover_old_answered(h);
}

int handover_take(struct handover *h, struct diag *d)
{
	return handover_new_take(h, d);
}

void handover_configured(struct handover *h)
{
	handover_new_configured(h);
}

void handover_serving(struct handover *h)
{
	handover_new_serving(h);
}

bool handover_told(const struct handover *h)
{
	return h->told;
}

unsigned handover_workers(const struct handover *h)
{
	return h->n_workers;
}

bool handover_waiting(const struct handover *h)
{
	return h->state >= NEW_CONFIGURING && h->state <= NEW_READY;
}

bool handover_busy(const struct handover *h)
{
	return (h->state >= OLD_OFFERED && h->state <= OLD_WATCHING) || h->state == NEW_DONE;
}

bool handover_paused(const struct handover *h)
{
	return handover_holds(h);
}

/* It closes at once what does not greet, and takes one greeting at a time: a
 * full queue is an answer, too. */
bool handover_followed(const struct handover *h)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *path = h->host->path;
	int fd, rc;
	if (strlen(path) >= sizeof(sa.sun_path))
		return false;
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true; /* short of descriptors: look again later */
	rc = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	bool there = rc == 0 || errno == EAGAIN;
	close(fd);
	return there;
}

struct handover *handover_new(const struct handover_host *host)
{
	struct handover *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->host = host;
	h->listen.fd = h->peer.fd = h->next_listen = h->claim = -1;
	h->limit.due = limit_due;
	return h;
}

void handover_free(struct handover *h)
{
	if (!h)
		return;
	handover_peer_close(h);
	handover_limit(h, T_NEVER);
	loop_timer_set(h->host->loop, &h->rest, T_NEVER);
	handover_claim_end(h->host->path, &h->claim);
	if (h->listen.fd >= 0) {
		struct handover_id now = handover_path_id(h->host->path);
		/* Somebody else's by now, perhaps: then it stays. */
		if (now.ino == h->path_id.ino && now.dev == h->path_id.dev)
			unlink(h->host->path);
		loop_del(h->host->loop, &h->listen);
		close(h->listen.fd);
	}
	for (unsigned i = 0; i < h->n_http; i++)
		close(h->http[i].fd);
	fdpass_close(h->cache, h->n_caches);
	if (h->next_listen >= 0)
		close(h->next_listen);
	free(h);
}
