/* SPDX-License-Identifier: Apache-2.0 */
/* `kind-e2e rules`: what kind would have kube-proxy write, as the lab writes it. */
#include "kind-e2e/run/rules.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "kind-e2e/proxy/kproxy.h"
#include "lib/base/log.h"

#define ENDPOINTS_MAX 100

struct plan { /* what kind gives a cluster, by family */
	int family;
	const char *vip[2], *pod_cidr, *service_cidr, *node_ip, *first_endpoint;
};
static const struct plan plans[] = {
	{AF_INET,
	 {"10.96.0.10", "10.96.0.11"},
	 "10.244.0.0/16",
	 "10.96.0.0/16",
	 "172.18.0.2",
	 "10.244.0.2"},
	{AF_INET6,
	 {"fd00:10:96::a", "fd00:10:96::b"},
	 "fd00:10:244::/56",
	 "fd00:10:96::/112",
	 "fc00:f853:ccd:e793::2",
	 "fd00:10:244::2"},
};
static const struct {
	const char *name;
	int (*make)(struct kproxy_rules *ret, const struct kproxy_conf *c);
} modes[] = {{"iptables", kproxy_iptables}, {"nftables", kproxy_nftables}, {"ipvs", kproxy_ipvs}};
#define N_MODES (sizeof modes / sizeof modes[0])

static struct in6_addr address(int family, const char *text)
{
	struct in6_addr v6 = {0};
	struct in_addr v4;

	if (family == AF_INET6) {
		inet_pton(family, text, &v6);
		return v6;
	}
	inet_pton(family, text, &v4);
	return kproxy_v4(v4);
}

/* Each step under the command it is for, as a comment that every one of these
 * tools skips. */
static void print_rules(const struct kproxy_rules *rules)
{
	for (unsigned i = 0; i < rules->n; i++) {
		putchar('#');
		for (const char *const *arg = rules->step[i].argv; *arg; arg++)
			printf(" %s", *arg);
		printf("\n%s", rules->step[i].input);
	}
}

static int print_family(const struct plan *p, unsigned mode, enum kproxy_version version,
			size_t n_endpoints)
{
	struct in6_addr endpoints[ENDPOINTS_MAX];
	const struct kproxy_service services[2] = {
		{"kube-system/kube-dns", address(p->family, p->vip[0]), kproxy_dns_ports, 3},
		{"kube-system/kube-dns-upstream", address(p->family, p->vip[1]), kproxy_dns_ports,
		 2}};
	const struct kproxy_conf conf = {.family = p->family,
					 .version = version,
					 .services = services,
					 .n_services = 2,
					 .endpoints = endpoints,
					 .n_endpoints = n_endpoints,
					 .pod_cidr = p->pod_cidr,
					 .service_cidr = p->service_cidr,
					 .node_ip = p->node_ip};
	struct kproxy_rules rules;
	int code;

	for (size_t i = 0; i < n_endpoints; i++) {
		endpoints[i] = address(p->family, p->first_endpoint);
		endpoints[i].s6_addr[15] = (uint8_t)(endpoints[i].s6_addr[15] + i);
	}
	code = modes[mode].make(&rules, &conf);
	if (code) {
		log_error("rules: no memory");
		return 1;
	}
	print_rules(&rules);
	kproxy_free(&rules);
	return 0;
}

int rules_main(const struct rules_options *o)
{
	static const char *const families[] = {"ipv4", "ipv6"};
	enum kproxy_version version;
	unsigned mode = 0, family = 0;

	while (mode < N_MODES && (!o->mode || strcmp(o->mode, modes[mode].name)))
		mode++;
	while (family < 2 && strcmp(o->family, families[family]))
		family++;
	if (mode == N_MODES)
		log_error("rules needs --mode iptables, nftables or ipvs");
	else if (family == 2)
		log_error("--family '%s': one of ipv4, ipv6", o->family);
	else if (kproxy_version_parse(&version, o->version))
		log_error("--kube-proxy '%s': one of 1.34, 1.35, 1.36, 1.37", o->version);
	else
		return print_family(&plans[family], mode, version, (size_t)o->endpoints);
	return 3;
}
