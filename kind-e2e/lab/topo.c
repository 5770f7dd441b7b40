/* SPDX-License-Identifier: Apache-2.0 */
/* The lab's network as lines for `ip -batch`, and the rules' program of each proxy mode. */
#include "kind-e2e/lab/topo.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static struct addr numbered(const char *base, unsigned n)
{
	struct addr a = addr_text(base);
	uint8_t *last = a.b + (a.family == AF_INET ? 2 : 14);

	last[0] = (uint8_t)(n >> 8);
	last[1] = (uint8_t)n;
	return a;
}

static void plan_side(struct topo *t, enum topo_family f, const struct topo_side *fixed,
		      const char *pods)
{
	struct topo_side *side = &t->side[f];

	*side = *fixed;
	for (unsigned i = 0; i < t->n_backends; i++)
		side->backend[i] = numbered(pods, 2 + i);
	for (unsigned i = 0; i < t->n_pods; i++)
		side->pod[i] = numbered(pods, 2 + t->n_backends + i);
}

static void plan_addresses(struct topo *t)
{
	const struct scenario *s = t->s;
	const struct topo_side v4 = {
		.pod_cidr = "10.244.0.0/16",
		.service_cidr = "10.96.0.0/16",
		.gateway = addr_text("10.244.0.1"),
		.node = addr_text(TOPO_NODE_IP),
		.net = addr_text(TOPO_NET_IP),
		.vip = addr_v4(s->cluster_dns),
		.upstream = addr_v4(s->upstream_dns),
		.local = addr_v4(s->local_dns),
	};
	const struct topo_side v6 = {
		.pod_cidr = "fd00:10:244::/56",
		.service_cidr = "fd00:10:96::/112",
		.gateway = addr_text("fd00:10:244::1"),
		.node = addr_text("fc00:f853:ccd:e793::2"),
		.net = addr_text("fc00:f853:ccd:e793::1"),
		.vip = addr_text("fd00:10:96::a"),
		.upstream = addr_text("fd00:10:96::b"),
		.local = addr_text("fd00:169:254:20::10"),
	};

	plan_side(t, TOPO_V4, &v4, "10.244.0.0");
	plan_side(t, TOPO_V6, &v6, "fd00:10:244::");
}

int topo_plan(struct topo *ret, const struct scenario *s, enum scen_ip ip, struct diag *d)
{
	struct topo t = {.s = s,
			 .n_backends = s->n_backends,
			 .n_pods = s->n_pods,
			 .has = {ip != SCEN_IP6, ip != SCEN_IP4}};

	if (s->n_nodes != 1)
		return diag_set(d, ERR_LIMIT, "%s: a lab has one node, the scenario has %u",
				s->path, s->n_nodes);
	if (!t.n_pods || t.n_pods > TOPO_PODS_MAX)
		return diag_set(d, ERR_LIMIT, "%s: a lab has 1 to %d pods, the scenario has %u",
				s->path, TOPO_PODS_MAX, t.n_pods);
	if (!t.n_backends || t.n_backends > TOPO_BACKENDS_MAX)
		return diag_set(d, ERR_LIMIT, "%s: a lab has 1 to %d backends, the scenario has %u",
				s->path, TOPO_BACKENDS_MAX, t.n_backends);
	plan_addresses(&t);
	*ret = t;
	return 0;
}

/* --- tools ---------------------------------------------------------------------- */

int topo_tool(const char *ns, const char *const argv[], const char *input, char **ret_out,
	      struct diag *d)
{
	int code = netns_enter(ns, d);

	if (code)
		return code;
	code = proc_run(argv, input, ret_out, d);
	netns_leave();
	return code;
}

int topo_nft(const char *ns, const char *rules, struct diag *d)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};

	return topo_tool(ns, argv, rules, NULL, d);
}

int topo_ip(const char *ns, const char *commands, struct diag *d)
{
	static const char *const argv[] = {"ip", "-batch", "-", NULL};

	return topo_tool(ns, argv, commands, NULL, d);
}

/* --- building ------------------------------------------------------------------ */

