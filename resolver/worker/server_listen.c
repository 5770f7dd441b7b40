/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each listener has a slot for life; the core knows it by its place in the
 * present configuration. A parked query remembers the slot, so that its reply
 * leaves from the right socket even when a reload moved everything.
 */
#include "resolver/worker/server_int.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

static struct listener *listener_find(struct server *s, const struct core_listener *c)
{
	for (unsigned i = 0; i < s->n_slots; i++) {
		struct listener *l = &s->listener[i];
		if (l->used && l->port == c->port && memcmp(&l->addr, &c->addr, sizeof(c->addr)) == 0)
			return l;
	}
	return NULL;
}

static void listener_close(struct server *s, struct listener *l)
{
	if (l->udp_on) {
		udp_listener_stop(&l->udp);
		udp_flush(&l->udp);
		udp_listener_release(&l->udp);
	}
	if (l->tcp_on)
		tcp_listener_stop(&l->tcp);
	if (s->tcp)
		tcp_server_place(s->tcp, (uint8_t)(l - s->listener), -1);
	if (l->udp_fd >= 0)
		close(l->udp_fd);
	if (l->tcp_fd >= 0)
		close(l->tcp_fd);
	for (unsigned k = 0; k < l->n_more; k++)
		close(l->more[k]);
	l->n_more = 0;
	l->used = l->goes = l->udp_on = l->tcp_on = false;
	l->generation++;
}

bool listener_among(const struct listener *l, const struct ctl_listener *of, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (of[i].port == l->port && memcmp(&of[i].addr, &l->addr, sizeof(l->addr)) == 0)
			return true;
	return false;
}

/* Held, and read all the same. */
static bool reads_on(const struct server *s, const struct listener *l)
{
	return listener_among(l, s->read_on, s->n_read_on);
}

static void listener_pause(struct listener *l)
{
	if (l->udp_on)
		udp_listener_stop(&l->udp);
	if (l->tcp_on)
		tcp_listener_stop(&l->tcp);
}

static int listener_start(struct server *s, struct listener *l, struct diag *d)
{
	unsigned slot = (unsigned)(l - s->listener);
	if (l->udp_fd >= 0) {
		int rc = udp_listener_init(&l->udp, l->udp_fd, s->batch, &s->shm->driver, d);
		if (rc < 0)
			return rc;
		for (unsigned k = 0; k < l->n_more; k++)
			udp_listener_add(&l->udp, l->more[k]);
		l->udp.cookie = (uint64_t)l->generation << 32 | slot;
		l->udp_on = true;
		if (udp_listener_start(&l->udp, s->loop, s->core) < 0)
			return diag_errno(d, "epoll");
	}
	if (l->tcp_fd >= 0) {
		l->tcp_on = true;
		if (tcp_listener_start(&l->tcp, s->tcp, l->tcp_fd, (uint8_t)slot) < 0)
			return diag_errno(d, "epoll");
	}
	if (s->held && !reads_on(s, l))
		listener_pause(l);
	return 0;
}

static struct listener *slot_free(struct server *s)
{
	for (unsigned i = 0; i < TCP_SLOTS; i++) {
		if (s->listener[i].used)
			continue;
		if (i >= s->n_slots)
			s->n_slots = i + 1;
		return &s->listener[i];
	}
	return NULL;
}

/* Each value of `timeouts` is the last block's at this listener that says it, as
 * CoreDNS has it. */
static void timers_of(struct tcp_timers *t, const struct corefile_plan *p, size_t listener)
{
	struct tcp_limits limits;
	tcp_limits_default(&limits);
	*t = limits.timers;
	for (size_t i = 0; i < p->n_blocks; i++) {
		const struct corefile_block *b = &p->block[i];
		if (!(b->listeners >> listener & 1))
			continue;
		t->read_ns = b->tcp_read_ns ? b->tcp_read_ns : t->read_ns;
		t->write_ns = b->tcp_write_ns ? b->tcp_write_ns : t->write_ns;
		t->idle_ns = b->tcp_idle_ns ? b->tcp_idle_ns : t->idle_ns;
		if (b->tcp_max_queries)
			t->queries_max = b->tcp_max_queries > 0 ? (uint64_t)b->tcp_max_queries : 0;
	}
}

void listeners_discard(struct server *s, struct listeners_next *next)
{
	for (unsigned i = 0; i < next->n; i++) {
		struct listener *l = next->of[i];
		if (!next->fresh[i])
			continue;
		l->udp_fd = l->tcp_fd = -1; /* they are the caller's */
		l->n_more = 0;
		listener_close(s, l);
	}
}

