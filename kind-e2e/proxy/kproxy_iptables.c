/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kube-proxy in iptables mode: a chain a Service port, a chain an endpoint, one
 * of them taken at random. 1.34, 1.35 and 1.36 write the same.
 */
#include <string.h>

#include "kind-e2e/proxy/kproxy_int.h"

static const struct kproxy_jump filter_jumps[] = {
	{"KUBE-EXTERNAL-SERVICES", "INPUT", "kubernetes externally-visible service portals", 1},
	{"KUBE-EXTERNAL-SERVICES", "FORWARD", "kubernetes externally-visible service portals", 1},
	{"KUBE-NODEPORTS", "INPUT", "kubernetes health check service ports", 0},
	{"KUBE-SERVICES", "FORWARD", "kubernetes service portals", 1},
	{"KUBE-SERVICES", "OUTPUT", "kubernetes service portals", 1},
	{"KUBE-FORWARD", "FORWARD", "kubernetes forwarding rules", 0},
	{"KUBE-PROXY-FIREWALL", "INPUT", "kubernetes load balancer firewall", 1},
	{"KUBE-PROXY-FIREWALL", "OUTPUT", "kubernetes load balancer firewall", 1},
	{"KUBE-PROXY-FIREWALL", "FORWARD", "kubernetes load balancer firewall", 1},
	{0},
};
static const struct kproxy_jump nat_jumps[] = {
	{"KUBE-SERVICES", "OUTPUT", "kubernetes service portals", 0},
	{"KUBE-SERVICES", "PREROUTING", "kubernetes service portals", 0},
	{"KUBE-POSTROUTING", "POSTROUTING", "kubernetes postrouting rules", 0},
	{0},
};

/* --- filter ----------------------------------------------------------------------- */

static void put_reject(const struct kproxy_at *at, FILE *out)
{
	fprintf(out,
		"-A KUBE-SERVICES -m comment --comment \"%s:%s has no endpoints\" -m %s -p %s "
		"-d %s --dport %u -j REJECT\n",
		at->service->name, at->port->name, at->port->proto, at->port->proto, at->vip,
		(unsigned)at->port->port);
}

static void put_filter(const struct kproxy_conf *c, FILE *out)
{
	static const char *const chains[] = {"KUBE-SERVICES",
					     "KUBE-EXTERNAL-SERVICES",
					     "KUBE-FORWARD",
					     "KUBE-NODEPORTS",
					     "KUBE-PROXY-FIREWALL",
					     "KUBE-PROXY-CANARY",
					     NULL};

	fputs("*filter\n", out);
	kproxy_put_chains(out, chains);
	kproxy_put_jumps(out, filter_jumps);
	kproxy_put_firewall(c, out);
	if (!c->n_endpoints)
		kproxy_each_port(c, out, put_reject);
	fputs("-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP\n", out);
	kproxy_put_forward(out);
	fputs("COMMIT\n", out);
}

/* --- nat -------------------------------------------------------------------------- */

static void put_port_chains(const struct kproxy_at *at, FILE *out)
{
	char chain[KPROXY_CHAIN_MAX], ep[KPROXY_ENDPOINT_MAX];

	kproxy_chain(chain, at->service->name, at->port, NULL);
	fprintf(out, ":%s - [0:0]\n", chain);
	for (size_t i = 0; i < at->conf->n_endpoints; i++) {
		kproxy_endpoint(ep, &at->conf->endpoints[i], at->port->port);
		kproxy_chain(chain, at->service->name, at->port, ep);
		fprintf(out, ":%s - [0:0]\n", chain);
	}
}

static void put_balance(const struct kproxy_at *at, const char *svc, FILE *out)
{
	for (size_t i = 0, n = at->conf->n_endpoints; i < n; i++) {
		char ep[KPROXY_ENDPOINT_MAX], sep[KPROXY_CHAIN_MAX];

		kproxy_endpoint(ep, &at->conf->endpoints[i], at->port->port);
		kproxy_chain(sep, at->service->name, at->port, ep);
		fprintf(out, "-A %s -m comment --comment \"%s:%s -> %s\"", svc, at->service->name,
			at->port->name, ep);
		if (i + 1 < n)
			fprintf(out, " -m statistic --mode random --probability %.10f",
				1.0 / (double)(n - i));
		fprintf(out, " -j %s\n", sep);
	}
}

