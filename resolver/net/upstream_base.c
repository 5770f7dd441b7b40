/* SPDX-License-Identifier: Apache-2.0 */
/* What every transport does when something ends or cannot begin. */
#include "resolver/net/upstream_base.h"

#include <errno.h>

enum core_fail_why upstream_why(int err_no)
{
	switch (err_no) {
	case ECONNREFUSED:
		return CORE_FAIL_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return CORE_FAIL_CLOSED;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case EADDRNOTAVAIL:
	case EAGAIN:
		return CORE_FAIL_NOSOCKET;
	default:
		return CORE_FAIL_UNREACHABLE;
	}
}

bool upstream_descriptor_make(struct upstreams *u, int err_no)
{
	return (err_no == EMFILE || err_no == ENFILE) && u->events.descriptor_make &&
	       u->events.descriptor_make(u->events.ctx);
}

void upstream_fail_later(struct upstreams *u, struct ask *a, enum core_fail_why why)
{
	if (why == CORE_FAIL_NOSOCKET)
		u->stats->up_no_socket++;
	a->place = ASK_FAILED;
	a->why = (uint8_t)why;
	a->list_next = NULL;
	*u->failed_end = a;
	u->failed_end = &a->list_next;
}

void upstream_ask_failed(struct upstreams *u, struct ask *a, enum core_fail_why why)
{
	uint32_t id = a->id;
	asks_free(&u->asks, a);
	u->events.fail(u->events.ctx, id, why);
}
