/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cell from up to down: namespaces, servers, loads, snapshots, and whatever happens
 * the way back.
 */
#include "kind-e2e/cell/cell.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kind-e2e/lab/kubeproxy.h"
#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"
#include "lib/base/clock.h"

#define READY_LIMIT_NS (10 * NS_PER_S)
#define SAMPLE_NS (250 * NS_PER_MS)
#define LOAD_HEADSTART (500 * NS_PER_MS)
/* Beyond the scenario's own end: the longest a stub resolver can hold on. */
#define LOAD_GRACE_NS (120 * NS_PER_S)

static void *shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* The self-check stands apart: it says nothing of the scenario. */
static int make_dir(struct cell *c, struct diag *d)
{
	size_t n = (size_t)snprintf(c->dir, sizeof c->dir, "%s/%s", c->lab->out,
				    c->spec.empty ? "self-check" : c->name);

	if (n >= sizeof c->dir || (c->spec.empty && n + sizeof "/empty" > sizeof c->dir))
		return diag_set(d, ERR_LIMIT, "%s: path too long", c->lab->out);
	if (mkdir(c->dir, 0755) && errno != EEXIST)
		return diag_errno(d, "%s", c->dir);
	if (!c->spec.empty)
		return 0;
	strcpy(c->dir + n, "/empty");
	return mkdir(c->dir, 0755) && errno != EEXIST ? diag_errno(d, "%s", c->dir) : 0;
}

int cell_init(struct cell *c, const struct lab *lab, const struct cell_spec *spec, struct diag *d)
{
	int code;

	memset(c, 0, sizeof *c);
	c->lab = lab;
	c->spec = *spec;
	c->first = spec->ip == SCEN_IP6 ? TOPO_V6 : TOPO_V4;
	cell_spec_str(spec, c->name);
	code = topo_plan(&c->topo, lab->s, spec->ip, d);
	code = code ? code : make_dir(c, d);
	if (code)
		return code;
	c->served = shared_memory(CELL_SERVERS_MAX * sizeof c->served[0]);
	c->loads = shared_memory(TOPO_PODS_MAX * sizeof c->loads[0]);
	c->gai = shared_memory(sizeof c->gai[0]);
	if (!c->served || !c->loads || !c->gai)
		return diag_set(d, ERR_NOMEM, "%s: no memory", c->name);
	return 0;
}

void cell_release(struct cell *c)
{
	if (c->served)
		munmap(c->served, CELL_SERVERS_MAX * sizeof c->served[0]);
	if (c->loads)
		munmap(c->loads, TOPO_PODS_MAX * sizeof c->loads[0]);
	if (c->gai)
		munmap(c->gai, sizeof c->gai[0]);
	free(c->samples);
	free(c->world);
}

/* --- up ------------------------------------------------------------------------- */

static int server_body(void *arg)
{
	return backend_main(arg);
}

static int start_server(struct cell *c, unsigned i, struct diag *d)
{
	bool external = i == c->topo.n_backends;
	/* the self-check knows its delay */
	static const struct scen_delay known = {CELL_EMPTY_DELAY_NS, CELL_EMPTY_DELAY_NS};
	struct backend_conf conf = {.id = c->server_id[i],
				    .zone = c->lab->zone,
				    .delay = c->no_delay ? (struct scen_delay){0, 0}
					     : c->spec.empty ? known : c->lab->s->backend_delay,
				    .seed = c->lab->s->seed + i,
				    .shared = &c->served[i]};
	char ns[32] = TOPO_NET;
	int code;

	for (int f = 0; f < TOPO_FAMILIES; f++)
		if (c->topo.has[f])
			conf.ip[f] = external ? c->topo.side[f].net : c->topo.side[f].backend[i];
	if (!external)
		topo_backend_ns(ns, i);
	c->served[i].ready = 0;
	code = netns_enter(ns, d);
	if (code)
		return code;
	c->server[i] = proc_fork("e2e-backend", server_body, &conf, d);
	netns_leave();
	return c->server[i] < 0 ? ERR_SYS : 0;
}

