/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kube-proxy in nftables mode: a table a family, dispatch through verdict maps.
 * Until 1.35 each endpoint had a chain of its own and packets to masquerade a
 * detour; 1.36 picks endpoint and address in one rule; 1.37 does without the
 * map where there is one endpoint, because filling a map is dear to nft.
 *
 * In the templates $T is the table, $ip "ip" or "ip6", $addr the type of an
 * address, $np what matches a NodePort's address.
 */
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/proxy/kproxy_int.h"

static const char base_chains[] =
	"add table $T { comment \"rules for kube-proxy\" ; }\n"
	"add chain $T filter-prerouting-pre-dnat "
	"{ type filter hook prerouting priority -110 ; }\n"
	"add chain $T filter-output-pre-dnat { type filter hook output priority -110 ; }\n"
	"add chain $T filter-input { type filter hook input priority 0 ; }\n"
	"add chain $T filter-forward { type filter hook forward priority 0 ; }\n"
	"add chain $T filter-output { type filter hook output priority 0 ; }\n"
	"add chain $T nat-prerouting { type nat hook prerouting priority -100 ; }\n"
	"add chain $T nat-output { type nat hook output priority -100 ; }\n"
	"add chain $T nat-postrouting { type nat hook postrouting priority 100 ; }\n"
	"add chain $T nodeport-endpoints-check\n"
	"add rule $T filter-input ct state new jump nodeport-endpoints-check\n"
	"add chain $T service-endpoints-check\n"
	"add rule $T filter-input ct state new jump service-endpoints-check\n"
	"add rule $T filter-forward ct state new jump service-endpoints-check\n"
	"add rule $T filter-output ct state new jump service-endpoints-check\n"
	"add chain $T firewall-check\n"
	"add rule $T filter-prerouting-pre-dnat ct state new jump firewall-check\n"
	"add rule $T filter-output-pre-dnat ct state new jump firewall-check\n"
	"add chain $T services\n"
	"add rule $T nat-output jump services\n"
	"add rule $T nat-prerouting jump services\n"
	"add chain $T masquerading\n"
	"add rule $T nat-postrouting jump masquerading\n"
	"add chain $T cluster-ips-check\n"
	"add rule $T filter-forward ct state new jump cluster-ips-check\n"
	"add rule $T filter-output ct state new jump cluster-ips-check\n";

static const char masquerading_1_34[] = "add chain $T mark-for-masquerade\n"
					"add rule $T mark-for-masquerade mark set mark or 0x4000\n"
					"add rule $T masquerading mark and 0x4000 == 0 return\n"
					"add rule $T masquerading mark set mark xor 0x4000\n"
					"add rule $T masquerading masquerade fully-random\n";

static const char masquerading_1_36[] =
	"add set $T hairpin-connections { type $addr . $addr . inet_proto . inet_service ; "
	"comment \"service hairpin connections\" ; }\n"
	"add rule $T masquerading mark and 0x4000 != 0 mark set mark xor 0x4000 "
	"masquerade fully-random\n"
	"add rule $T masquerading ct status dnat $ip saddr . $ip daddr . meta l4proto . th dport "
	"@hairpin-connections masquerade fully-random\n";

static const char cluster_ips[] =
	"add set $T cluster-ips { type $addr ; comment \"Active ClusterIPs\" ; }\n"
	"add rule $T cluster-ips-check $ip daddr @cluster-ips reject "
	"comment \"Reject traffic to invalid ports of ClusterIPs\"\n";

static const char checks[] =
	"add map $T no-endpoint-services { type $addr . inet_proto . inet_service : verdict ; "
	"comment \"vmap to drop or reject packets to services with no endpoints\" ; }\n"
	"add map $T no-endpoint-nodeports { type inet_proto . inet_service : verdict ; "
	"comment \"vmap to drop or reject packets to service nodeports with no endpoints\" ; }\n"
	"add chain $T reject-chain { comment \"helper for @no-endpoint-services / "
	"@no-endpoint-nodeports\" ; }\n"
	"add rule $T reject-chain reject\n"
	"add rule $T service-endpoints-check $ip daddr . meta l4proto . th dport vmap "
	"@no-endpoint-services\n"
	"add rule $T nodeport-endpoints-check $np meta l4proto . th dport vmap "
	"@no-endpoint-nodeports\n"
	"add map $T firewall-ips { type $addr . inet_proto . inet_service : verdict ; "
	"comment \"destinations that are subject to LoadBalancerSourceRanges\" ; }\n"
	"add rule $T firewall-check $ip daddr . meta l4proto . th dport vmap @firewall-ips\n"
	"add map $T service-ips { type $addr . inet_proto . inet_service : verdict ; "
	"comment \"ClusterIP, ExternalIP and LoadBalancer IP traffic\" ; }\n"
	"add map $T service-nodeports { type inet_proto . inet_service : verdict ; "
	"comment \"NodePort traffic\" ; }\n";

