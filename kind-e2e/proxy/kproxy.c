/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kube-proxy's names, and its iptables rule set. Base chain jumps are inserted
 * one by one at the head, as kube-proxy does, so they end up in reverse order.
 */
#include "kind-e2e/proxy/kproxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/proxy/kproxy_int.h"
#include "lib/base/hash.h"

void kproxy_base32(const uint8_t in[10], char ret[17])
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

	for (unsigned i = 0; i < 16; i++) {
		unsigned bit = i * 5, at = bit / 8;
		unsigned two = (unsigned)in[at] << 8 | (at + 1 < 10 ? in[at + 1] : 0);

		ret[i] = digit[two >> (11 - bit % 8) & 31];
	}
	ret[16] = '\0';
}

static void hash_name(const char *text, char ret[17])
{
	uint8_t digest[32];

	hash_sha256(text, strlen(text), digest);
	kproxy_base32(digest, ret);
}

void kproxy_chain(char ret[KPROXY_CHAIN_MAX], const char *service, const struct kproxy_port *p,
		  const char *endpoint)
{
	char text[300], hash[17];

	snprintf(text, sizeof text, "%s:%s%s%s", service, p->name, p->proto,
		 endpoint ? endpoint : "");
	hash_name(text, hash);
	snprintf(ret, KPROXY_CHAIN_MAX, "KUBE-%s-%s", endpoint ? "SEP" : "SVC", hash);
}

void kproxy_nft_chain(char ret[KPROXY_NAME_MAX], const char *service, const struct kproxy_port *p,
		      const char *endpoint)
{
	char text[200], hash[17];
	int n = snprintf(text, sizeof text, "%s/%s/%s", service, p->proto, p->name);

	if (endpoint) {
		snprintf(text + n, sizeof text - (size_t)n, "__%s", endpoint);
		*strrchr(text, ':') = '/';
	}
	hash_name(text, hash);
	snprintf(ret, KPROXY_NAME_MAX, "%s-%.8s-%s", endpoint ? "endpoint" : "service", hash, text);
}

void kproxy_endpoint(char ret[32], struct in_addr ip, uint16_t port)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &ip, text, sizeof text);
	snprintf(ret, 32, "%s:%u", text, (unsigned)port);
}

void kproxy_each_port(const struct kproxy_conf *c, FILE *out, kproxy_port_f *f)
{
	for (size_t i = 0; i < c->n_services; i++) {
		struct kproxy_at at = {.conf = c, .service = &c->services[i]};

		inet_ntop(AF_INET, &at.service->vip, at.vip, sizeof at.vip);
		for (size_t k = 0; k < at.service->n_ports; k++) {
			at.port = &at.service->ports[k];
			f(&at, out);
		}
	}
}

/* --- iptables ------------------------------------------------------------------ */

struct jump {
	const char *chain, *from, *comment;
	int only_new;
};

static const struct jump filter_jumps[] = {
	{"KUBE-EXTERNAL-SERVICES", "INPUT", "kubernetes externally-visible service portals", 1},
	{"KUBE-EXTERNAL-SERVICES", "FORWARD", "kubernetes externally-visible service portals", 1},
	{"KUBE-NODEPORTS", "INPUT", "kubernetes health check service ports", 0},
	{"KUBE-SERVICES", "FORWARD", "kubernetes service portals", 1},
	{"KUBE-SERVICES", "OUTPUT", "kubernetes service portals", 1},
	{"KUBE-FORWARD", "FORWARD", "kubernetes forwarding rules", 0},
	{"KUBE-PROXY-FIREWALL", "INPUT", "kubernetes load balancer firewall", 1},
	{"KUBE-PROXY-FIREWALL", "OUTPUT", "kubernetes load balancer firewall", 1},
	{"KUBE-PROXY-FIREWALL", "FORWARD", "kubernetes load balancer firewall", 1},
	{"KUBE-FIREWALL", "INPUT", NULL, 0},
	{"KUBE-FIREWALL", "OUTPUT", NULL, 0},
	{0},
};
static const struct jump nat_jumps[] = {
	{"KUBE-SERVICES", "OUTPUT", "kubernetes service portals", 0},
	{"KUBE-SERVICES", "PREROUTING", "kubernetes service portals", 0},
	{"KUBE-POSTROUTING", "POSTROUTING", "kubernetes postrouting rules", 0},
	{0},
};

