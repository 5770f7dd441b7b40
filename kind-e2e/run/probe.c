/* SPDX-License-Identifier: Apache-2.0 */
/* Each thing a lab needs, tried once, in a sandbox or as a program. */
#include "kind-e2e/run/probe.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/kernel/ct_netlink.h"
#include "kind-e2e/lab/kubeproxy.h"
#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"
#include "kind-e2e/lab/sandbox.h"
#include "kind-e2e/lab/topo.h"

const char *const probe_name[N_PROBES] = {
	[PROBE_SANDBOX] = "sandbox",	 [PROBE_VETH] = "veth",
	[PROBE_BRIDGE] = "bridge",	 [PROBE_CONNTRACK] = "conntrack-netlink",
	[PROBE_IPTABLES] = "iptables",	 [PROBE_NFTABLES] = "nftables",
	[PROBE_IPVS] = "ipvs",		 [PROBE_IPV6] = "ipv6",
	[PROBE_DUMMY] = "dummy",
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
	[PROBE_IPV6] = "cells of IPv6 and of both families",
	[PROBE_DUMMY] = "kube-proxy's own link in ipvs mode; for the cache a bridge stands in",
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
	if (kubeproxy_start(t, mode, (1u << t->n_backends) - 1, &d))
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

static void try_ipvs(struct probe *p, const struct topo *t)
{
	if (access("/proc/net/ip_vs", F_OK))
		no(p, "this kernel has no IPVS (no /proc/net/ip_vs)");
	else
		try_rules(p, t, SCEN_IPVS);
}

/* One of its tables, too: a kernel may have the addresses without the filter. */
static void try_ipv6(struct probe *p)
{
	struct diag d = {""};

	if (access("/proc/sys/net/ipv6", F_OK))
		no(p, "this kernel has no IPv6 (no /proc/sys/net/ipv6)");
	else if (topo_nft(NETNS_NODE, "table ip6 e2e-probe { }\ndelete table ip6 e2e-probe\n", &d))
		no(p, d.text);
	else
		p->ok = true;
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
	if (topo_plan(&t, &s, SCEN_IP4, &d) || netns_make(NETNS_NODE, &d)) {
		no(&r->p[PROBE_SANDBOX], d.text);
		return 0;
	}
	try_rules(&r->p[PROBE_IPTABLES], &t, SCEN_IPTABLES);
	try_rules(&r->p[PROBE_NFTABLES], &t, SCEN_NFTABLES);
	try_ipvs(&r->p[PROBE_IPVS], &t);
	try_ipv6(&r->p[PROBE_IPV6]);
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

const char *probe_cell(const struct probe_report *p, const struct cell_spec *spec)
{
	static const enum probe_id always[] = {PROBE_SANDBOX, PROBE_VETH, PROBE_CONNTRACK};
	const enum probe_id more[] = {
		spec->empty		       ? PROBE_NFTABLES
		: spec->proxy == SCEN_IPTABLES ? PROBE_IPTABLES
		: spec->proxy == SCEN_NFTABLES ? PROBE_NFTABLES
					       : PROBE_IPVS,
		spec->ip == SCEN_IP4 ? PROBE_VETH : PROBE_IPV6,
		spec->with_cache ? PROBE_BRIDGE : PROBE_VETH,
		spec->with_cache ? PROBE_CACHE : PROBE_VETH,
	};

	for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
		if (!p->p[always[i]].ok)
			return p->p[always[i]].why;
	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
		if (!p->p[more[i]].ok)
			return p->p[more[i]].why;
	if (spec->original && spec->ip == SCEN_DUAL)
		return "the original serves addresses of one family only";
	return NULL;
}
