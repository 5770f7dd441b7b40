/* SPDX-License-Identifier: Apache-2.0 */
/* The lab's network as lines for `ip -batch`, and the rules' program of each proxy mode. */
#include "kind-e2e/lab/topo.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kind-e2e/proxy/kproxy.h"
#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"

void topo_pod_ns(char ret[32], unsigned pod)
{
	snprintf(ret, 32, NETNS_PREFIX "pod%u", pod + 1);
}

void topo_pod_link(char ret[16], unsigned pod)
{
	snprintf(ret, 16, "vpod%u", pod + 1);
}

void topo_backend_ns(char ret[32], unsigned backend)
{
	snprintf(ret, 32, NETNS_PREFIX "dns%u", backend + 1);
}

int topo_plan(struct topo *ret, const struct scenario *s, struct diag *d)
{
	struct topo t = {.s = s, .n_backends = s->n_backends, .n_pods = s->n_pods};

	if (s->n_nodes != 1)
		return diag_set(d, ERR_LIMIT, "%s: a lab has one node, the scenario has %u",
				s->path, s->n_nodes);
	if (!t.n_pods || t.n_pods > TOPO_PODS_MAX)
		return diag_set(d, ERR_LIMIT, "%s: a lab has 1 to %d pods, the scenario has %u",
				s->path, TOPO_PODS_MAX, t.n_pods);
	if (!t.n_backends || t.n_backends > TOPO_BACKENDS_MAX)
		return diag_set(d, ERR_LIMIT, "%s: a lab has 1 to %d backends, the scenario has %u",
				s->path, TOPO_BACKENDS_MAX, t.n_backends);
	for (unsigned i = 0; i < t.n_backends; i++)
		t.backend[i].s_addr = htonl(0x0af40002u + i);
	for (unsigned i = 0; i < t.n_pods; i++)
		t.pod[i].s_addr = htonl(0x0af40002u + t.n_backends + i);
	inet_pton(AF_INET, TOPO_NET_IP, &t.net);
	*ret = t;
	return 0;
}

/* --- building ------------------------------------------------------------------ */

static int ip_batch(const char *ns, const char *commands, struct diag *d)
{
	static const char *const argv[] = {"ip", "-batch", "-", NULL};
	int code = netns_enter(ns, d);

	if (code)
		return code;
	code = proc_run(argv, commands, NULL, d);
	netns_leave();
	return code;
}

/* In every namespace of the lab: nothing but what the lab sends. */
static int quiet_namespace(const char *name, struct diag *d)
{
	int code = netns_make(name, d);

	code = code ? code : netns_enter(name, d);
	if (code)
		return code;
	/* IPv4 settings are copied from the machine at birth; IPv6 would add
	 * router and neighbour traffic to captures and counters. */
	code = netns_sysctl("net.ipv4.conf.all.rp_filter", "0", d);
	code = code ? code : netns_sysctl("net.ipv4.conf.default.rp_filter", "0", d);
	if (!code && access("/proc/sys/net/ipv6", F_OK) == 0) {
		code = netns_sysctl("net.ipv6.conf.all.disable_ipv6", "1", d);
		code = code ? code : netns_sysctl("net.ipv6.conf.default.disable_ipv6", "1", d);
	}
	netns_leave();
	return code ? code : ip_batch(name, "link set lo up\n", d);
}

/* One pod or backend: veth, addresses, routes, on both ends. */
static int plug(const char *ns, const char *link, struct in_addr ip, struct diag *d)
{
	char text[INET_ADDRSTRLEN], commands[600];
	int code = quiet_namespace(ns, d);

	if (code)
		return code;
	inet_ntop(AF_INET, &ip, text, sizeof text);
	snprintf(commands, sizeof commands,
		 "link add %s type veth peer name eth0 netns %s\n"
		 "addr add 10.244.0.1/32 dev %s\n"
		 "link set %s up\n",
		 link, ns, link, link);
	code = ip_batch(NETNS_NODE, commands, d);
	if (code)
		return code;
	snprintf(commands, sizeof commands,
		 "addr add %s/32 dev eth0\n"
		 "link set eth0 up\n"
		 "route add 10.244.0.1 dev eth0 scope link\n"
		 "route add default via 10.244.0.1 dev eth0\n",
		 text);
	code = ip_batch(ns, commands, d);
	if (code)
		return code;
	snprintf(commands, sizeof commands, "route add %s dev %s\n", text, link);
	return ip_batch(NETNS_NODE, commands, d);
}

