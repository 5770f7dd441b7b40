/* SPDX-License-Identifier: Apache-2.0 */
/* epoll and one timerfd, one event a turn. */
#include "kind-e2e/load/evloop.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/base/clock.h"

int evloop_open(struct evloop *l, struct diag *d)
{
	struct epoll_event tick = {.events = EPOLLIN, .data.ptr = NULL};

	l->timer_ns = T_NEVER;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->epoll_fd < 0 || l->timer_fd < 0 ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->timer_fd, &tick))
		return diag_errno(d, "event loop");
	return 0;
}

void evloop_close(struct evloop *l)
{
	close(l->timer_fd);
	close(l->epoll_fd);
}

int evloop_add(struct evloop *l, struct ev *e, uint32_t events)
{
	struct epoll_event ep = {.events = events, .data.ptr = e};

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, e->fd, &ep) ? ERR_SYS : 0;
}

void evloop_mod(struct evloop *l, struct ev *e, uint32_t events)
{
	struct epoll_event ep = {.events = events, .data.ptr = e};

	epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, e->fd, &ep);
}

void evloop_del(struct evloop *l, struct ev *e)
{
	if (e->fd < 0)
		return;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, e->fd, NULL);
	close(e->fd);
	e->fd = -1;
}

static void arm(struct evloop *l, uint64_t deadline_ns)
{
	struct itimerspec t = {0};

	if (deadline_ns == l->timer_ns)
		return;
	l->timer_ns = deadline_ns;
	if (deadline_ns != T_NEVER) {
		t.it_value.tv_sec = (time_t)(deadline_ns / NS_PER_S);
		t.it_value.tv_nsec = (long)(deadline_ns % NS_PER_S) | 1; /* all zero would disarm */
	}
	timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

void evloop_turn(struct evloop *l, uint64_t deadline_ns)
{
	struct epoll_event ep;
	uint64_t ticks;

	arm(l, deadline_ns);
	if (epoll_wait(l->epoll_fd, &ep, 1, -1) != 1)
		return;
	if (ep.data.ptr) {
		struct ev *e = ep.data.ptr;

		e->ready(e, ep.events);
	} else if (read(l->timer_fd, &ticks, sizeof ticks) == sizeof ticks) {
		l->timer_ns = T_NEVER;
	}
}