static const char dispatch[] =
	"add rule $T services $ip daddr . meta l4proto . th dport vmap @service-ips\n"
	"add rule $T services $fib$np meta l4proto . th dport vmap @service-nodeports\n";

/* --- templates -------------------------------------------------------------------- */

static const char *word(const struct kproxy_conf *c, const char *name, size_t len)
{
	bool v6 = c->family == AF_INET6;

	if (len == 1 && *name == 'T')
		return v6 ? "ip6 kube-proxy" : "ip kube-proxy";
	if (len == 2 && !memcmp(name, "ip", 2))
		return v6 ? "ip6" : "ip";
	if (len == 4 && !memcmp(name, "addr", 4))
		return v6 ? "ipv6_addr" : "ipv4_addr";
	if (len == 3 && !memcmp(name, "fib", 3))
		return c->node_ip ? "" : "fib daddr type local ";
	if (c->node_ip)
		return v6 ? "ip6 daddr @nodeport-ips" : "ip daddr @nodeport-ips";
	return v6 ? "ip6 daddr != ::1" : "ip daddr != 127.0.0.0/8";
}

static void put(const struct kproxy_conf *c, FILE *out, const char *text)
{
	static const char letters[] = "Tabcdefghijklmnopqrstuvwxyz";

	for (const char *at; (at = strchr(text, '$')); text = at) {
		size_t len;

		fwrite(text, 1, (size_t)(at - text), out);
		len = strspn(++at, letters);
		fputs(word(c, at, len), out);
		at += len;
	}
	fputs(text, out);
}

/* --- one Service port ------------------------------------------------------------- */

static void put_empty_port(const struct kproxy_at *at, FILE *out)
{
	put(at->conf, out, "add element $T cluster-ips");
	fprintf(out, " { %s }\n", at->vip);
	put(at->conf, out, "add element $T no-endpoint-services");
	fprintf(out, " { %s . %s . %u comment \"%s:%s\" : goto reject-chain }\n", at->vip,
		at->port->proto, (unsigned)at->port->port, at->service->name, at->port->name);
}

static void put_endpoint_chain(const struct kproxy_at *at, size_t i, FILE *out)
{
	const char *t = word(at->conf, "T", 1), *ip = word(at->conf, "ip", 2);
	char text[INET6_ADDRSTRLEN], ep[KPROXY_ENDPOINT_MAX], chain[KPROXY_NAME_MAX];

	kproxy_ip(text, &at->conf->endpoints[i]);
	kproxy_endpoint(ep, &at->conf->endpoints[i], at->port->port);
	kproxy_nft_chain(chain, at->service->name, at->port, ep);
	fprintf(out, "add chain %s %s\n", t, chain);
	fprintf(out, "add rule %s %s %s saddr %s jump mark-for-masquerade\n", t, chain, ip, text);
	fprintf(out, "add rule %s %s meta l4proto %s dnat to %s\n", t, chain, at->port->proto, ep);
}

static void put_balance_1_34(const struct kproxy_at *at, const char *svc, FILE *out)
{
	const char *t = word(at->conf, "T", 1), *ip = word(at->conf, "ip", 2);
	size_t n = at->conf->n_endpoints;

	for (size_t i = 0; i < n; i++)
		put_endpoint_chain(at, i, out);
	fprintf(out, "add rule %s %s %s daddr %s %s saddr != %s jump mark-for-masquerade\n", t, svc,
		ip, at->vip, ip, at->conf->pod_cidr);
	fprintf(out, "add rule %s %s numgen random mod %zu vmap {", t, svc, n);
	for (size_t i = 0; i < n; i++) {
		char ep[KPROXY_ENDPOINT_MAX], chain[KPROXY_NAME_MAX];

		kproxy_endpoint(ep, &at->conf->endpoints[i], at->port->port);
		kproxy_nft_chain(chain, at->service->name, at->port, ep);
		fprintf(out, " %zu : goto %s%s", i, chain, i + 1 < n ? " ," : "");
	}
	fputs(" }\n", out);
}

