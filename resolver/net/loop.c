/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers sit in a pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986):
 * arming is one comparison, and no table has to grow when connections come.
 *
 * A sleep with a timeout has the kernel set one of the processor's timers and
 * cancel it again, which on a virtual machine costs more than an answer. So a
 * deadline that is not near is given to an alarm, once: sleeps before it need no
 * timeout, and it is moved only forward or when it has rung. What it was set for
 * may have gone by then; that is one wake-up too many in at least ALARM_MIN_NS.
 */
#include "resolver/net/loop.h"

#include <assert.h>
#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/checked.h"
#include "lib/base/clock.h"
#include "lib/base/hot.h"

#define ALARM_MIN_NS (100 * NS_PER_MS) /* nearer deadlines are timeouts */

/* EPOLLET: it is told once, and needs no reading. */
static void alarm_rang(struct loop_fd *w, uint32_t events)
{
	(void)events;
	container_of(w, struct loop, alarm)->alarm_ns = T_NEVER;
}

int loop_init(struct loop *l, struct diag *d)
{
	*l = (struct loop){ .epfd = epoll_create1(EPOLL_CLOEXEC), .alarm_ns = T_NEVER };
	if (l->epfd < 0)
		return diag_errno(d, "epoll_create1");
	l->alarm.ready = alarm_rang;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (fd < 0 || loop_add(l, &l->alarm, fd, EPOLLIN | EPOLLET) < 0) {
		int rc = diag_errno(d, "timerfd_create");
		if (fd >= 0)
			close(fd);
		loop_release(l);
		return rc;
	}
	l->now_ns = clock_mono_ns();
	return 0;
}

void loop_release(struct loop *l)
{
	if (l->alarm.registered)
		close(l->alarm.fd);
	l->alarm.registered = false;
	if (l->epfd > 0)
		close(l->epfd);
	l->epfd = -1;
}

/* --- descriptors --- */

int loop_add(struct loop *l, struct loop_fd *w, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };
	assert(w->ready && !w->registered);
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return ERR_SYS;
	w->fd = fd;
	w->events = events;
	w->registered = true;
	return 0;
}

void loop_mod(struct loop *l, struct loop_fd *w, uint32_t events)
{
	if (w->events == events)
		return;
	struct epoll_event ev = { .events = events, .data.ptr = w };
	int rc = epoll_ctl(l->epfd, EPOLL_CTL_MOD, w->fd, &ev);
	assert(rc == 0);
	(void)rc;
	w->events = events;
}

void loop_del(struct loop *l, struct loop_fd *w)
{
	if (!w->registered)
		return;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	loop_forget(l, w);
}

void loop_forget(struct loop *l, struct loop_fd *w)
{
	w->registered = false;
	w->events = 0;
	for (int i = l->n_ev; i-- > l->at_ev;)
		if (l->ev[i].data.ptr == w)
			l->ev[i].data.ptr = NULL;
}

/* --- timers --- */

static struct loop_timer *meld(struct loop_timer *a, struct loop_timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->at_ns < a->at_ns) {
		struct loop_timer *t = a;
		a = b;
		b = t;
	}
	b->next = a->child;
	if (b->next)
		b->next->prev = &b->next;
	a->child = b;
	b->prev = &a->child;
	return a;
}

/* Siblings in pairs from the left, then all together from the right. A root's `next`
 * means nothing: whoever loses gets another. */
static struct loop_timer *meld_all(struct loop_timer *first)
{
	struct loop_timer *pairs = NULL, *root = NULL;
	while (first) {
		struct loop_timer *a = first, *b = a->next;
		first = b ? b->next : NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct loop_timer *rest = pairs->next;
		root = meld(root, pairs);
		pairs = rest;
	}
	return root;
}

static void timer_remove(struct loop *l, struct loop_timer *t)
{
	struct loop_timer *below = meld_all(t->child);
	if (t == l->timers) {
		l->timers = below;
	} else {
		*t->prev = t->next;
		if (t->next)
			t->next->prev = t->prev;
		l->timers = meld(l->timers, below);
	}
	t->child = NULL;
	t->armed = false;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ns)
{
	if (t->armed) {
		if (t->at_ns == at_ns)
			return;
		timer_remove(l, t);
	}
	t->at_ns = at_ns;
	if (at_ns == T_NEVER)
		return;
	assert(t->due);
	t->armed = true;
	l->timers = meld(l->timers, t);
}

