/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules kube-proxy would write for a set of Services, as text: for
 * iptables-restore --noflush, or for nft -f. The lab installs them so that a
 * packet takes the path it takes on a node; their names and order are
 * kube-proxy's (pkg/proxy/iptables and pkg/proxy/nftables, 1.36), because tools
 * and people look for them.
 */
#ifndef NODENS_KIND_E2E_KPROXY_H
#define NODENS_KIND_E2E_KPROXY_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define KPROXY_CHAIN_MAX 32 /* iptables: "KUBE-SVC-" and 16 characters */
#define KPROXY_NAME_MAX 256 /* nftables chain names */

struct kproxy_port {
	const char *name;  /* "dns-tcp" */
	const char *proto; /* "udp", "tcp" */
	uint16_t port;	   /* of the Service and of its endpoints */
};

struct kproxy_service {
	const char *name; /* "kube-system/kube-dns" */
	struct in_addr vip;
	const struct kproxy_port *ports;
	size_t n_ports;
};

struct kproxy_conf {
	const struct kproxy_service *services;
	size_t n_services;
	const struct in_addr *endpoints; /* the same behind every Service */
	size_t n_endpoints;		 /* 0: the Services reject */
	const char *pod_cidr;		 /* "10.244.0.0/16" */
	const char *service_cidr;	 /* "10.96.0.0/16", or NULL when not known */
};

/* Whole rule sets; caller frees. NULL: no memory. */
char *kproxy_iptables(const struct kproxy_conf *c);
char *kproxy_nftables(const struct kproxy_conf *c);

/* Chain names: iptables' for a Service port (endpoint NULL) or one endpoint
 * "10.244.0.2:53"; nftables' likewise. */
void kproxy_chain(char ret[KPROXY_CHAIN_MAX], const char *service, const struct kproxy_port *p,
		  const char *endpoint);
void kproxy_nft_chain(char ret[KPROXY_NAME_MAX], const char *service, const struct kproxy_port *p,
		      const char *endpoint);

/* RFC 4648 base32 of the first 10 octets: 16 characters and a NUL. */
void kproxy_base32(const uint8_t in[10], char ret[17]);

#endif
