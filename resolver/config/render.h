/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the template that an operator mounted to the Corefile that is served:
 * a pure function of the template, the flags and the kube-dns ConfigMap, equal
 * byte for byte to what the original writes (apart from the order of stub
 * domains, which is sorted here and random there) wherever the original's
 * output is valid.
 *
 * Where it is not, the intent is kept: an IPv6 address before ":port" gets its
 * brackets, `health` gets one address and not all of them, and a stub domain
 * without servers or a missing cluster address is an error with words.
 */
#ifndef NODENS_RENDER_H
#define NODENS_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct render_stub {
	const char *domain;
	size_t n_servers;
	const char *const *server;
};

struct render_input {
	const char *template; /* NUL-terminated */
	size_t n_localips;
	const char *const *localip;     /* canonical text, no brackets */
	const char *cluster_dns;        /* address of -upstreamsvc; NULL: unknown */
	const char *cluster_dns_env;    /* where it was looked for: words of the error */
	size_t n_upstreams;
	const char *const *upstream;    /* upstreamNameservers; none: /etc/resolv.conf */
	size_t n_stubs;
	const struct render_stub *stub;
	uint16_t local_port;
	const char *prometheus_listen;
};

/* *ret_text is malloc'd. ERR_SYNTAX: a server is no forward target; ERR_MISSING:
 * the template needs the cluster address and there is none. */
int render_corefile(const struct render_input *in, char **ret_text, struct diag *d);
/* "kube-dns-upstream" -> "KUBE_DNS_UPSTREAM_SERVICE_HOST". */
int render_service_env(const char *service, char *ret, size_t size);

#endif