static int server_ready(struct cell *c, unsigned i, struct diag *d)
{
	uint64_t until = clock_mono_ns() + READY_LIMIT_NS;
	char how[32];
	int status;

	while (!__atomic_load_n(&c->served[i].ready, __ATOMIC_ACQUIRE)) {
		if (proc_gone(c->server[i], &status)) {
			c->server[i] = 0;
			return diag_set(d, ERR_SYS, "%s: %s before it was ready", c->server_id[i],
					proc_status_str(status, how));
		}
		if (clock_mono_ns() > until)
			return diag_set(d, ERR_TIMEOUT, "%s: not ready", c->server_id[i]);
		poll(NULL, 0, 2);
	}
	return 0;
}

int cell_backend_start(struct cell *c, unsigned i, struct diag *d)
{
	int code = start_server(c, i, d);

	return code ? code : server_ready(c, i, d);
}

static int start_servers(struct cell *c, struct diag *d)
{
	unsigned n = c->topo.n_backends;
	int code = 0;

	for (unsigned i = 0; !code && i <= n; i++) {
		if (i < n)
			snprintf(c->server_id[i], sizeof c->server_id[i], "backend-%u", i + 1);
		else
			snprintf(c->server_id[i], sizeof c->server_id[i], "external");
		code = start_server(c, i, d);
	}
	for (unsigned i = 0; !code && i <= n; i++)
		code = server_ready(c, i, d);
	return code;
}

/* In the node: the lab's own counters, and the window to its connection table. */
static int open_eyes(struct cell *c, struct diag *d)
{
	int code = netns_enter(NETNS_NODE, d);

	if (code)
		return code;
	code = notrack_install(d);
	code = code ? code : ctnl_open(&c->ct, d);
	netns_leave();
	return code;
}

int cell_proxy_sync(struct cell *c, unsigned live, struct diag *d)
{
	int code = kubeproxy_sync(&c->topo, c->spec.proxy, c->live, live, d);

	if (code)
		return code;
	c->live = live;
	return cell_forget_stale(c, d);
}

int cell_up(struct cell *c, struct diag *d)
{
	uint64_t begin = clock_mono_ns();
	unsigned all = (1u << c->topo.n_backends) - 1;
	int code = topo_build(&c->topo, d);

	c->live = all;
	if (!c->spec.empty)
		code = code ? code : kubeproxy_start(&c->topo, c->spec.proxy, all, d);
	code = code ? code : open_eyes(c, d);
	code = code ? code : topo_loss(&c->topo, c->lab->s->loss, d);
	code = code ? code : start_servers(c, d);
	/* ours leaves a link that it did not make; the original removes it, and cache_start makes one */
	if (!code && c->spec.with_cache && !c->spec.original)
		code = topo_cache_link(d);
	if (!code && c->spec.with_cache) {
		code = leftovers_look(c, &c->world, d);
		code = code ? code : cache_start(c, CACHE_FAILOPEN_LOAD, d);
	}
	c->setup_ns = clock_mono_ns() - begin;
	return code;
}

/* --- measured -------------------------------------------------------------------- */

static int load_body(void *arg)
{
	return load_main(arg);
}

static int start_loads(struct cell *c, struct diag *d)
{
	char ns[32], path[4096];
	int code = 0;

	c->t0_ns = clock_mono_ns() + LOAD_HEADSTART;
	for (unsigned i = 0; !code && i < c->topo.n_pods; i++) {
		struct load_conf conf = {.s = c->lab->s,
					 .zone = c->lab->zone,
					 .pod = i,
					 .pod_ip = c->topo.side[c->first].pod[i],
					 .server_ip = cell_server(c, c->first),
					 .t0_ns = c->t0_ns,
					 .qs_path = path,
					 .shared = &c->loads[i]};

		snprintf(path, sizeof path, "%s/.pod%u.qs", c->dir, i + 1);
		topo_pod_ns(ns, i);
		code = netns_enter(ns, d);
		if (code)
			break;
		c->load[i] = proc_fork("e2e-load", load_body, &conf, d);
		netns_leave();
		code = c->load[i] < 0 ? ERR_SYS : 0;
	}
	return code;
}

/* Everything that must live while the load runs does. */
static int all_alive(struct cell *c, struct diag *d)
{
	char how[32];
	int status;

	for (unsigned i = 0; i <= c->topo.n_backends; i++)
		if (proc_gone(c->server[i], &status)) {
			c->server[i] = 0;
			return diag_set(d, ERR_SYS, "%s ended under load: %s", c->server_id[i],
					proc_status_str(status, how));
		}
	if (proc_gone(c->cache, &status)) {
		c->cache = 0;
		return diag_set(d, ERR_SYS, "node-cache ended under load: %s",
				proc_status_str(status, how));
	}
	return 0;
}

