/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kube-proxy in IPVS mode: a virtual server a Service port on an address of
 * kube-ipvs0, and around it ipsets and iptables rules that masquerade, accept,
 * and refuse other ports. Most sets are for what a Service may have and these
 * have not (node ports, load balancers): they are there, empty. 1.34, 1.35 and
 * 1.36 write the same. It needs ip_vs, dummy and xt_set in the kernel.
 */
#include <string.h>

#include "kind-e2e/proxy/kproxy_int.h"

#define SET_NAME_MAX 32 /* the kernel's IPSET_MAXNAMELEN; kube-proxy cuts names to it */

static const struct {
	const char *name, *type;
} sets[] = {
	{"LOOP-BACK", "hash:ip,port,ip"},
	{"CLUSTER-IP", "hash:ip,port"},
	{"EXTERNAL-IP", "hash:ip,port"},
	{"EXTERNAL-IP-LOCAL", "hash:ip,port"},
	{"LOAD-BALANCER", "hash:ip,port"},
	{"LOAD-BALANCER-FW", "hash:ip,port"},
	{"LOAD-BALANCER-LOCAL", "hash:ip,port"},
	{"LOAD-BALANCER-SOURCE-IP", "hash:ip,port,ip"},
	{"LOAD-BALANCER-SOURCE-CIDR", "hash:ip,port,net"},
	{"NODE-PORT-TCP", "bitmap:port"},
	{"NODE-PORT-LOCAL-TCP", "bitmap:port"},
	{"NODE-PORT-UDP", "bitmap:port"},
	{"NODE-PORT-LOCAL-UDP", "bitmap:port"},
	{"NODE-PORT-SCTP-HASH", "hash:ip,port"},
	{"NODE-PORT-LOCAL-SCTP-HASH", "hash:ip,port"},
	{"HEALTH-CHECK-NODE-PORT", "bitmap:port"},
	{"IPVS-IPS", "hash:ip"},
};
static const struct kproxy_jump nat_jumps[] = {
	{"KUBE-SERVICES", "OUTPUT", "kubernetes service portals", 0},
	{"KUBE-SERVICES", "PREROUTING", "kubernetes service portals", 0},
	{"KUBE-POSTROUTING", "POSTROUTING", "kubernetes postrouting rules", 0},
	{0},
};
static const struct kproxy_jump filter_jumps[] = {
	{"KUBE-FORWARD", "FORWARD", "kubernetes forwarding rules", 0},
	{"KUBE-NODE-PORT", "INPUT", "kubernetes health check rules", 0},
	{"KUBE-PROXY-FIREWALL", "INPUT", "kube-proxy firewall rules", 0},
	{"KUBE-PROXY-FIREWALL", "FORWARD", "kube-proxy firewall rules", 0},
	{"KUBE-IPVS-FILTER", "INPUT", "kubernetes ipvs access filter", 0},
	{"KUBE-IPVS-OUT-FILTER", "OUTPUT", "kubernetes ipvs access filter", 0},
	{0},
};

static const char *set_name(const struct kproxy_conf *c, const char *name, char ret[SET_NAME_MAX])
{
	snprintf(ret, SET_NAME_MAX, "KUBE-%s%s", c->family == AF_INET6 ? "6-" : "", name);
	return ret;
}

/* --- addresses and virtual servers ------------------------------------------------ */

static void put_sysctls(const struct kproxy_conf *c, FILE *out)
{
	(void)c; /* the same for both families */
	fputs("net.ipv4.vs.conntrack=1\n"
	      "net.ipv4.vs.expire_nodest_conn=1\n"
	      "net.ipv4.vs.expire_quiescent_template=1\n"
	      "net.ipv4.ip_forward=1\n",
	      out);
}

static void put_link(const struct kproxy_conf *c, FILE *out)
{
	if (!c->has_link)
		fputs("link add " KPROXY_IPVS_LINK " type dummy\n", out);
	for (size_t i = 0; i < c->n_services; i++) {
		char vip[INET6_ADDRSTRLEN];

		kproxy_ip(vip, &c->services[i].vip);
		fprintf(out, "addr add %s/%d dev " KPROXY_IPVS_LINK "%s\n", vip,
			c->family == AF_INET6 ? 128 : 32, c->family == AF_INET6 ? " nodad" : "");
	}
}

static void put_server(const struct kproxy_at *at, FILE *out)
{
	char letter = at->port->proto[0] == 'u' ? 'u' : 't';
	char vip[KPROXY_ENDPOINT_MAX], ep[KPROXY_ENDPOINT_MAX];

	kproxy_endpoint(vip, &at->service->vip, at->port->port);
	fprintf(out, "-A -%c %s -s rr\n", letter, vip);
	for (size_t i = 0; i < at->conf->n_endpoints; i++) {
		kproxy_endpoint(ep, &at->conf->endpoints[i], at->port->port);
		fprintf(out, "-a -%c %s -r %s -m -w 1\n", letter, vip, ep);
	}
}

static void put_servers(const struct kproxy_conf *c, FILE *out)
{
	kproxy_each_port(c, out, put_server);
}

/* --- sets ------------------------------------------------------------------------- */

static void put_members(const struct kproxy_at *at, FILE *out)
{
	char name[SET_NAME_MAX], ip[INET6_ADDRSTRLEN];
	const char *proto = at->port->proto;
	unsigned port = at->port->port;

	fprintf(out, "add %s %s,%s:%u\n", set_name(at->conf, "CLUSTER-IP", name), at->vip, proto,
		port);
	for (size_t i = 0; i < at->conf->n_endpoints; i++) {
		kproxy_ip(ip, &at->conf->endpoints[i]);
		fprintf(out, "add %s %s,%s:%u,%s\n", set_name(at->conf, "LOOP-BACK", name), ip,
			proto, port, ip);
	}
}