static void put_chains(FILE *out, const char *const *names)
{
	for (; *names; names++)
		fprintf(out, ":%s - [0:0]\n", *names);
}

static void put_jumps(FILE *out, const struct jump *j)
{
	for (; j->chain; j++) {
		fprintf(out, "-I %s%s", j->from, j->only_new ? " -m conntrack --ctstate NEW" : "");
		if (j->comment)
			fprintf(out, " -m comment --comment \"%s\"", j->comment);
		fprintf(out, " -j %s\n", j->chain);
	}
}

static void put_reject(const struct kproxy_at *at, FILE *out)
{
	fprintf(out,
		"-A KUBE-SERVICES -m comment --comment \"%s:%s has no endpoints\" -m %s -p %s -d "
		"%s "
		"--dport %u -j REJECT\n",
		at->service->name, at->port->name, at->port->proto, at->port->proto, at->vip,
		(unsigned)at->port->port);
}

static void put_filter(const struct kproxy_conf *c, FILE *out)
{
	static const char *const chains[] = {"KUBE-SERVICES",	    "KUBE-EXTERNAL-SERVICES",
					     "KUBE-FORWARD",	    "KUBE-NODEPORTS",
					     "KUBE-PROXY-FIREWALL", "KUBE-FIREWALL",
					     "KUBE-PROXY-CANARY",   NULL};

	fputs("*filter\n", out);
	put_chains(out, chains);
	put_jumps(out, filter_jumps);
	fputs("-A KUBE-FIREWALL -m comment --comment \"block incoming localnet connections\" "
	      "-d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT "
	      "-j DROP\n",
	      out);
	if (!c->n_endpoints)
		kproxy_each_port(c, out, put_reject);
	fputs("-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP\n"
	      "-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" "
	      "-m mark --mark 0x4000/0x4000 -j ACCEPT\n"
	      "-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" "
	      "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
	      "COMMIT\n",
	      out);
}

static void put_port_chains(const struct kproxy_at *at, FILE *out)
{
	char chain[KPROXY_CHAIN_MAX], ep[32];

	kproxy_chain(chain, at->service->name, at->port, NULL);
	fprintf(out, ":%s - [0:0]\n", chain);
	for (size_t i = 0; i < at->conf->n_endpoints; i++) {
		kproxy_endpoint(ep, at->conf->endpoints[i], at->port->port);
		kproxy_chain(chain, at->service->name, at->port, ep);
		fprintf(out, ":%s - [0:0]\n", chain);
	}
}

static void put_balance(const struct kproxy_at *at, const char *svc, FILE *out)
{
	for (size_t i = 0, n = at->conf->n_endpoints; i < n; i++) {
		char ep[32], sep[KPROXY_CHAIN_MAX];

		kproxy_endpoint(ep, at->conf->endpoints[i], at->port->port);
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
		char ep[32], sep[KPROXY_CHAIN_MAX];

		kproxy_endpoint(ep, at->conf->endpoints[i], at->port->port);
		kproxy_chain(sep, at->service->name, at->port, ep);
		fprintf(out, "-A %s -m comment --comment %s:%s -s %.*s -j KUBE-MARK-MASQ\n", sep,
			at->service->name, at->port->name, (int)strcspn(ep, ":"), ep);
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
	put_chains(out, chains);
	if (c->n_endpoints)
		kproxy_each_port(c, out, put_port_chains);
	put_jumps(out, nat_jumps);
	fputs("-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN\n"
	      "-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000\n"
	      "-A KUBE-POSTROUTING -m comment --comment "
	      "\"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully\n"
	      "-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000\n",
	      out);
	if (c->n_endpoints)
		kproxy_each_port(c, out, put_port_rules);
	fputs("-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this "
	      "must be the last rule in this chain\" -m addrtype --dst-type LOCAL "
	      "-j KUBE-NODEPORTS\n"
	      "COMMIT\n",
	      out);
}

char *kproxy_iptables(const struct kproxy_conf *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fputs("*mangle\n:KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n", out);
	put_filter(c, out);
	put_nat(c, out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