uint64_t loop_deadline(const struct loop *l)
{
	return l->timers ? l->timers->at_ns : T_NEVER;
}

static void timers_run(struct loop *l)
{
	while (l->timers && l->timers->at_ns <= l->now_ns) {
		struct loop_timer *t = l->timers;
		timer_remove(l, t);
		t->due(t);
	}
}

/* --- rounds --- */

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) };
}

/* Will the alarm end a sleep that must not last beyond `until_ns`? */
static bool alarm_suffices(struct loop *l, uint64_t until_ns)
{
	if (l->alarm_ns <= until_ns)
		return true;
	if (until_ns < l->now_ns + ALARM_MIN_NS)
		return false;
	struct itimerspec at = { .it_value = timespec_of(until_ns) };
	if (timerfd_settime(l->alarm.fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
		return false;
	l->alarm_ns = until_ns;
	return true;
}

/* Waits with the timer's own resolution; kernels before 5.11 round up to 1 ms. */
static int wait_events(struct loop *l, uint64_t until_ns)
{
	struct timespec ts, *pts = NULL;
	if (!alarm_suffices(l, until_ns)) {
		uint64_t now = clock_mono_ns();
		ts = timespec_of(until_ns > now ? until_ns - now : 0);
		pts = &ts;
	}
	int n = epoll_pwait2(l->epfd, l->ev, LOOP_EVENTS, pts, NULL);
	if (n == -1 && (errno == ENOSYS || errno == EPERM)) { /* EPERM: an old container runtime's filter */
		int ms = -1;
		if (pts)
			ms = ts.tv_sec > 86400 ? 86400000
					       : (int)(ts.tv_sec * 1000 + (ts.tv_nsec + 999999) / 1000000);
		n = epoll_wait(l->epfd, l->ev, LOOP_EVENTS, ms);
	}
	return n == -1 && errno == EINTR ? 0 : n;
}

HOT static inline void events_run(struct loop *l, int n)
{
	l->n_ev = n;
	for (l->at_ev = 0; l->at_ev < l->n_ev;) {
		struct epoll_event *e = &l->ev[l->at_ev++];
		struct loop_fd *w = e->data.ptr;
		if (w)
			w->ready(w, e->events);
	}
}

int loop_nest(struct loop *sub, struct loop_fd *w, struct loop *l)
{
	*sub = (struct loop){ .epfd = epoll_create1(EPOLL_CLOEXEC), .alarm_ns = T_NEVER };
	if (sub->epfd >= 0 && loop_add(l, w, sub->epfd, EPOLLIN) == 0)
		return 0;
	if (sub->epfd >= 0)
		close(sub->epfd);
	sub->epfd = -1;
	return ERR_SYS;
}

void loop_unnest(struct loop *sub, struct loop_fd *w, struct loop *l)
{
	if (sub->epfd < 0)
		return;
	loop_del(l, w);
	close(sub->epfd);
	sub->epfd = -1;
}

void loop_turn(struct loop *sub, unsigned max)
{
	assert(max <= LOOP_EVENTS);
	events_run(sub, epoll_wait(sub->epfd, sub->ev, (int)max, 0));
}

HOT int loop_step(struct loop *l, uint64_t until_ns)
{
	if (l->before_sleep)
		l->before_sleep(l->ctx);
	if (loop_deadline(l) < until_ns)
		until_ns = loop_deadline(l);
	int n = wait_events(l, until_ns);
	l->now_ns = clock_mono_ns();
	if (n < 0)
		return ERR_SYS;
	events_run(l, n);
	timers_run(l);
	IF_CHECKED(loop_check(l));
	return 0;
}

int loop_run(struct loop *l)
{
	while (!l->stop) {
		int rc = loop_step(l, T_NEVER);
		if (rc < 0)
			return rc;
	}
	if (l->before_sleep)
		l->before_sleep(l->ctx);
	return 0;
}
