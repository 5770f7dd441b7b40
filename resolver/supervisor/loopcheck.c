/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question that is answered without having been seen by a worker does not
 * loop; one that is seen does; silence says nothing and leaves things as they
 * were. While something is left out it is asked again from time to time.
 */
#include "resolver/supervisor/loopcheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"
#include "resolver/net/sockaddr.h"

#define STEP_NS      (250 * NS_PER_MS)
#define STEPS        20 /* how long an answer is waited for */
#define RESEND_EVERY 4
#define AGAIN_NS     (30 * NS_PER_S)

struct probe {
	struct loopcheck *all;
	struct loop_fd watch;
	struct corefile_loop at;
	char name[400];
	uint8_t query[DNS_HEADER_LEN + NAME_MAX_WIRE + 4];
	size_t len;
	bool open;
};

struct loopcheck {
	struct loop *loop;
	struct loopcheck_shared *shared;
	void (*changed)(void *ctx);
	void *ctx;
	struct loop_timer timer;
	unsigned n, n_open, step, last_step;
	bool is_changed;
	char listener[64];
	struct probe probe[CORE_PROBES_MAX];
};

/* --- what was found --- */

static bool loop_eq(const struct corefile_loop *a, const struct corefile_loop *b)
{
	return a->port == b->port && a->scope_id == b->scope_id && memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0 &&
	       strcmp(a->zone, b->zone) == 0;
}

static int found_index(const struct loopcheck *c, const struct corefile_loop *at)
{
	for (uint32_t i = 0; i < c->shared->n_found; i++)
		if (loop_eq(&c->shared->found[i], at))
			return (int)i;
	return -1;
}

static void probe_close(struct probe *p)
{
	if (!p->open)
		return;
	loop_del(p->all->loop, &p->watch);
	close(p->watch.fd);
	p->open = false;
	p->all->n_open--;
}

static void probe_loops(struct probe *p)
{
	struct loopcheck *c = p->all;
	char text[SOCKADDR_TEXT];
	probe_close(p);
	if (found_index(c, &p->at) >= 0 || c->shared->n_found == LOOPS_MAX)
		return;
	log_error("plugin/loop: Loop (%s -> %s) detected for zone \"%s\", see "
		  "https://coredns.io/plugins/loop#troubleshooting. Query: \"HINFO %s\". "
		  "This upstream is left out", sockaddr_text(text, &p->at.addr, p->at.port),
		  c->listener, p->at.zone, p->name);
	c->shared->found[c->shared->n_found++] = p->at;
	c->is_changed = true;
	c->last_step = c->step + 1; /* others that loop show it by then */
}

static void probe_answered(struct probe *p)
{
	struct loopcheck *c = p->all;
	int i = found_index(c, &p->at);
	char text[SOCKADDR_TEXT];
	probe_close(p);
	if (i < 0)
		return;
	log_info("plugin/loop: %s no longer leads back to us", sockaddr_text(text, &p->at.addr, p->at.port));
	c->shared->found[i] = c->shared->found[--c->shared->n_found];
	c->is_changed = true;
}

/* --- a run --- */

static bool probe_seen(const struct probe *p)
{
	return __atomic_load_n(&p->all->shared->probes.probe[p - p->all->probe].seen, __ATOMIC_ACQUIRE);
}

static void run_end(struct loopcheck *c)
{
	for (unsigned i = 0; i < c->n; i++)
		probe_close(&c->probe[i]);
	memset(&c->shared->probes, 0, sizeof(c->shared->probes));
	loop_timer_set(c->loop, &c->timer,
		       c->shared->n_found ? c->loop->now_ns + AGAIN_NS : T_NEVER);
	c->step = STEPS;
	if (c->is_changed) {
		c->is_changed = false;
		c->changed(c->ctx);
	}
}

static void probe_ready(struct loop_fd *w, uint32_t events)
{
	struct probe *p = container_of(w, struct probe, watch);
	struct loopcheck *c = p->all;
	uint8_t b[512];
	(void)events;
	ssize_t n = recv(w->fd, b, sizeof(b), 0);
	if (n >= DNS_HEADER_LEN && memcmp(b, p->query, 2) == 0 && b[2] & 0x80) {
		if (probe_seen(p))
			probe_loops(p);
		else
			probe_answered(p);
	}
	if (c->n_open == 0)
		run_end(c);
}

