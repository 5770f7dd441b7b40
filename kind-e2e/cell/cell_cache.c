/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon under test, started as the DaemonSet starts it: stock Corefile
 * template, stock flags (and a longer fail-open), the upstream Service's address
 * in the environment, and the interface made beforehand. What an operator's sed would fill in is
 * filled in here; the rest is the daemon's own business.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kind-e2e/cell/cell.h"
#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"
#include "lib/base/clock.h"

#define CACHE_READY_NS (20 * NS_PER_S)
/* A lab shares its processors with whatever else the machine does. A cache that
 * is starved for longer than the default lets its rules lapse, rightly, and in
 * the middle of a proof that it has them. */
#define FAILOPEN "15s"
#define CACHE_STOP_NS (20 * NS_PER_S)

struct start {
	const struct cell *c;
	char local[INET_ADDRSTRLEN], server[INET_ADDRSTRLEN], upstream[INET_ADDRSTRLEN];
};

static void put_block(FILE *out, const struct start *st, const char *zone, const char *cache,
		      const char *forward, const char *more)
{
	fprintf(out,
		"%s:53 {\n"
		"    errors\n"
		"    nsid node-cache\n"
		"%s"
		"    reload\n"
		"    loop\n"
		"    bind %s %s\n"
		"    forward . %s\n"
		"    prometheus :9253\n"
		"%s"
		"    }\n",
		zone, cache, st->local, st->server, forward, more);
}

static int write_template(const struct start *st, const char *path, struct diag *d)
{
	static const char tcp[] = "__PILLAR__CLUSTER__DNS__ {\n            force_tcp\n    }";
	const struct scenario *s = st->c->lab->s;
	char cache[200], plain[64], health[64];
	FILE *out = fopen(path, "we");

	if (!out)
		return diag_errno(d, "%s", path);
	snprintf(cache, sizeof cache,
		 "    cache {\n            success %u %u\n            denial %u %u\n    }\n",
		 s->cache_success, s->cache_ttl_s, s->cache_denial, s->cache_negative_ttl_s);
	snprintf(plain, sizeof plain, "    cache %u\n", s->cache_ttl_s);
	snprintf(health, sizeof health, "    health %s:8080\n", st->local);
	put_block(out, st, s->domain, cache, tcp, health);
	put_block(out, st, "in-addr.arpa", plain, tcp, "");
	put_block(out, st, "ip6.arpa", plain, tcp, "");
	put_block(out, st, ".", plain, "__PILLAR__UPSTREAM__SERVERS__", "");
	return fclose(out) ? diag_errno(d, "%s", path) : 0;
}

static int cache_body(void *arg)
{
	const struct start *st = arg;
	const struct cell *c = st->c;
	char prog[4200], conf[4200], base[4200], pid[4200], log[4200], local[64];
	const char *argv[] = {prog,
			      "-localip",
			      local,
			      "-conf",
			      conf,
			      "-basecorefile",
			      base,
			      "-upstreamsvc",
			      "kube-dns-upstream",
			      "-failopen",
			      FAILOPEN,
			      "-pidfile",
			      pid,
			      NULL};
	struct diag d = {""};

	snprintf(prog, sizeof prog, "%s/node-cache", c->lab->bin);
	snprintf(conf, sizeof conf, "%s/Corefile", c->dir);
	snprintf(base, sizeof base, "%s/Corefile.base", c->dir);
	snprintf(pid, sizeof pid, "%s/node-cache.pid", c->dir);
	snprintf(log, sizeof log, "%s/node-cache.log", c->dir);
	snprintf(local, sizeof local, "%s,%s", st->local, st->server);
	setenv("KUBE_DNS_UPSTREAM_SERVICE_HOST", st->upstream, 1);
	setenv("KUBE_DNS_UPSTREAM_SERVICE_PORT", "53", 1);
	if (resolv_conf_replace("nameserver " TOPO_NET_IP "\n", &d)) {
		fprintf(stderr, "kind-e2e: node-cache: %s\n", d.text);
		return 125;
	}
	proc_exec_logged(argv, log);
	return 125;
}

static int dead(struct cell *c, int status, struct diag *d)
{
	char path[4200], how[32], *log;
	const char *last;
	size_t len;

	c->cache = 0;
	snprintf(path, sizeof path, "%s/node-cache.log", c->dir);
	log = proc_slurp(path);
	len = log ? strlen(log) : 0;
	while (len && log[len - 1] == '\n')
		log[--len] = '\0';
	last = log ? strrchr(log, '\n') : NULL;
	diag_set(d, ERR_SYS, "node-cache: %s before it was ready: %s", proc_status_str(status, how),
		 last  ? last + 1
		 : log ? log
		       : "");
	free(log);
	return ERR_SYS;
}

/* Serving is what the pid file says, intercepting what the rules say. */
static int wait_ready(struct cell *c, struct diag *d)
{
	uint64_t until = clock_mono_ns() + CACHE_READY_NS;
	struct notrack rules = {0};
	char pid[4200];
	int status, code;

	snprintf(pid, sizeof pid, "%s/node-cache.pid", c->dir);
	for (;;) {
		if (proc_gone(c->cache, &status))
			return dead(c, status, d);
		if (access(pid, F_OK) == 0) {
			code = netns_enter(NETNS_NODE, d);
			if (code)
				return code;
			code = notrack_read(&rules, d);
			netns_leave();
			if (code || rules.n_rules)
				return code;
		}
		if (clock_mono_ns() > until)
			return diag_set(d, ERR_TIMEOUT, "node-cache: no %s after 20 s",
					access(pid, F_OK) ? "pid file" : "NOTRACK rule");
		poll(NULL, 0, 20);
	}
}

int cache_start(struct cell *c, struct diag *d)
{
	const struct scenario *s = c->lab->s;
	struct start st = {.c = c};
	char path[4200];
	int code;

	inet_ntop(AF_INET, &s->local_dns, st.local, sizeof st.local);
	inet_ntop(AF_INET, &s->cluster_dns, st.server, sizeof st.server);
	inet_ntop(AF_INET, &s->upstream_dns, st.upstream, sizeof st.upstream);
	snprintf(path, sizeof path, "%s/node-cache.pid", c->dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/node-cache.log", c->dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/Corefile.base", c->dir);
	code = write_template(&st, path, d);
	code = code ? code : topo_cache_link(d);
	code = code ? code : netns_enter(NETNS_NODE, d);
	if (code)
		return code;
	c->cache = proc_fork("e2e-cache", cache_body, &st, d);
	netns_leave();
	return c->cache < 0 ? ERR_SYS : wait_ready(c, d);
}

void cache_stop(struct cell *c)
{
	struct notrack left = {.n_rules = 1};
	struct diag d;

	if (c->cache <= 0)
		return;
	c->cache_stopped = proc_stop(c->cache, SIGTERM, CACHE_STOP_NS, &c->cache_status);
	c->cache = 0;
	if (netns_enter(NETNS_NODE, &d) == 0) {
		if (notrack_read(&left, &d))
			left.n_rules = 1;
		netns_leave();
	}
	c->cache_rules_gone = left.n_rules == 0;
}
