/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon under test, started as the DaemonSet starts it: stock Corefile
 * template, stock flags (and a longer fail-open), the upstream Service's address
 * in the environment, and the interface made beforehand. What an operator's sed would fill in is
 * filled in here; the rest is the daemon's own business.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kind-e2e/cell/cell.h"
#include "kind-e2e/cell/cell_image.h"
#include "kind-e2e/cell/fixture.h"
#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"
#include "kind-e2e/load/ask.h"
#include "lib/base/clock.h"

#define CACHE_READY_NS (20 * NS_PER_S)
#define CACHE_RUN_DIR "/run/nodelocaldns"
/* CACHE_FAILOPEN_LOAD: a lab shares its processors with whatever else the machine does. A cache
 * that is starved for longer than the default lets its rules lapse, rightly, and in the middle of a
 * proof that it has them. */
#define CACHE_STOP_NS (20 * NS_PER_S)

struct start {
	const struct cell *c;
	char local[3 * ADDR_TEXT * TOPO_FAMILIES]; /* blank between addresses */
	char vip[ADDR_TEXT * TOPO_FAMILIES];	   /* what is rewritten, if anything; commas */
	char upstream[ADDR_TEXT], external[ADDR_TEXT];
	char pid_file[4200];
	uint64_t failopen_ns;
};

static void append(char *list, size_t size, char between, const struct addr *a)
{
	char text[ADDR_TEXT];
	size_t n = strlen(list);

	snprintf(list + n, size - n, "%.*s%s", n ? 1 : 0, &between, addr_str(a, text));
}

/* All addresses the cache answers at. In IPVS mode the ClusterIP is the kernel's; what
 * is rewritten goes to a second address of the cache's own, the last of its family. */
static void make_addresses(struct start *st)
{
	const struct cell *c = st->c;

	for (int f = 0; f < TOPO_FAMILIES; f++) {
		const struct topo_side *side = &c->topo.side[f];
		struct addr second = side->local;

		if (!c->topo.has[f])
			continue;
		append(st->local, sizeof st->local, ' ', &side->local);
		if (c->spec.proxy != SCEN_IPVS)
			append(st->local, sizeof st->local, ' ', &side->vip);
		if (c->spec.intercept) {
			second.b[f == TOPO_V4 ? 3 : 15]++;
			append(st->local, sizeof st->local, ' ', &second);
			append(st->vip, sizeof st->vip, ',', &side->vip);
		}
	}
	addr_str(&c->topo.side[c->first].upstream, st->upstream);
	addr_str(&c->topo.side[c->first].net, st->external);
}

static void put_block(FILE *out, const struct start *st, const char *zone, const char *cache,
		      const char *forward, const char *more)
{
	fprintf(out,
		"%s:53 {\n"
		"    errors\n"
		"%s"
		"%s"
		"    reload\n"
		"    loop\n"
		"    bind %s\n"
		"    forward . %s\n"
		"    prometheus :9253\n"
		"%s"
		"    }\n",
		zone, st->c->spec.original ? "" : "    nsid " CACHE_ID "\n", cache, st->local, forward,
		more);
}