/* IPv6 where the cell has it, without what would make the first packets wait (duplicate
 * address detection) or fill captures (router solicitations). */
static int quiet_v6(bool wanted, struct diag *d)
{
	int code;

	if (access("/proc/sys/net/ipv6", F_OK))
		return wanted ? diag_set(d, ERR_UNSUPPORTED, "this kernel has no IPv6") : 0;
	code = netns_sysctl("net.ipv6.conf.all.disable_ipv6", wanted ? "0" : "1", d);
	code = code ? code
		    : netns_sysctl("net.ipv6.conf.default.disable_ipv6", wanted ? "0" : "1", d);
	if (!wanted)
		return code;
	code = code ? code : netns_sysctl("net.ipv6.conf.all.accept_dad", "0", d);
	code = code ? code : netns_sysctl("net.ipv6.conf.default.accept_dad", "0", d);
	code = code ? code : netns_sysctl("net.ipv6.conf.default.router_solicitations", "0", d);
	return code ? code : netns_sysctl("net.ipv6.conf.default.accept_ra", "0", d);
}

/* In every namespace of the lab: nothing but what the lab sends. */
static int quiet_namespace(const struct topo *t, const char *name, struct diag *d)
{
	int code = netns_make(name, d);

	code = code ? code : netns_enter(name, d);
	if (code)
		return code;
	/* IPv4 settings are copied from the machine at birth */
	code = netns_sysctl("net.ipv4.conf.all.rp_filter", "0", d);
	code = code ? code : netns_sysctl("net.ipv4.conf.default.rp_filter", "0", d);
	code = code ? code : quiet_v6(t->has[TOPO_V6], d);
	netns_leave();
	return code ? code : topo_ip(name, "link set lo up\n", d);
}