static void put_hairpins(const struct kproxy_at *at, FILE *out)
{
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < at->conf->n_endpoints; i++) {
		kproxy_ip(text, &at->conf->endpoints[i]);
		fprintf(out, "add element %s hairpin-connections { %s . %s . %s . %u }\n",
			word(at->conf, "T", 1), text, text, at->port->proto,
			(unsigned)at->port->port);
	}
}

static void put_only_endpoint(const struct kproxy_at *at, const char *svc, FILE *out)
{
	char ep[KPROXY_ENDPOINT_MAX];

	kproxy_endpoint(ep, &at->conf->endpoints[0], at->port->port);
	fprintf(out, "add rule %s %s meta l4proto %s dnat to %s\n", word(at->conf, "T", 1), svc,
		at->port->proto, ep);
}

static void put_map_of_endpoints(const struct kproxy_at *at, const char *svc, FILE *out)
{
	size_t n = at->conf->n_endpoints;
	char text[INET6_ADDRSTRLEN];

	fprintf(out,
		"add rule %s %s meta l4proto %s dnat %s addr . port to numgen random mod %zu map {",
		word(at->conf, "T", 1), svc, at->port->proto, word(at->conf, "ip", 2), n);
	for (size_t i = 0; i < n; i++) {
		kproxy_ip(text, &at->conf->endpoints[i]);
		fprintf(out, " %zu : %s . %u%s", i, text, (unsigned)at->port->port,
			i + 1 < n ? " ," : "");
	}
	fputs(" }\n", out);
}

static void put_balance_1_36(const struct kproxy_at *at, const char *svc, FILE *out)
{
	put_hairpins(at, out);
	if (at->conf->version >= KPROXY_1_37 && at->conf->n_endpoints == 1)
		put_only_endpoint(at, svc, out);
	else
		put_map_of_endpoints(at, svc, out);
}

static void put_port(const struct kproxy_at *at, FILE *out)
{
	const char *t = word(at->conf, "T", 1);
	char svc[KPROXY_NAME_MAX];

	kproxy_nft_chain(svc, at->service->name, at->port, NULL);
	fprintf(out, "add chain %s %s\n", t, svc);
	fprintf(out, "add element %s cluster-ips { %s }\n", t, at->vip);
	fprintf(out, "add element %s service-ips { %s . %s . %u : goto %s }\n", t, at->vip,
		at->port->proto, (unsigned)at->port->port, svc);
	if (at->conf->version < KPROXY_1_36)
		put_balance_1_34(at, svc, out);
	else
		put_balance_1_36(at, svc, out);
}

/* --- all -------------------------------------------------------------------------- */

static void put_table(const struct kproxy_conf *c, FILE *out)
{
	put(c, out, base_chains);
	put(c, out, c->version < KPROXY_1_36 ? masquerading_1_34 : masquerading_1_36);
	put(c, out, cluster_ips);
	if (c->service_cidr) {
		put(c, out, "add rule $T cluster-ips-check $ip daddr");
		fprintf(out, " { %s } drop comment \"Drop traffic to unallocated ClusterIPs\"\n",
			c->service_cidr);
	}
	if (c->node_ip) {
		put(c, out,
		    "add set $T nodeport-ips { type $addr ; "
		    "comment \"IPs that accept NodePort traffic\" ; }\n"
		    "add element $T nodeport-ips");
		fprintf(out, " { %s }\n", c->node_ip);
	}
	put(c, out, checks);
	if (c->version >= KPROXY_1_36) {
		put(c, out, "add rule $T services $ip daddr @cluster-ips $ip saddr !=");
		fprintf(out,
			" %s mark set mark or 0x4000 "
			"comment \"masquerade clusterIP traffic from outside cluster\"\n",
			c->pod_cidr);
	}
	put(c, out, dispatch);
	kproxy_each_port(c, out, c->n_endpoints ? put_port : put_empty_port);
}

int kproxy_nftables(struct kproxy_rules *ret, const struct kproxy_conf *c)
{
	static const char *const nft[] = {"nft", "-f", "-", NULL};

	memset(ret, 0, sizeof *ret);
	return kproxy_step(ret, nft, c, put_table);
}
