/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cell from up to down: namespaces, servers, loads, snapshots, and whatever happens
 * the way back.
 */
#include "kind-e2e/cell/cell.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

int cell_init(struct cell *c, const struct lab *lab, enum scen_proxy proxy, bool with_cache,
	      struct diag *d)
{
	int code;

	memset(c, 0, sizeof *c);
	c->lab = lab;
	c->proxy = proxy;
	c->with_cache = with_cache;
	scen_cell_str(proxy, with_cache, c->name);
	code = topo_plan(&c->topo, lab->s, d);
	if (code)
		return code;
	if ((size_t)snprintf(c->dir, sizeof c->dir, "%s/%s", lab->out, c->name) >= sizeof c->dir)
		return diag_set(d, ERR_LIMIT, "%s: path too long", lab->out);
	if (mkdir(c->dir, 0755) && errno != EEXIST)
		return diag_errno(d, "%s", c->dir);
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
}

/* --- up ------------------------------------------------------------------------- */

static int server_body(void *arg)
{
	return backend_main(arg);
}

static int start_server(struct cell *c, unsigned i, const char *ns, struct in_addr ip,
			struct diag *d)
{
	struct backend_conf conf = {.id = c->server_id[i],
				    .ip = ip,
				    .zone = c->lab->zone,
				    .delay = c->lab->s->backend_delay,
				    .seed = c->lab->s->seed + i,
				    .shared = &c->served[i]};
	int code = netns_enter(ns, d);

	if (code)
		return code;
	c->server[i] = proc_fork("e2e-backend", server_body, &conf, d);
	netns_leave();
	return c->server[i] < 0 ? ERR_SYS : 0;
}

static int servers_ready(struct cell *c, unsigned n, struct diag *d)
{
	uint64_t until = clock_mono_ns() + READY_LIMIT_NS;

	for (unsigned i = 0; i < n;) {
		int status;
		char how[32];

		if (__atomic_load_n(&c->served[i].ready, __ATOMIC_ACQUIRE)) {
			i++;
		} else if (proc_gone(c->server[i], &status)) {
			c->server[i] = 0;
			return diag_set(d, ERR_SYS, "%s: %s before it was ready", c->server_id[i],
					proc_status_str(status, how));
		} else if (clock_mono_ns() > until) {
			return diag_set(d, ERR_TIMEOUT, "%s: not ready", c->server_id[i]);
		} else {
			poll(NULL, 0, 2);
		}
	}
	return 0;
}

static int start_servers(struct cell *c, struct diag *d)
{
	unsigned n = c->topo.n_backends;
	char ns[32];
	int code = 0;

	for (unsigned i = 0; !code && i < n; i++) {
		snprintf(c->server_id[i], sizeof c->server_id[i], "backend-%u", i + 1);
		topo_backend_ns(ns, i);
		code = start_server(c, i, ns, c->topo.backend[i], d);
	}
	snprintf(c->server_id[n], sizeof c->server_id[n], "external");
	code = code ? code : start_server(c, n, TOPO_NET, c->topo.net, d);
	return code ? code : servers_ready(c, n + 1, d);
}

static int count_untracked(struct diag *d)
{
	int code = netns_enter(NETNS_NODE, d);

	if (code)
		return code;
	code = notrack_install(d);
	netns_leave();
	return code;
}

static int cell_up(struct cell *c, struct diag *d)
{
	int code = topo_build(&c->topo, d);

	code = code ? code : topo_proxy(&c->topo, c->proxy, d);
	code = code ? code : count_untracked(d);
	code = code ? code : topo_loss(&c->topo, c->lab->s->loss, d);
	code = code ? code : start_servers(c, d);
	if (!code && c->with_cache)
		code = cache_start(c, d);
	code = code ? code : netns_enter(NETNS_NODE, d);
	if (code)
		return code;
	code = ctnl_open(&c->ct, d);
	netns_leave();
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
					 .pod_ip = c->topo.pod[i],
					 .server_ip = c->lab->s->cluster_dns,
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
	uint64_t next = c->t0_ns, now;
	int state;

	while ((state = loads_state(c, d)) > 0) {
		int code = all_alive(c, d);

		now = clock_mono_ns();
		if (!code && now >= next) {
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
	c->load_ns = clock_mono_ns() - c->t0_ns;
	return state ? state : cell_sample(c, d);
}

static int gai_body(void *arg)
{
	return gai_main(arg);
}

static int run_gai(struct cell *c, struct diag *d)
{
	struct gai_conf conf = {c->lab->s, c->lab->zone, c->lab->s->cluster_dns, c->gai};
	uint64_t until = clock_mono_ns() + LOAD_GRACE_NS;
	char ns[32], how[32];
	int status, code;
	pid_t pid;

	topo_pod_ns(ns, 0);
	code = netns_enter(ns, d);
	if (code)
		return code;
	pid = proc_fork("e2e-gai", gai_body, &conf, d);
	netns_leave();
	if (pid < 0)
		return ERR_SYS;
	while (!proc_gone(pid, &status)) {
		if (clock_mono_ns() > until) {
			proc_stop(pid, SIGKILL, NS_PER_S, NULL);
			return diag_set(d, ERR_TIMEOUT, "getaddrinfo check: does not end");
		}
		poll(NULL, 0, 2);
	}
	return status ? diag_set(d, ERR_SYS, "getaddrinfo check: %s", proc_status_str(status, how))
		      : 0;
}

static int cell_measure(struct cell *c, struct diag *d)
{
	int code;

	capture_start(c);
	code = snap_take(c, &c->before, d);
	code = code ? code : start_loads(c, d);
	code = code ? code : watch_load(c, d);
	code = code ? code : snap_settle(c, &c->after, d);
	capture_stop(c);
	c->lab->progress(c->lab->progress_arg, 1, "getaddrinfo");
	code = code ? code : run_gai(c, d);
	return code ? code : stream_merge(c, d);
}

/* --- down ------------------------------------------------------------------------ */

static void cell_down(struct cell *c)
{
	char path[4096];

	for (unsigned i = 0; i < TOPO_PODS_MAX; i++) {
		proc_stop(c->load[i], SIGKILL, NS_PER_S, NULL);
		c->load[i] = 0;
		snprintf(path, sizeof path, "%s/.pod%u.qs", c->dir, i + 1);
		unlink(path);
	}
	capture_stop(c);
	cache_stop(c);
	for (unsigned i = 0; i < CELL_SERVERS_MAX; i++) {
		proc_stop(c->server[i], SIGKILL, NS_PER_S, NULL);
		c->server[i] = 0;
	}
	ctnl_close(c->ct);
	c->ct = NULL;
	topo_drop(&c->topo);
}

static void hold(const struct cell *c)
{
	char byte;

	fprintf(stderr,
		"\n%s stands; to go in, from another terminal:\n"
		"  nsenter -t $(pgrep -n e2e-init) -a ip netns exec " NETNS_NODE " sh\n"
		"Enter takes it down.\n",
		c->name);
	while (read(c->lab->keep_fd, &byte, 1) == 1 && byte != '\n')
		;
}

int cell_run(struct cell *c, struct diag *d)
{
	uint64_t begin = clock_mono_ns();
	int code;

	c->lab->progress(c->lab->progress_arg, 0, "set-up");
	code = cell_up(c, d);
	c->setup_ns = clock_mono_ns() - begin;
	code = code ? code : cell_measure(c, d);
	if (c->lab->keep_fd >= 0)
		hold(c);
	c->lab->progress(c->lab->progress_arg, 1, "taking down");
	cell_down(c);
	c->wall_ns = clock_mono_ns() - begin;
	return code;
}