int listeners_prepare(struct server *s, const struct core_conf *conf, const struct server_sockets *sk,
		      struct listeners_next *next, struct diag *d)
{
	for (unsigned i = 0; i < conf->n_listeners; i++) {
		struct listener *l = listener_find(s, &conf->listener[i]);
		next->fresh[i] = !l;
		next->of[i] = l ? l : slot_free(s);
		next->n++;
		if (l)
			continue;
		l = next->of[i];
		assert(l); /* as many for the old ones as for the new ones */
		l->used = true;
		l->addr = conf->listener[i].addr;
		l->port = conf->listener[i].port;
		l->udp_fd = sk->udp[i];
		l->tcp_fd = sk->tcp[i];
		l->n_more = sk->n_more[i];
		memcpy(l->more, sk->more[i], l->n_more * sizeof(int));
		int rc = listener_start(s, l, d);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void listeners_commit(struct server *s, const struct server_sockets *sk, struct listeners_next *next)
{
	for (unsigned i = 0; i < s->n_slots; i++)
		if (s->listener[i].goes) {
			listener_pause(&s->listener[i]);
			tcp_server_place(s->tcp, (uint8_t)i, -1);
		}
	for (unsigned i = 0; i < next->n; i++) {
		struct listener *l = next->of[i];
		uint8_t slot = (uint8_t)(l - s->listener);
		struct tcp_timers timers;
		if (!next->fresh[i]) {
			close(sk->udp[i]);
			close(sk->tcp[i]);
			for (unsigned k = 0; k < sk->n_more[i]; k++)
				close(sk->more[i][k]);
		}
		l->udp.index = (uint8_t)i;
		l->udp.core = s->core;
		timers_of(&timers, s->plan, i);
		tcp_server_set_timers(s->tcp, slot, &timers);
		tcp_server_place(s->tcp, slot, (int)i);
	}
}

void listeners_pause(struct server *s, bool all)
{
	for (unsigned i = 0; i < s->n_slots; i++)
		if (all || !reads_on(s, &s->listener[i]))
			listener_pause(&s->listener[i]);
}

/* What has arrived has come in time, however long this process had no processor; but for what others read. */
static void listener_empty(struct server *s, struct listener *l)
{
	if (s->held && !reads_on(s, l))
		return;
	if (l->udp_on)
		udp_listener_empty(&l->udp);
	if (l->tcp_on)
		tcp_listener_empty(&l->tcp);
}

void listeners_empty(struct server *s)
{
	for (unsigned i = 0; i < s->n_slots; i++)
		listener_empty(s, &s->listener[i]);
}

void listeners_going(struct server *s, const struct listeners_next *next)
{
	bool keep[TCP_SLOTS] = { 0 };
	for (unsigned i = 0; i < next->n; i++)
		keep[next->of[i] - s->listener] = true;
	for (unsigned i = 0; i < s->n_slots; i++) {
		struct listener *l = &s->listener[i];
		l->goes = l->used && !keep[i];
		if (l->goes)
			listener_empty(s, l);
	}
}

void listeners_gone(struct server *s)
{
	for (unsigned i = 0; i < s->n_slots; i++)
		if (s->listener[i].goes)
			listener_close(s, &s->listener[i]);
}

static void udp_leave(struct listener *l)
{
	udp_flush(&l->udp);
	udp_listener_release(&l->udp);
	close(l->udp_fd);
	for (unsigned k = 0; k < l->n_more; k++)
		close(l->more[k]);
	l->udp_fd = -1;
	l->n_more = 0;
	l->udp_on = false;
	l->generation++; /* nobody is answered through it any more */
}

void listeners_leave(struct server *s, bool udp)
{
	listeners_pause(s, false);
	for (unsigned i = 0; i < s->n_slots; i++) {
		struct listener *l = &s->listener[i];
		if (reads_on(s, l))
			continue;
		if (l->tcp_on) {
			close(l->tcp_fd);
			l->tcp_fd = -1;
			l->tcp_on = false;
		}
		if (udp && l->udp_on)
			udp_leave(l);
	}
}

int listeners_resume(struct server *s, struct diag *d)
{
	for (unsigned i = 0; i < s->n_slots; i++) {
		struct listener *l = &s->listener[i];
		if (reads_on(s, l))
			continue;
		if (l->udp_on && udp_listener_start(&l->udp, s->loop, s->core) < 0)
			return diag_errno(d, "epoll");
		if (l->tcp_on && tcp_listener_start(&l->tcp, s->tcp, l->tcp_fd, (uint8_t)i) < 0)
			return diag_errno(d, "epoll");
	}
	return 0;
}

void listeners_close(struct server *s)
{
	for (unsigned i = 0; i < s->n_slots; i++)
		if (s->listener[i].used)
			listener_close(s, &s->listener[i]);
}