static void probe_send(struct probe *p)
{
	if (send(p->watch.fd, p->query, p->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* it is asked again, and nothing else would help */
}

static void again(struct loopcheck *c);

static void timer_due(struct loop_timer *t)
{
	struct loopcheck *c = container_of(t, struct loopcheck, timer);
	if (c->step >= STEPS) {
		again(c);
		return;
	}
	c->step++;
	for (unsigned i = 0; i < c->n; i++) {
		struct probe *p = &c->probe[i];
		if (p->open && probe_seen(p))
			probe_loops(p);
		else if (p->open && c->step % RESEND_EVERY == 0)
			probe_send(p);
	}
	if (c->n_open == 0 || c->step >= c->last_step)
		run_end(c);
	else
		loop_timer_set(c->loop, &c->timer, c->loop->now_ns + STEP_NS);
}

static int query_make(struct probe *p, struct core_probe *watched)
{
	struct dns_header h = { .id = rng_os_u16(), .flags = DNS_RD, .n_qd = 1 };
	struct wire_out o;
	struct name name;
	snprintf(p->name, sizeof(p->name), "%016llu.%016llu.%s",
		 (unsigned long long)(rng_os_u64() % 10000000000000000u),
		 (unsigned long long)(rng_os_u64() % 10000000000000000u),
		 strcmp(p->at.zone, ".") ? p->at.zone : "");
	if (name_from_text(&name, p->name) != 0)
		return -1;
	wire_out_init(&o, p->query, sizeof(p->query));
	wire_put_header(&o, &h);
	wire_put_question(&o, name.b, DNS_HINFO, DNS_IN);
	p->len = o.len;
	memcpy(watched->labels, name.b, sizeof(watched->labels));
	return o.err ? -1 : 0;
}

static void probe_open(struct loopcheck *c, const struct corefile_loop *at)
{
	struct probe *p = &c->probe[c->n];
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, &at->addr, at->port, at->scope_id);
	if (c->n == CORE_PROBES_MAX)
		return;
	for (unsigned i = 0; i < c->n; i++)
		if (loop_eq(&c->probe[i].at, at))
			return;
	*p = (struct probe){ .all = c, .at = *at, .watch.ready = probe_ready };
	int fd = socket(sa.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (query_make(p, &c->shared->probes.probe[c->n]) < 0 || connect(fd, &sa.sa, len) < 0 ||
	    loop_add(c->loop, &p->watch, fd, EPOLLIN) < 0) {
		close(fd);
		return;
	}
	p->open = true;
	c->n++;
	c->n_open++;
	probe_send(p);
}

static void run_begin(struct loopcheck *c)
{
	for (unsigned i = 0; i < c->n; i++)
		probe_close(&c->probe[i]);
	memset(&c->shared->probes, 0, sizeof(c->shared->probes));
	c->n = c->n_open = c->step = 0;
	c->last_step = STEPS;
}

static void run_go(struct loopcheck *c)
{
	for (uint32_t i = 0; i < c->shared->n_found; i++)
		probe_open(c, &c->shared->found[i]);
	if (c->n_open)
		loop_timer_set(c->loop, &c->timer, c->loop->now_ns + STEP_NS);
	else
		run_end(c);
}

static void again(struct loopcheck *c)
{
	run_begin(c);
	run_go(c);
}

static void zone_probe(struct loopcheck *c, const struct corefile_plan *p, const struct core_zone *z)
{
	struct corefile_loop at = { .port = 0 };
	name_to_text(z->origin.b, at.zone, sizeof(at.zone));
	for (size_t f = 0; f < z->n_forward; f++)
		for (size_t i = 0; i < z->forward[f].n_to; i++) {
			uint16_t u = z->forward[f].to[i];
			at.addr = p->conf.upstream[u].addr;
			at.port = p->conf.upstream[u].port;
			at.scope_id = p->upstream[u].scope_id;
			if (!core_transport_is_tls(p->conf.upstream[u].transport)) /* we do not speak it */
				probe_open(c, &at);
		}
}

void loopcheck_run(struct loopcheck *c, const struct corefile_plan *p)
{
	uint16_t block = UINT16_MAX;
	run_begin(c);
	snprintf(c->listener, sizeof(c->listener), "%s",
		 p->conf.n_listeners && p->conf.listener[0].label ? p->conf.listener[0].label : "");
	for (size_t i = 0; i < p->conf.n_zones; i++) {
		const struct core_zone *z = &p->conf.zone[i];
		if (z->block != block && z->block < p->n_blocks && p->block[z->block].loop)
			zone_probe(c, p, z); /* the first zone of a block stands for it, as in CoreDNS */
		block = z->block;
	}
	run_go(c);
}

/* --- life --- */

struct loopcheck *loopcheck_new(struct loop *loop, struct loopcheck_shared *shared,
				void (*changed)(void *ctx), void *ctx)
{
	struct loopcheck *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->loop = loop;
	c->shared = shared;
	c->changed = changed;
	c->ctx = ctx;
	c->step = STEPS;
	c->timer.due = timer_due;
	return c;
}

void loopcheck_free(struct loopcheck *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->n; i++)
		probe_close(&c->probe[i]);
	loop_timer_set(c->loop, &c->timer, T_NEVER);
	free(c);
}