/* `ip -batch` lines that differ between the families only in addresses. */
struct batch {
	char text[1600];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct batch *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(b->text + b->len, sizeof b->text - b->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		b->len += (size_t)n < sizeof b->text - b->len ? (size_t)n : 0;
}

#define HOST_BITS(f) ((f) == TOPO_V4 ? 32 : 128)

/* One pod or backend: veth, addresses, routes, on both ends. */
static int plug(const struct topo *t, const char *ns, const char *link,
		const struct addr *const ip[TOPO_FAMILIES], struct diag *d)
{
	struct batch node = {""}, pod = {""}, routes = {""};
	char gateway[ADDR_TEXT], own[ADDR_TEXT];
	int code = quiet_namespace(t, ns, d);

	put(&node, "link add %s type veth peer name eth0 netns %s\n", link, ns);
	for (int f = 0; f < TOPO_FAMILIES; f++) {
		if (!t->has[f])
			continue;
		addr_str(&t->side[f].gateway, gateway);
		addr_str(ip[f], own);
		put(&node, "addr add %s/%d dev %s\n", gateway, HOST_BITS(f), link);
		put(&pod, "addr add %s/%d dev eth0\n", own, HOST_BITS(f));
		put(&routes, "route add %s dev %s\n", own, link);
	}
	put(&node, "link set %s up\n", link);
	put(&pod, "link set eth0 up\n");
	for (int f = 0; f < TOPO_FAMILIES; f++) {
		if (!t->has[f])
			continue;
		addr_str(&t->side[f].gateway, gateway);
		put(&pod, "route add %s dev eth0%s\nroute add default via %s dev eth0\n", gateway,
		    f == TOPO_V4 ? " scope link" : "", gateway);
	}
	code = code ? code : topo_ip(NETNS_NODE, node.text, d);
	code = code ? code : topo_ip(ns, pod.text, d);
	return code ? code : topo_ip(NETNS_NODE, routes.text, d);
}

static int node_sysctls(const struct topo *t, struct diag *d)
{
	int code = netns_enter(NETNS_NODE, d);

	if (code)
		return code;
	code = netns_sysctl("net.ipv4.ip_forward", "1", d);
	if (t->has[TOPO_V6])
		code = code ? code : netns_sysctl("net.ipv6.conf.all.forwarding", "1", d);
	netns_leave();
	return code;
}

static int build_node(const struct topo *t, struct diag *d)
{
	static const int bits[TOPO_FAMILIES] = {16, 64};
	struct batch node = {""}, net = {""};
	char a[ADDR_TEXT], b[ADDR_TEXT];
	int code = quiet_namespace(t, NETNS_NODE, d);

	code = code ? code : node_sysctls(t, d);
	code = code ? code : quiet_namespace(t, TOPO_NET, d);
	put(&node, "link add " TOPO_UPLINK " type veth peer name eth0 netns " TOPO_NET "\n");
	for (int f = 0; f < TOPO_FAMILIES; f++)
		if (t->has[f]) {
			put(&node, "addr add %s/%d dev " TOPO_UPLINK "\n",
			    addr_str(&t->side[f].node, a), bits[f]);
			put(&net, "addr add %s/%d dev eth0\n", addr_str(&t->side[f].net, b),
			    bits[f]);
		}
	put(&node, "link set " TOPO_UPLINK " up\n");
	put(&net, "link set eth0 up\n");
	code = code ? code : topo_ip(NETNS_NODE, node.text, d);
	code = code ? code : topo_ip(TOPO_NET, net.text, d);
	node = (struct batch){""};
	for (int f = 0; f < TOPO_FAMILIES; f++)
		if (t->has[f])
			put(&node, "route add default via %s dev " TOPO_UPLINK "\n",
			    addr_str(&t->side[f].net, a));
	return code ? code : topo_ip(NETNS_NODE, node.text, d);
}

int topo_build(const struct topo *t, struct diag *d)
{
	char ns[32], link[16];
	int code = build_node(t, d);

	for (unsigned i = 0; !code && i < t->n_backends; i++) {
		const struct addr *ip[] = {&t->side[0].backend[i], &t->side[1].backend[i]};

		topo_backend_ns(ns, i);
		snprintf(link, sizeof link, "vdns%u", i + 1);
		code = plug(t, ns, link, ip, d);
	}
	for (unsigned i = 0; !code && i < t->n_pods; i++) {
		const struct addr *ip[] = {&t->side[0].pod[i], &t->side[1].pod[i]};

		topo_pod_ns(ns, i);
		topo_pod_link(link, i);
		code = plug(t, ns, link, ip, d);
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
	return topo_ip(NETNS_NODE, "link add " TOPO_CACHE_LINK " type bridge\n", d);
}

bool topo_has_cache_link(void)
{
	struct diag d = {""};

	return topo_ip(NETNS_NODE, "link show " TOPO_CACHE_LINK "\n", &d) == 0;
}

/* --- rules of the lab itself ------------------------------------------------------- */

int topo_loss(const struct topo *t, double share, struct diag *d)
{
	unsigned per_million = (unsigned)(share * 1e6 + 0.5);
	char rules[600], ns[32];
	int code = 0;

	snprintf(rules, sizeof rules,
		 "table inet e2e-loss {\n"
		 " chain in { type filter hook prerouting priority -300; meta l4proto { tcp, udp } "
		 "numgen random mod 1000000 < %u counter drop; }\n"
		 " chain out { type filter hook postrouting priority 300; meta l4proto { tcp, udp } "
		 "numgen random mod 1000000 < %u counter drop; }\n"
		 "}\n",
		 per_million, per_million);
	for (unsigned i = 0; !code && per_million && i < t->n_backends; i++) {
		topo_backend_ns(ns, i);
		code = topo_nft(ns, rules, d);
	}
	return code;
}

int topo_silence(unsigned backend, bool silent, struct diag *d)
{
	char ns[32];

	topo_backend_ns(ns, backend);
	if (!silent)
		return topo_nft(ns, "delete table inet e2e-silence\n", d);
	return topo_nft(ns,
			"table inet e2e-silence {\n"
			" chain in { type filter hook prerouting priority -310; "
			"meta l4proto { tcp, udp } drop; }\n"
			" chain out { type filter hook postrouting priority 310; "
			"meta l4proto { tcp, udp } drop; }\n"
			"}\n",
			d);
}