static int build_node(struct diag *d)
{
	int code = quiet_namespace(NETNS_NODE, d);

	code = code ? code : netns_enter(NETNS_NODE, d);
	if (code)
		return code;
	code = netns_sysctl("net.ipv4.ip_forward", "1", d);
	netns_leave();
	code = code ? code : quiet_namespace(TOPO_NET, d);
	code = code ? code
		    : ip_batch(NETNS_NODE,
			       "link add uplink type veth peer name eth0 netns " TOPO_NET "\n"
			       "addr add " TOPO_NODE_IP "/16 dev uplink\n"
			       "link set uplink up\n"
			       "route add default via " TOPO_NET_IP "\n",
			       d);
	return code ? code
		    : ip_batch(TOPO_NET,
			       "addr add " TOPO_NET_IP "/16 dev eth0\n"
			       "link set eth0 up\n",
			       d);
}

int topo_build(const struct topo *t, struct diag *d)
{
	char ns[32], link[16];
	int code = build_node(d);

	for (unsigned i = 0; !code && i < t->n_backends; i++) {
		topo_backend_ns(ns, i);
		snprintf(link, sizeof link, "vdns%u", i + 1);
		code = plug(ns, link, t->backend[i], d);
	}
	for (unsigned i = 0; !code && i < t->n_pods; i++) {
		topo_pod_ns(ns, i);
		topo_pod_link(link, i);
		code = plug(ns, link, t->pod[i], d);
	}
	return code;
}

void topo_drop(const struct topo *t)
{
	char ns[32];

	for (unsigned i = 0; i < t->n_pods; i++) {
		topo_pod_ns(ns, i);
		netns_drop(ns);
	}
	for (unsigned i = 0; i < t->n_backends; i++) {
		topo_backend_ns(ns, i);
		netns_drop(ns);
	}
	netns_drop(TOPO_NET);
	netns_drop(NETNS_NODE);
}

int topo_cache_link(struct diag *d)
{
	return ip_batch(NETNS_NODE, "link add " TOPO_CACHE_LINK " type bridge\n", d);
}

/* --- rules ------------------------------------------------------------------------ */

static int load_rules(const char *ns, const char *const argv[], const char *rules, struct diag *d)
{
	int code = netns_enter(ns, d);

	if (code)
		return code;
	code = proc_run(argv, rules, NULL, d);
	netns_leave();
	return code;
}

int topo_proxy(const struct topo *t, enum scen_proxy mode, struct diag *d)
{
	const struct kproxy_service services[] = {
		{"kube-system/kube-dns", kproxy_v4(t->s->cluster_dns), kproxy_dns_ports, 3},
		{"kube-system/kube-dns-upstream", kproxy_v4(t->s->upstream_dns), kproxy_dns_ports,
		 2},
	};
	struct in6_addr endpoints[TOPO_BACKENDS_MAX];
	const struct kproxy_conf conf = {.family = AF_INET,
					 .version = KPROXY_1_36,
					 .services = services,
					 .n_services = 2,
					 .endpoints = endpoints,
					 .n_endpoints = t->n_backends,
					 .pod_cidr = TOPO_POD_CIDR,
					 .service_cidr = TOPO_SERVICE_CIDR,
					 .node_ip = TOPO_NODE_IP};
	struct kproxy_rules rules;
	int code;

	for (unsigned i = 0; i < t->n_backends; i++)
		endpoints[i] = kproxy_v4(t->backend[i]);
	code = mode == SCEN_IPTABLES   ? kproxy_iptables(&rules, &conf)
	       : mode == SCEN_NFTABLES ? kproxy_nftables(&rules, &conf)
				       : kproxy_ipvs(&rules, &conf);
	if (code)
		return diag_set(d, code, "rules: no memory");
	for (unsigned i = 0; !code && i < rules.n; i++)
		code = load_rules(NETNS_NODE, rules.step[i].argv, rules.step[i].input, d);
	kproxy_free(&rules);
	return code;
}

int topo_loss(const struct topo *t, double share, struct diag *d)
{
	static const char *const nft[] = {"nft", "-f", "-", NULL};
	unsigned per_million = (unsigned)(share * 1e6 + 0.5);
	char rules[600], ns[32];
	int code = 0;

	snprintf(rules, sizeof rules,
		 "table ip e2e-loss {\n"
		 " chain in { type filter hook prerouting priority -300; "
		 "numgen random mod 1000000 < %u counter drop; }\n"
		 " chain out { type filter hook postrouting priority 300; "
		 "numgen random mod 1000000 < %u counter drop; }\n"
		 "}\n",
		 per_million, per_million);
	for (unsigned i = 0; !code && per_million && i < t->n_backends; i++) {
		topo_backend_ns(ns, i);
		code = load_rules(ns, nft, rules, d);
	}
	return code;
}
