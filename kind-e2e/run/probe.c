/* SPDX-License-Identifier: Apache-2.0 */
/* Each thing a lab needs, tried once, in a sandbox or as a program. */
#include "kind-e2e/run/probe.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kind-e2e/measure/netlink_ct.h"
#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"
#include "kind-e2e/lab/sandbox.h"
#include "kind-e2e/lab/topo.h"

const char *const probe_name[N_PROBES] = {
	[PROBE_SANDBOX] = "sandbox",	 [PROBE_VETH] = "veth",
	[PROBE_BRIDGE] = "bridge",	 [PROBE_CONNTRACK] = "conntrack-netlink",
	[PROBE_IPTABLES] = "iptables",	 [PROBE_NFTABLES] = "nftables",
	[PROBE_IPVS] = "ipvs",		 [PROBE_DUMMY] = "dummy",
	[PROBE_NETEM] = "netem",	 [PROBE_CACHE] = "node-cache",
	[PROBE_CAPTURE] = "pcap-replay",
};
const char *const probe_use[N_PROBES] = {
	[PROBE_SANDBOX] = "every lab",
	[PROBE_VETH] = "every lab",
	[PROBE_BRIDGE] = "the cache's interface",
	[PROBE_CONNTRACK] = "table measurements",
	[PROBE_IPTABLES] = "cells with kube-proxy in iptables mode",
	[PROBE_NFTABLES] = "cells with kube-proxy in nftables mode",
	[PROBE_IPVS] = "cells with kube-proxy in ipvs mode",
	[PROBE_DUMMY] = "nothing: a bridge stands in",
	[PROBE_NETEM] = "nothing: backends delay by themselves",
	[PROBE_CACHE] = "cells with the cache",
	[PROBE_CAPTURE] = "captures",
};

static void no(struct probe *p, const char *why)
{
	p->ok = false;
	snprintf(p->why, sizeof p->why, "%.190s", why);
	p->why[strcspn(p->why, "\n")] = '\0';
}

static void try_ip(struct probe *p, const char *commands)
{
	static const char *const argv[] = {"ip", "-batch", "-", NULL};
	struct diag d = {""};

	p->ok = true;
	if (proc_run(argv, commands, NULL, &d))
		no(p, d.text);
}

static void try_rules(struct probe *p, const struct topo *t, enum scen_proxy mode)
{
	struct diag d = {""};

	p->ok = true;
	if (topo_proxy(t, mode, &d))
		no(p, d.text);
}

static void try_conntrack(struct probe *p)
{
	struct ctnl_stats st;
	struct diag d = {""};
	struct ctnl *c = NULL;

	p->ok = true;
	if (ctnl_open(&c, &d) || ctnl_stats(c, &st, &d))
		no(p, d.text);
	ctnl_close(c);
}

static void try_ipvs(struct probe *p)
{
	p->ok = access("/proc/net/ip_vs", F_OK) == 0;
	if (!p->ok)
		no(p, "this kernel has no IPVS (no /proc/net/ip_vs)");
}

/* In the sandbox; the report is shared memory. */
static int try_all(void *arg)
{
	struct probe_report *r = arg;
	struct scenario s = {.n_nodes = 1, .n_pods = 1, .n_backends = 2, .path = "probe"};
	struct topo t;
	struct diag d = {""};

	r->p[PROBE_SANDBOX].ok = true;
	inet_pton(AF_INET, "10.96.0.10", &s.cluster_dns);
	inet_pton(AF_INET, "10.96.0.11", &s.upstream_dns);
	try_ip(&r->p[PROBE_VETH], "link add e2e-a type veth peer name e2e-b\n");
	try_ip(&r->p[PROBE_BRIDGE], "link add e2e-br type bridge\n");
	try_ip(&r->p[PROBE_DUMMY], "link add e2e-du type dummy\n");
	try_conntrack(&r->p[PROBE_CONNTRACK]);
	try_ipvs(&r->p[PROBE_IPVS]);
	if (topo_plan(&t, &s, &d) || netns_make(NETNS_NODE, &d)) {
		no(&r->p[PROBE_SANDBOX], d.text);
		return 0;
	}
	try_rules(&r->p[PROBE_IPTABLES], &t, SCEN_IPTABLES);
	try_rules(&r->p[PROBE_NFTABLES], &t, SCEN_NFTABLES);
	r->p[PROBE_NETEM].ok = true;
	{
		static const char *const tc[] = {"tc",	 "qdisc", "add",   "dev", "lo",
						 "root", "netem", "delay", "1ms", NULL};

		if (proc_run(tc, NULL, NULL, &d))
			no(&r->p[PROBE_NETEM], d.text);
	}
	return 0;
}

static void try_program(struct probe *p, const char *bin, const char *name)
{
	char path[4200], why[200];

	snprintf(path, sizeof path, "%s/%s", bin, name);
	p->ok = access(path, X_OK) == 0;
	snprintf(why, sizeof why, "%s is not beside kind-e2e", name);
	if (!p->ok)
		no(p, why);
}

void probe_all(struct probe_report *ret, const char *bin)
{
	struct probe_report *r =
		mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct diag d = {""};

	memset(ret, 0, sizeof *ret);
	if (r == MAP_FAILED)
		return;
	for (unsigned i = 0; i < N_PROBES; i++)
		no(&r->p[i], "no sandbox to try it in");
	if (sandbox_run(try_all, r, &d) < 0)
		no(&r->p[PROBE_SANDBOX], d.text);
	try_program(&r->p[PROBE_CACHE], bin, "node-cache");
	try_program(&r->p[PROBE_CAPTURE], bin, "pcap-replay");
	for (unsigned i = 0; i < N_PROBES; i++)
		if (r->p[i].ok)
			r->p[i].why[0] = '\0';
	*ret = *r;
	munmap(r, sizeof *r);
}

const char *probe_cell(const struct probe_report *p, enum scen_proxy proxy, bool with_cache)
{
	static const enum probe_id always[] = {PROBE_SANDBOX, PROBE_VETH, PROBE_CONNTRACK};
	enum probe_id rules = proxy == SCEN_IPTABLES   ? PROBE_IPTABLES
			      : proxy == SCEN_NFTABLES ? PROBE_NFTABLES
						       : PROBE_IPVS;

	for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
		if (!p->p[always[i]].ok)
			return p->p[always[i]].why;
	if (!p->p[rules].ok)
		return p->p[rules].why;
	if (proxy == SCEN_IPVS)
		return "a namespace lab has no kube-proxy rules for ipvs; they need a guest kernel";
	if (!with_cache)
		return NULL;
	if (!p->p[PROBE_BRIDGE].ok)
		return p->p[PROBE_BRIDGE].why;
	return p->p[PROBE_CACHE].ok ? NULL : p->p[PROBE_CACHE].why;
}
