/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's life: begun, configured, handed over to another, ended. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/checked.h"
#include "lib/base/clock.h"
#include "tests/fuzz/daemon/diary.h"
#include "tests/fuzz/daemon/world.h"

static struct shm_worker shm;

static void reload_note(unsigned conf)
{
	if (w.n_reloads)
		w.reload[w.n_reloads - 1].to_ns = k.now_ns;
	w.reload[w.n_reloads++] =
		(struct wreload){.conf = conf, .from_ns = k.now_ns, .to_ns = T_NEVER};
	w.last_reload_ns = k.now_ns;
	w.is_damaged |= conf_says_anything(conf);
}

static void sockets_open(const struct corefile_plan *p, struct server_sockets *sk)
{
	memset(sk, 0, sizeof(*sk));
	for (size_t i = 0; i < p->conf.n_listeners; i++) {
		const struct core_listener *l = &p->conf.listener[i];

		sk->udp[i] = kernel_listener(K_UDP, &l->addr, l->port, 0);
		sk->tcp[i] = kernel_listener(K_LISTEN, &l->addr, l->port, 0);
		for (sk->n_more[i] = 0; sk->n_more[i] < QUEUES - 1; sk->n_more[i]++)
			sk->more[i][sk->n_more[i]] =
				kernel_listener(K_UDP, &l->addr, l->port, sk->n_more[i] + 1);
	}
}

static void sockets_close(const struct corefile_plan *p, const struct server_sockets *sk)
{
	for (size_t i = 0; i < p->conf.n_listeners; i++) {
		close(sk->udp[i]);
		close(sk->tcp[i]);
		for (unsigned j = 0; j < sk->n_more[i]; j++)
			close(sk->more[i][j]);
	}
}

/* The listeners of the old configuration lose what waits in their queues. Where it
 * fails, nothing has changed, and plan and sockets are ours again. */
static void configure(unsigned conf, struct corefile_plan *p, const struct server_sockets *sk,
		      bool may_fail)
{
	struct diag d = {""};

	if (server_configure(w.server, &p, sk, &d) == 0) {
		reload_note(conf);
		return;
	}
	if (!may_fail || !p || !d.text[0])
		fault_found("a good configuration is not taken: %s", d.text);
	sockets_close(p, sk);
	corefile_plan_free(p);
}

/* `failing`: a system call of it fails, the one after so many. */
void life_reload(unsigned conf, unsigned failing)
{
	struct server_sockets sk;
	struct corefile_plan *p;

	if (w.n_reloads == RELOADS_MAX)
		return;
	conf_plan(conf, &p);
	sockets_open(p, &sk);
	k.fault[KC_EPOLL_ADD].count = k.fault[KC_GETSOCKNAME].count = 0;
	if (failing) {
		enum kcall c = failing & 1 ? KC_EPOLL_ADD : KC_GETSOCKNAME;

		k.fault[c].err = ENOMEM;
		k.fault[c].count = 1;
		k.fault[c].after = failing >> 1 & 7;
	}
	configure(conf, p, &sk, failing);
	k.fault[KC_EPOLL_ADD].count = k.fault[KC_GETSOCKNAME].count = 0;
}

static void (*flush_all)(void *ctx);

/* Builds with sanitizers look by themselves. */
static void before_sleep(void *ctx)
{
	flush_all(ctx);
	if (!CHECKED)
		server_check(w.server);
}

void life_begin(void)
{
	struct diag d;

	k.fault[KC_EPOLL_ADD].count = 0;
	if (loop_init(&w.loop, &d) < 0 || server_new(&w.server, &w.loop, &shm, &w.probes, &d) < 0)
		abort();
	flush_all = w.loop.before_sleep;
	w.loop.before_sleep = before_sleep;
}

void life_end(void)
{
	server_free(w.server);
	loop_release(&w.loop);
	w.n_waiting = 0;
}

/* Another process takes over: the sockets are the same, the cache is handed on. */
void life_hand_over(unsigned conf)
{
	struct {
		struct core_entry e;
		uint8_t *b;
	} *kept = NULL;
	struct server_sockets sk;
	struct corefile_plan *p;
	struct core_entry e;
	size_t cursor = 0, n = 0;

	if (w.n_reloads == RELOADS_MAX)
		return;
	conf_plan(conf, &p);
	sockets_open(p, &sk);
	server_hold(w.server, NULL, 0);
	while (core_entry_next(server_core(w.server), &cursor, &e)) {
		kept = realloc(kept, (n + 1) * sizeof(*kept));
		assert(kept);
		kept[n].b = malloc(e.len + 256 + e.ede_len);
		assert(kept[n].b);
		memcpy(kept[n].b, e.msg, e.len);
		name_lower(kept[n].b + e.len, e.name);
		if (e.ede)
			memcpy(kept[n].b + e.len + 256, e.ede, e.ede_len);
		e.msg = kept[n].b;
		e.name = kept[n].b + e.len;
		e.ede = e.ede ? kept[n].b + e.len + 256 : NULL;
		kept[n++].e = e;
	}
	for (unsigned i = 0; i < w.n_queries; i++)
		w.query[i].over |= w.query[i].arrived;
	diary_sum_up();
	life_end();
	shm.core.waiters = shm.core.inflight = shm.core.clients = 0; /* a row of its own */
	life_begin();
	k.fault[KC_EPOLL_ADD].count = k.fault[KC_GETSOCKNAME].count = 0;
	configure(conf, p, &sk, false);
	for (size_t i = 0; i < n; i++) {
		core_entry_put(server_core(w.server), k.now_ns, &kept[i].e);
		free(kept[i].b);
	}
	free(kept);
	w.has_handed = true;
	w.is_held = false;
}

void life_hold(void)
{
	struct diag d;

	k.fault[KC_EPOLL_ADD].count = 0;
	if (!w.is_held)
		server_hold(w.server, NULL, 0);
	else if (server_serve(w.server, &d) < 0)
		fault_found("serving does not go on");
	w.is_held = !w.is_held;
}

/* Rows of counters that no run has used are still zero. */
void life_reset(void)
{
	for (unsigned i = 0; i < shm.core.n_servers; i++)
		memset(&shm.core.server[i], 0, sizeof(shm.core.server[i]));
	for (unsigned i = 0; i < shm.core.n_upstreams; i++)
		memset(&shm.core.upstream[i], 0, sizeof(shm.core.upstream[i]));
	for (unsigned i = 0; i < shm.core.n_events; i++)
		memset(&shm.core.event[i], 0, sizeof(shm.core.event[i]));
	memset(&shm.core, 0, offsetof(struct core_stats, server));
	memset(&shm.driver, 0, sizeof(shm.driver));
	w.shm = &shm;
	w.is_held = false;
}