static void put_sets(const struct kproxy_conf *c, FILE *out)
{
	char name[SET_NAME_MAX], vip[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
		fprintf(out, "create %s %s", set_name(c, sets[i].name, name), sets[i].type);
		if (strcmp(sets[i].type, "bitmap:port"))
			fprintf(out, " family %s hashsize 1024 maxelem 65536\n",
				c->family == AF_INET6 ? "inet6" : "inet");
		else
			fputs(" range 0-65535\n", out);
	}
	kproxy_each_port(c, out, put_members);
	for (size_t i = 0; i < c->n_services; i++) {
		kproxy_ip(vip, &c->services[i].vip);
		fprintf(out, "add %s %s\n", set_name(c, "IPVS-IPS", name), vip);
	}
}

/* --- rules ------------------------------------------------------------------------ */

static void put_nat(const struct kproxy_conf *c, FILE *out)
{
	static const char *const chains[] = {"KUBE-SERVICES",  "KUBE-POSTROUTING",
					     "KUBE-NODE-PORT", "KUBE-LOAD-BALANCER",
					     "KUBE-MARK-MASQ", NULL};
	char loops[SET_NAME_MAX], ips[SET_NAME_MAX];

	set_name(c, "LOOP-BACK", loops);
	set_name(c, "CLUSTER-IP", ips);
	fputs("*nat\n", out);
	kproxy_put_chains(out, chains);
	kproxy_put_jumps(out, nat_jumps);
	fprintf(out, "-A KUBE-SERVICES -s %s -j RETURN\n",
		c->family == AF_INET6 ? "::1/128" : "127.0.0.0/8");
	if (c->n_endpoints) /* rules about an empty set are not written, this one's only */
		fprintf(out,
			"-A KUBE-POSTROUTING -m comment --comment \"Kubernetes endpoints dst "
			"ip:port, source ip for solving hairpin purpose\" -m set --match-set %s "
			"dst,dst,src -j MASQUERADE\n",
			loops);
	fprintf(out,
		"-A KUBE-SERVICES -m comment --comment \"Kubernetes service cluster ip + port for "
		"masquerade purpose\" -m set --match-set %s dst,dst ! -s %s -j KUBE-MARK-MASQ\n"
		"-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT\n"
		"-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ\n"
		"-A KUBE-SERVICES -m set --match-set %s dst,dst -j ACCEPT\n",
		ips, c->pod_cidr, ips);
	kproxy_put_masquerade(out);
	fputs("COMMIT\n", out);
}

/* Other ports of a Service's address are refused: without this the node's own
 * servers would answer there. */
static void put_access(const struct kproxy_conf *c, FILE *out)
{
	static const char *const known[] = {"LOAD-BALANCER", "CLUSTER-IP", "EXTERNAL-IP",
					    "EXTERNAL-IP-LOCAL"};
	char name[SET_NAME_MAX];

	fprintf(out,
		"-A KUBE-NODE-PORT -m comment --comment \"Kubernetes health check node port\" "
		"-m set --match-set %s dst -j ACCEPT\n",
		set_name(c, "HEALTH-CHECK-NODE-PORT", name));
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		fprintf(out, "-A KUBE-IPVS-FILTER -m set --match-set %s dst,dst -j RETURN\n",
			set_name(c, known[i], name));
	fprintf(out, "-A KUBE-IPVS-FILTER -m set --match-set %s dst -j RETURN\n",
		set_name(c, "HEALTH-CHECK-NODE-PORT", name));
	fprintf(out,
		"-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW -m set --match-set %s dst "
		"-j REJECT\n",
		set_name(c, "IPVS-IPS", name));
}

static void put_tables(const struct kproxy_conf *c, FILE *out)
{
	static const char *const chains[] = {"KUBE-FORWARD",
					     "KUBE-NODE-PORT",
					     "KUBE-PROXY-FIREWALL",
					     "KUBE-SOURCE-RANGES-FIREWALL",
					     "KUBE-IPVS-FILTER",
					     "KUBE-IPVS-OUT-FILTER",
					     NULL};

	put_nat(c, out);
	fputs("*filter\n", out);
	kproxy_put_chains(out, chains);
	kproxy_put_jumps(out, filter_jumps);
	kproxy_put_firewall(c, out);
	fputs("-A KUBE-SOURCE-RANGES-FIREWALL -j DROP\n", out);
	kproxy_put_forward(out);
	put_access(c, out);
	fputs("COMMIT\n", out);
}

int kproxy_ipvs(struct kproxy_rules *ret, const struct kproxy_conf *c)
{
	static const char *const sysctl[] = {"sysctl", "-q", "-p", "-", NULL};
	static const char *const ip[] = {"ip", "-batch", "-", NULL};
	static const char *const ipset[] = {"ipset", "-exist", "restore", NULL};
	static const char *const ipvsadm[] = {"ipvsadm", "-R", NULL};
	int code;

	memset(ret, 0, sizeof *ret);
	code = kproxy_step(ret, sysctl, c, put_sysctls);
	code = code ? code : kproxy_step(ret, ip, c, put_link);
	code = code ? code : kproxy_step(ret, ipset, c, put_sets);
	code = code ? code : kproxy_step(ret, kproxy_restore(c), c, put_tables);
	return code ? code : kproxy_step(ret, ipvsadm, c, put_servers);
}