static int write_template(const struct start *st, const char *path, struct diag *d)
{
	static const char tcp[] = "__PILLAR__CLUSTER__DNS__ {\n            force_tcp\n    }";
	const struct scenario *s = st->c->lab->s;
	char cache[200], plain[64], health[96];
	FILE *out = fopen(path, "we");

	if (!out)
		return diag_errno(d, "%s", path);
	snprintf(cache, sizeof cache,
		 "    cache {\n            success %u %u\n            denial %u %u\n    }\n",
		 s->cache_success, s->cache_ttl_s, s->cache_denial, s->cache_negative_ttl_s);
	snprintf(plain, sizeof plain, "    cache %u\n", s->cache_ttl_s);
	snprintf(health, sizeof health,
		 st->c->first == TOPO_V6 ? "    health [%.*s]:8080\n" : "    health %.*s:8080\n",
		 (int)strcspn(st->local, " "), st->local);
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
	char prog[4200], conf[4200], base[4200], log[4200], local[sizeof st->local], failopen[32];
	char resolv[80];
	const char *argv[] = {prog,	    "-localip",	    local,
			      "-conf",	    conf,	    "-basecorefile",
			      base,	    "-upstreamsvc", "kube-dns-upstream",
			      "-pidfile",   st->pid_file,   NULL,
			      NULL,	    NULL,	    NULL,
			      NULL,	    NULL,	    NULL};
	size_t n = 0;
	struct diag d = {""};

	if (c->spec.original)
		snprintf(prog, sizeof prog, "%s", c->lab->original);
	else if (c->lab->image)
		snprintf(prog, sizeof prog, CELL_IMAGE_PROGRAM);
	else
		snprintf(prog, sizeof prog, "%s/node-cache", c->lab->bin);
	snprintf(conf, sizeof conf, "%s/Corefile", c->dir);
	snprintf(base, sizeof base, "%s/Corefile.base", c->dir);
	snprintf(log, sizeof log, "%s/node-cache.log", c->dir);
	snprintf(failopen, sizeof failopen, "%" PRIu64 "ms", st->failopen_ns / NS_PER_MS);
	strcpy(local, st->local);
	for (char *at = local; (at = strchr(at, ' '));)
		*at = ',';
	while (argv[n])
		n++;
	if (!c->spec.original) {
		argv[n++] = "-failopen";
		argv[n++] = failopen;
	}
	if (*st->vip) {
		argv[n++] = "-intercept";
		argv[n++] = "rewrite";
		argv[n++] = "-intercept-ip";
		argv[n++] = st->vip;
	}
	setenv("KUBE_DNS_UPSTREAM_SERVICE_HOST", st->upstream, 1);
	setenv("KUBE_DNS_UPSTREAM_SERVICE_PORT", "53", 1);
	snprintf(resolv, sizeof resolv, "nameserver %s\n", st->external);
	if (resolv_conf_replace(resolv, &d) || (c->lab->image && !c->spec.original && cell_image_enter(c->dir, &d))) {
		fprintf(stderr, "kind-e2e: node-cache: %s\n", d.text);
		return 125;
	}
	proc_exec_logged(argv, log);
	return 125;
}