/* 1: still running, 0: all done, negative: one failed. */
static int loads_state(struct cell *c, struct diag *d)
{
	int running = 0, status;
	char how[32];

	for (unsigned i = 0; i < c->topo.n_pods; i++) {
		if (c->load[i] <= 0)
			continue;
		if (!proc_gone(c->load[i], &status)) {
			running = 1;
			continue;
		}
		c->load[i] = 0;
		if (status)
			return diag_set(d, ERR_SYS, "load of pod %u: %s", i + 1,
					proc_status_str(status, how));
	}
	return running;
}

static int watch_load(struct cell *c, struct diag *d)
{
	uint64_t len = c->lab->s->warmup_ns + c->lab->s->duration_ns;
	uint64_t next = c->t0_ns, now, from_ns = 0, used_ns = 0;
	unsigned processors;
	int state;

	while ((state = loads_state(c, d)) > 0) {
		int code = all_alive(c, d);

		now = clock_mono_ns();
		if (!code && now >= next) {
			if (!from_ns) {
				from_ns = now;
				used_ns = proc_machine_ns(PROC_SCHEDSTAT, &processors);
			}
			code = cell_sample(c, d);
			next += SAMPLE_NS;
			c->lab->progress(c->lab->progress_arg,
					 (double)(now - c->t0_ns) / (double)len, "load");
		}
		if (!code && now > c->t0_ns + len + LOAD_GRACE_NS)
			code = diag_set(d, ERR_TIMEOUT, "the load does not end");
		if (code)
			return code;
		poll(NULL, 0, 5);
	}
	now = clock_mono_ns();
	c->load_ns = now - c->t0_ns;
	used_ns = proc_machine_ns(PROC_SCHEDSTAT, &processors) - used_ns;
	c->busy = from_ns && processors ? (double)used_ns / (double)(now - from_ns) / processors : -1;
	return state ? state : cell_sample(c, d);
}

/* What the last load left in memory is not this one's. */
static void forget_load(struct cell *c)
{
	memset(c->loads, 0, TOPO_PODS_MAX * sizeof c->loads[0]);
	memset(c->gai, 0, sizeof c->gai[0]);
	c->n_samples = 0;
	c->captured_queries = c->captured_answers = 0;
	c->capture_why[0] = '\0';
}

int cell_load(struct cell *c, struct diag *d)
{
	int code;

	forget_load(c);
	capture_start(c);
	/* what was asked before, until the cache was in the way, is not this load's */
	code = cell_forget(c, d);
	code = code ? code : snap_take(c, &c->before, d);
	code = code ? code : start_loads(c, d);
	code = code ? code : watch_load(c, d);
	code = code ? code : snap_settle(c, &c->after, d);
	capture_stop(c);
	c->lab->progress(c->lab->progress_arg, 1, "getaddrinfo");
	code = code ? code : cell_gai(c, NULL, NULL, 0, d);
	return code ? code : stream_merge(c, d);
}

/* --- down ------------------------------------------------------------------------ */

void cell_down(struct cell *c)
{
	char path[4096];

	for (unsigned i = 0; i < TOPO_PODS_MAX; i++) {
		proc_stop(c->load[i], SIGKILL, NS_PER_S, NULL);
		c->load[i] = 0;
		snprintf(path, sizeof path, "%s/.pod%u.qs", c->dir, i + 1);
		unlink(path);
	}
	capture_stop(c);
	cache_kill(c);
	for (unsigned i = 0; i < CELL_SERVERS_MAX; i++) {
		proc_stop(c->server[i], SIGKILL, NS_PER_S, NULL);
		c->server[i] = 0;
	}
	ctnl_close(c->ct);
	c->ct = NULL;
	topo_drop(&c->topo);
}

void cell_hold(const struct cell *c)
{
	char byte;

	if (c->lab->keep_fd < 0)
		return;
	fprintf(stderr,
		"\n%s stands; to go in, from another terminal:\n"
		"  nsenter -t $(pgrep -n e2e-init) -a ip netns exec " NETNS_NODE " sh\n"
		"Enter takes it down.\n",
		c->name);
	while (read(c->lab->keep_fd, &byte, 1) == 1 && byte != '\n')
		;
}
