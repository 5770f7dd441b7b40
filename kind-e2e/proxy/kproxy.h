/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kube-proxy writes on a node for a set of Services, as steps: a tool and
 * the text it gets on its standard input, in the order in which they can be
 * loaded. The lab installs them so that a packet takes the path it takes on a
 * node; names and order are kube-proxy's (pkg/proxy/{iptables,nftables,ipvs}),
 * because tools and people look for them.
 *
 * kube-proxy has one rule set an address family, and so has this. All endpoints
 * are on this node. kubelet's KUBE-FIREWALL chain comes along (IPv4 only, as
 * kubelet writes it). Left out: `-m nfacct` on the rule that drops INVALID
 * packets, which kube-proxy adds where the kernel has nfnetlink_acct.
 */
#ifndef NODENS_KIND_E2E_KPROXY_H
#define NODENS_KIND_E2E_KPROXY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

#define KPROXY_CHAIN_MAX 32 /* iptables: "KUBE-SVC-" and 16 characters */
#define KPROXY_NAME_MAX 256 /* nftables chain names */
#define KPROXY_STEPS_MAX 5
#define KPROXY_IPVS_LINK "kube-ipvs0"

/* Generations, by the first release of each that is still in support. iptables
 * and IPVS rules are the same in all, nftables rules are not. */
enum kproxy_version {
	KPROXY_1_34, /* 1.34, 1.35 */
	KPROXY_1_36,
	KPROXY_1_37,
};

struct kproxy_port {
	const char *name;  /* "dns-tcp" */
	const char *proto; /* "udp", "tcp" */
	uint16_t port;	   /* of the Service and of its endpoints */
};

struct kproxy_service {
	const char *name;    /* "kube-system/kube-dns" */
	struct in6_addr vip; /* an IPv4 address as ::ffff:a.b.c.d, here and below */
	const struct kproxy_port *ports;
	size_t n_ports;
};

struct kproxy_conf {
	int family; /* AF_INET, AF_INET6: that of all addresses here */
	enum kproxy_version version;
	const struct kproxy_service *services;
	size_t n_services;
	const struct in6_addr *endpoints; /* the same behind every Service */
	size_t n_endpoints;		  /* 0: the Services reject */
	const char *pod_cidr;		  /* "10.244.0.0/16" */
	const char *service_cidr;	  /* "10.96.0.0/16", or NULL when not known */
	const char *node_ip;		  /* nftables: where NodePorts are; NULL: all the node's */
	bool has_link;			  /* IPVS: the other family has made kube-ipvs0 */
};

struct kproxy_step {
	const char *const *argv;
	char *input;
};
struct kproxy_rules {
	unsigned n;
	struct kproxy_step step[KPROXY_STEPS_MAX];
};

/* 0, or ERR_NOMEM and nothing to free. */
int kproxy_iptables(struct kproxy_rules *ret, const struct kproxy_conf *c);
int kproxy_nftables(struct kproxy_rules *ret, const struct kproxy_conf *c);
int kproxy_ipvs(struct kproxy_rules *ret, const struct kproxy_conf *c);
void kproxy_free(struct kproxy_rules *r);

/* The ports of the Service kube-dns: dns, dns-tcp, metrics. That of the cache's
 * upstream Service has the first two. */
extern const struct kproxy_port kproxy_dns_ports[3];
/* "1.35" to its generation, or ERR_UNKNOWN. */
int kproxy_version_parse(enum kproxy_version *ret, const char *text);
struct in6_addr kproxy_v4(struct in_addr v4);

/* Chain names: iptables' for a Service port (endpoint NULL) or one endpoint
 * "10.244.0.2:53", "[fd00::2]:53"; nftables' likewise. */
void kproxy_chain(char ret[KPROXY_CHAIN_MAX], const char *service, const struct kproxy_port *p,
		  const char *endpoint);
void kproxy_nft_chain(char ret[KPROXY_NAME_MAX], const char *service, const struct kproxy_port *p,
		      const char *endpoint);

/* RFC 4648 base32 of the first 10 octets: 16 characters and a NUL. */
void kproxy_base32(const uint8_t in[10], char ret[17]);

#endif