static int dead(const struct cell *c, int status, struct diag *d)
{
	char path[4200], how[32], *log;
	const char *last;
	size_t len;

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

/* Do pods' questions come to a cache? */
static bool serves(const struct cell *c)
{
	static struct answer a;
	char ns[32], name[NAME_MAX_TEXT];
	struct question q = {.ns = ns,
			     .name = fixture_name(c->lab->s, "single", name),
			     .qtype = DNS_A,
			     .udp_size = 1232,
			     .timeout_ns = 200 * NS_PER_MS};
	struct diag d;

	topo_pod_ns(ns, 0);
	for (int f = 0; f < TOPO_FAMILIES; f++) {
		q.server = cell_server(c, (enum topo_family)f);
		if (c->topo.has[f] &&
		    (ask(&q, &a, &d) || a.error || (!c->spec.original && strcmp(a.by, CACHE_ID))))
			return false;
	}
	return true;
}

/* Ours come at once. The original writes its own one by one: six for port 53 an address. */
static unsigned rules_when_ready(const struct cell *c)
{
	return !c->spec.original ? 1 : c->spec.proxy == SCEN_IPVS ? 6 : 12;
}

/* Serving is what the pid file says, intercepting what the rules and a pod say. */
static int wait_ready(const struct cell *c, pid_t pid, const char *pid_file, struct diag *d)
{
	uint64_t until = clock_mono_ns() + CACHE_READY_NS;
	struct notrack rules = {0};
	int status, code;

	for (;;) {
		if (proc_gone(pid, &status))
			return dead(c, status, d);
		if (access(pid_file, F_OK) == 0) {
			code = cell_notrack(&rules, d);
			if (code || (rules.n_rules >= rules_when_ready(c) && serves(c)))
				return code;
		}
		if (clock_mono_ns() > until)
			return diag_set(d, ERR_TIMEOUT, "node-cache: %s after 20 s",
					access(pid_file, F_OK) ? "no pid file"
					: rules.n_rules < rules_when_ready(c) ? "NOTRACK rules are missing"
							       : "pods' questions do not reach it");
		poll(NULL, 0, 10);
	}
}

static void unlink_pid_file(const struct cell *c, unsigned instance)
{
	char path[4200];

	snprintf(path, sizeof path, "%s/node-cache.%u.pid", c->dir, instance);
	unlink(path);
}

/* A process that serves; the caller's to keep. */
static int start_one(struct cell *c, uint64_t failopen_ns, pid_t *ret, struct diag *d)
{
	struct start st = {.c = c, .failopen_ns = failopen_ns};
	char path[4200];
	pid_t pid;
	int code;

	make_addresses(&st);
	snprintf(st.pid_file, sizeof st.pid_file, "%s/node-cache.%u.pid", c->dir,
		 ++c->cache_started);
	snprintf(path, sizeof path, "%s/Corefile.base", c->dir);
	code = write_template(&st, path, d);
	if (!code && mkdir(CACHE_RUN_DIR, 0755) && errno != EEXIST)
		code = diag_errno(d, CACHE_RUN_DIR); /* where instances meet for a hand-over */
	if (!code && c->spec.original && !topo_has_cache_link())
		code = topo_cache_link(d);
	code = code ? code : netns_enter(NETNS_NODE, d);
	if (code)
		return code;
	pid = proc_fork("e2e-cache", cache_body, &st, d);
	netns_leave();
	if (pid < 0)
		return ERR_SYS;
	code = wait_ready(c, pid, st.pid_file, d);
	if (code) { /* what it would have left is no later instance's to remove */
		proc_stop(pid, SIGKILL, NS_PER_S, NULL);
		unlink_pid_file(c, c->cache_started);
		return code;
	}
	*ret = pid;
	c->cache_now = c->cache_started;
	return 0;
}

int cache_start(struct cell *c, uint64_t failopen_ns, struct diag *d)
{
	char path[4200];
	int code;

	snprintf(path, sizeof path, "%s/node-cache.log", c->dir);
	if (!c->cache_started)
		unlink(path);
	code = start_one(c, failopen_ns, &c->cache, d);
	if (code)
		c->cache = 0;
	c->cache_failopen_ns = failopen_ns;
	return code;
}

int cache_want(struct cell *c, uint64_t failopen_ns, struct diag *d)
{
	int code = 0;

	if (proc_gone(c->cache, NULL))
		c->cache = 0;
	if (c->cache > 0 && (c->spec.original || c->cache_failopen_ns == failopen_ns) && serves(c))
		return 0;
	if (c->cache > 0)
		code = cache_stop(c, d);
	if (c->cache > 0)
		cache_kill(c);
	return code ? code : cache_start(c, failopen_ns, d);
}

int cache_hand_over(struct cell *c, struct diag *d)
{
	uint64_t until = clock_mono_ns() + CACHE_STOP_NS;
	unsigned old = c->cache_now;
	pid_t next = 0;
	int status, code = start_one(c, c->cache_failopen_ns, &next, d);

	if (code)
		return code;
	while (!proc_gone(c->cache, &status)) {
		if (clock_mono_ns() > until) {
			proc_stop(c->cache, SIGKILL, NS_PER_S, NULL);
			c->cache = next;
			unlink_pid_file(c, old);
			return diag_set(d, ERR_TIMEOUT, "the old instance does not end");
		}
		poll(NULL, 0, 5);
	}
	c->cache = next;
	c->cache_status = status;
	/* it leaves what is its successor's by now, and does not know of two names */
	unlink_pid_file(c, old);
	return status ? diag_set(d, ERR_PEER, "the old instance ended with status %d", status) : 0;
}

/* --- its end -------------------------------------------------------------------- */

int cache_stop(struct cell *c, struct diag *d)
{
	bool by_itself;

	if (c->cache <= 0)
		return diag_set(d, ERR_MISSING, "no cache runs");
	by_itself = proc_stop(c->cache, SIGTERM, CACHE_STOP_NS, &c->cache_status);
	c->cache = 0;
	return by_itself ? 0 : diag_set(d, ERR_TIMEOUT, "SIGTERM did not end the cache in 20 s");
}

void cache_signal(struct cell *c, int sig)
{
	pid_t all[64];
	unsigned n = proc_tree(c->cache, all, 64);

	for (unsigned i = 0; i < n; i++)
		kill(all[i], SIGSTOP);
	for (unsigned i = 0; i < n && sig != SIGSTOP; i++)
		kill(all[i], sig);
}

void cache_kill(struct cell *c)
{
	if (c->cache <= 0)
		return;
	cache_signal(c, SIGKILL);
	proc_stop(c->cache, SIGKILL, NS_PER_S, NULL);
	c->cache = 0;
	/* of a killed container nothing is left but what is on the host, and this is not */
	unlink_pid_file(c, c->cache_now);
}

pid_t cache_worker(const struct cell *c)
{
	return proc_find(c->cache, CACHE_WORKER);
}
