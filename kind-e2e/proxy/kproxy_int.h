/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two rule writers share: walking Service ports, printing endpoints.
 */
#ifndef NODENS_KIND_E2E_KPROXY_INT_H
#define NODENS_KIND_E2E_KPROXY_INT_H

#include <stdio.h>

#include "kind-e2e/proxy/kproxy.h"

struct kproxy_at { /* one port of one Service */
	const struct kproxy_conf *conf;
	const struct kproxy_service *service;
	const struct kproxy_port *port;
	char vip[INET_ADDRSTRLEN];
};
typedef void kproxy_port_f(const struct kproxy_at *at, FILE *out);

void kproxy_each_port(const struct kproxy_conf *c, FILE *out, kproxy_port_f *f);
void kproxy_endpoint(char ret[32], struct in_addr ip, uint16_t port); /* "10.244.0.2:53" */

#endif
