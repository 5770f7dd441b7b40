/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kube-proxy's nftables rule set: one table `ip kube-proxy`, dispatch through
 * verdict maps, one chain a Service port and one an endpoint.
 */
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/proxy/kproxy_int.h"

#define T "ip kube-proxy"

static const char fixed_head[] =
	"add table " T " { comment \"rules for kube-proxy\" ; }\n"
	"add chain " T
	" filter-prerouting-pre-dnat { type filter hook prerouting priority -110 ; }\n"
	"add chain " T " filter-output-pre-dnat { type filter hook output priority -110 ; }\n"
	"add chain " T " filter-input { type filter hook input priority 0 ; }\n"
	"add chain " T " filter-forward { type filter hook forward priority 0 ; }\n"
	"add chain " T " filter-output { type filter hook output priority 0 ; }\n"
	"add chain " T " nat-prerouting { type nat hook prerouting priority -100 ; }\n"
	"add chain " T " nat-output { type nat hook output priority -100 ; }\n"
	"add chain " T " nat-postrouting { type nat hook postrouting priority 100 ; }\n"
	"add chain " T " nodeport-endpoints-check\n"
	"add rule " T " filter-input ct state new jump nodeport-endpoints-check\n"
	"add chain " T " service-endpoints-check\n"
	"add rule " T " filter-input ct state new jump service-endpoints-check\n"
	"add rule " T " filter-forward ct state new jump service-endpoints-check\n"
	"add rule " T " filter-output ct state new jump service-endpoints-check\n"
	"add chain " T " firewall-check\n"
	"add rule " T " filter-prerouting-pre-dnat ct state new jump firewall-check\n"
	"add rule " T " filter-output-pre-dnat ct state new jump firewall-check\n"
	"add chain " T " services\n"
	"add rule " T " nat-output jump services\n"
	"add rule " T " nat-prerouting jump services\n"
	"add chain " T " masquerading\n"
	"add rule " T " nat-postrouting jump masquerading\n"
	"add chain " T " cluster-ips-check\n"
	"add rule " T " filter-forward ct state new jump cluster-ips-check\n"
	"add rule " T " filter-output ct state new jump cluster-ips-check\n"
	"add chain " T " mark-for-masquerade\n"
	"add rule " T " mark-for-masquerade mark set mark or 0x4000\n"
	"add rule " T " masquerading mark and 0x4000 == 0 return\n"
	"add rule " T " masquerading mark set mark xor 0x4000\n"
	"add rule " T " masquerading masquerade fully-random\n"
	"add set " T " cluster-ips { type ipv4_addr ; comment \"Active ClusterIPs\" ; }\n"
	"add rule " T " cluster-ips-check ip daddr @cluster-ips reject "
	"comment \"Reject traffic to invalid ports of ClusterIPs\"\n";

static const char fixed_tail[] =
	"add map " T
	" no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict ; "
	"comment \"vmap to drop or reject packets to services with no endpoints\" ; }\n"
	"add map " T " no-endpoint-nodeports { type inet_proto . inet_service : verdict ; "
	"comment \"vmap to drop or reject packets to service nodeports with no endpoints\" ; }\n"
	"add chain " T " reject-chain { comment \"helper for @no-endpoint-services / "
	"@no-endpoint-nodeports\" ; }\n"
	"add rule " T " reject-chain reject\n"
	"add rule " T " service-endpoints-check ip daddr . meta l4proto . th dport vmap "
	"@no-endpoint-services\n"
	"add rule " T
	" nodeport-endpoints-check ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap "
	"@no-endpoint-nodeports\n"
	"add map " T " firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict ; "
	"comment \"destinations that are subject to LoadBalancerSourceRanges\" ; }\n"
	"add rule " T " firewall-check ip daddr . meta l4proto . th dport vmap @firewall-ips\n"
	"add map " T " service-ips { type ipv4_addr . inet_proto . inet_service : verdict ; "
	"comment \"ClusterIP, ExternalIP and LoadBalancer IP traffic\" ; }\n"
	"add map " T " service-nodeports { type inet_proto . inet_service : verdict ; "
	"comment \"NodePort traffic\" ; }\n"
	"add rule " T " services ip daddr . meta l4proto . th dport vmap @service-ips\n"
	"add rule " T " services fib daddr type local ip daddr != 127.0.0.0/8 "
	"meta l4proto . th dport vmap @service-nodeports\n";

static void put_empty_port(const struct kproxy_at *at, FILE *out)
{
	fprintf(out, "add element " T " cluster-ips { %s }\n", at->vip);
	fprintf(out,
		"add element " T " no-endpoint-services { %s . %s . %u comment \"%s:%s\" : goto "
		"reject-chain }\n",
		at->vip, at->port->proto, (unsigned)at->port->port, at->service->name,
		at->port->name);
}

static void put_endpoint_rules(const struct kproxy_at *at, FILE *out)
{
	for (size_t i = 0; i < at->conf->n_endpoints; i++) {
		char ep[32], chain[KPROXY_NAME_MAX];

		kproxy_endpoint(ep, at->conf->endpoints[i], at->port->port);
		kproxy_nft_chain(chain, at->service->name, at->port, ep);
		fprintf(out, "add rule " T " %s ip saddr %.*s jump mark-for-masquerade\n", chain,
			(int)strcspn(ep, ":"), ep);
		fprintf(out, "add rule " T " %s meta l4proto %s dnat to %s\n", chain,
			at->port->proto, ep);
	}
}

static void put_port(const struct kproxy_at *at, FILE *out)
{
	const char *name = at->service->name;
	char svc[KPROXY_NAME_MAX], chain[KPROXY_NAME_MAX], ep[32];
	size_t n = at->conf->n_endpoints;

	for (size_t i = 0; i < n; i++) {
		kproxy_endpoint(ep, at->conf->endpoints[i], at->port->port);
		kproxy_nft_chain(chain, name, at->port, ep);
		fprintf(out, "add chain " T " %s\n", chain);
	}
	kproxy_nft_chain(svc, name, at->port, NULL);
	fprintf(out, "add chain " T " %s\n", svc);
	fprintf(out, "add element " T " cluster-ips { %s }\n", at->vip);
	fprintf(out, "add element " T " service-ips { %s . %s . %u : goto %s }\n", at->vip,
		at->port->proto, (unsigned)at->port->port, svc);
	fprintf(out,
		"add rule " T " %s ip daddr %s %s dport %u ip saddr != %s jump "
		"mark-for-masquerade\n",
		svc, at->vip, at->port->proto, (unsigned)at->port->port, at->conf->pod_cidr);
	fprintf(out, "add rule " T " %s numgen random mod %zu vmap {", svc, n);
	for (size_t i = 0; i < n; i++) {
		kproxy_endpoint(ep, at->conf->endpoints[i], at->port->port);
		kproxy_nft_chain(chain, name, at->port, ep);
		fprintf(out, " %zu : goto %s%s", i, chain, i + 1 < n ? " ," : "");
	}
	fputs(" }\n", out);
	put_endpoint_rules(at, out);
}

char *kproxy_nftables(const struct kproxy_conf *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fputs(fixed_head, out);
	if (c->service_cidr)
		fprintf(out,
			"add rule " T " cluster-ips-check ip daddr { %s } drop "
			"comment \"Drop traffic to unallocated ClusterIPs\"\n",
			c->service_cidr);
	fputs(fixed_tail, out);
	kproxy_each_port(c, out, c->n_endpoints ? put_port : put_empty_port);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