static void put_endpoints(const struct kproxy_at *at, FILE *out)
{
	for (size_t i = 0; i < at->conf->n_endpoints; i++) {
		char ip[INET6_ADDRSTRLEN], ep[KPROXY_ENDPOINT_MAX], sep[KPROXY_CHAIN_MAX];

		kproxy_ip(ip, &at->conf->endpoints[i]);
		kproxy_endpoint(ep, &at->conf->endpoints[i], at->port->port);
		kproxy_chain(sep, at->service->name, at->port, ep);
		fprintf(out, "-A %s -m comment --comment %s:%s -s %s -j KUBE-MARK-MASQ\n", sep,
			at->service->name, at->port->name, ip);
		fprintf(out,
			"-A %s -m comment --comment %s:%s -m %s -p %s -j DNAT --to-destination "
			"%s\n",
			sep, at->service->name, at->port->name, at->port->proto, at->port->proto,
			ep);
	}
}

static void put_port_rules(const struct kproxy_at *at, FILE *out)
{
	const char *proto = at->port->proto;
	char svc[KPROXY_CHAIN_MAX], match[300];

	kproxy_chain(svc, at->service->name, at->port, NULL);
	snprintf(match, sizeof match,
		 "-m comment --comment \"%s:%s cluster IP\" -m %s -p %s -d %s --dport %u",
		 at->service->name, at->port->name, proto, proto, at->vip,
		 (unsigned)at->port->port);
	fprintf(out, "-A KUBE-SERVICES %s -j %s\n", match, svc);
	fprintf(out, "-A %s %s ! -s %s -j KUBE-MARK-MASQ\n", svc, match, at->conf->pod_cidr);
	put_balance(at, svc, out);
	put_endpoints(at, out);
}

static void put_nat(const struct kproxy_conf *c, FILE *out)
{
	static const char *const chains[] = {"KUBE-SERVICES",	  "KUBE-NODEPORTS",
					     "KUBE-POSTROUTING",  "KUBE-MARK-MASQ",
					     "KUBE-PROXY-CANARY", NULL};

	fputs("*nat\n", out);
	kproxy_put_chains(out, chains);
	if (c->n_endpoints)
		kproxy_each_port(c, out, put_port_chains);
	kproxy_put_jumps(out, nat_jumps);
	kproxy_put_masquerade(out);
	if (c->n_endpoints)
		kproxy_each_port(c, out, put_port_rules);
	/* in this mode kube-proxy's default is every address, whatever the node's is */
	fprintf(out,
		"-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this "
		"must be the last rule in this chain\" -m addrtype --dst-type LOCAL %s"
		"-j KUBE-NODEPORTS\n"
		"COMMIT\n",
		c->family == AF_INET6 ? "! -d ::1/128 " : "");
}

/* --- all -------------------------------------------------------------------------- */

static void put_sysctls(const struct kproxy_conf *c, FILE *out)
{
	if (c->family == AF_INET) /* for NodePorts on localhost */
		fputs("net.ipv4.conf.all.route_localnet=1\n", out);
}

static void put_tables(const struct kproxy_conf *c, FILE *out)
{
	fputs("*mangle\n:KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n", out);
	put_filter(c, out);
	put_nat(c, out);
}

int kproxy_iptables(struct kproxy_rules *ret, const struct kproxy_conf *c)
{
	static const char *const sysctl[] = {"sysctl", "-q", "-p", "-", NULL};
	int code;

	memset(ret, 0, sizeof *ret);
	code = kproxy_step(ret, sysctl, c, put_sysctls);
	return code ? code : kproxy_step(ret, kproxy_restore(c), c, put_tables);
}
