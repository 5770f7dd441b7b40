/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rule writers share: walking Service ports, printing addresses, making
 * steps.
 */
#ifndef NODENS_KIND_E2E_KPROXY_INT_H
#define NODENS_KIND_E2E_KPROXY_INT_H

#include <stdio.h>

#include "kind-e2e/proxy/kproxy.h"

#define KPROXY_ENDPOINT_MAX (INET6_ADDRSTRLEN + 8) /* "[fd00::2]:65535" */

struct kproxy_at { /* one port of one Service */
	const struct kproxy_conf *conf;
	const struct kproxy_service *service;
	const struct kproxy_port *port;
	char vip[INET6_ADDRSTRLEN];
};
typedef void kproxy_port_f(const struct kproxy_at *at, FILE *out);
typedef void kproxy_text_f(const struct kproxy_conf *c, FILE *out);

void kproxy_each_port(const struct kproxy_conf *c, FILE *out, kproxy_port_f *f);
/* Adds a step whose input is what `f` writes; an empty one is left out. */
int kproxy_step(struct kproxy_rules *r, const char *const argv[], const struct kproxy_conf *c,
		kproxy_text_f *f);
void kproxy_ip(char ret[INET6_ADDRSTRLEN], const struct in6_addr *ip);
/* "10.244.0.2:53", "[fd00:10:244::2]:53" */
void kproxy_endpoint(char ret[KPROXY_ENDPOINT_MAX], const struct in6_addr *ip, uint16_t port);
/* iptables-restore --noflush of the family */
const char *const *kproxy_restore(const struct kproxy_conf *c);

/* kproxy_chains.c: what iptables and IPVS mode have in common */
struct kproxy_jump {
	const char *chain, *from, *comment;
	int only_new;
};
/* Inserted one by one at the head, as kube-proxy does: they end up in reverse
 * order. A table ends with a chain of NULL; so does a list of names. */
void kproxy_put_jumps(FILE *out, const struct kproxy_jump *j);
void kproxy_put_chains(FILE *out, const char *const *names);
/* kubelet's chain, with its jumps; nothing for IPv6. */
void kproxy_put_firewall(const struct kproxy_conf *c, FILE *out);
/* Rules of KUBE-FORWARD that accept, of KUBE-POSTROUTING and KUBE-MARK-MASQ. */
void kproxy_put_forward(FILE *out);
void kproxy_put_masquerade(FILE *out);

#endif
