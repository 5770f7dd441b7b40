/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every directive a Corefile can name, in the order CoreDNS runs them (1.14.7,
 * where rewrite stands before cache; our steps say themselves on which side of
 * the cache they work). A row is a directive, whose setup_NAME reads it, and how
 * it may be used; a new plugin is its file and its row. Directives that CoreDNS
 * knows and a node cache has no use for are rows too, so that the message is the
 * one CoreDNS gives.
 */
#ifndef NODENS_PLUGINS_H
#define NODENS_PLUGINS_H

#include "resolver/corefile/setup.h"

#define PLUGIN_DIRECTIVES(OURS, NOT_HERE) \
	OURS(root, noop, 0) \
	OURS(metadata, noop, 0) \
	OURS(cancel, noop, 0) \
	OURS(timeouts, timeouts, 0) \
	OURS(multisocket, noop, 0) \
	OURS(reload, reload, 0) \
	OURS(nsid, nsid, 0) \
	OURS(cookies, cookies, 0) \
	OURS(bufsize, bufsize, 0) \
	OURS(bind, bind, CF_REPEATS) \
	OURS(debug, debug, 0) \
	OURS(trace, noop, 0) \
	OURS(ready, ready, 0) \
	OURS(health, health, 0) \
	OURS(pprof, noop, 0) \
	OURS(shed, noop, 0) \
	OURS(prometheus, prometheus, 0) \
	OURS(errors, errors, 0) \
	OURS(log, log, CF_REPEATS) \
	OURS(dnstap, dnstap, 0) \
	OURS(dns64, dns64, 0) \
	OURS(any, any, 0) \
	OURS(loadbalance, loadbalance, 0) \
	OURS(search_path, search_path, 0) \
	OURS(rewrite, rewrite, CF_REPEATS) \
	OURS(acl, acl, CF_REPEATS) \
	OURS(cache, cache, 0) \
	OURS(minimal, minimal, 0) \
	OURS(template, template, CF_REPEATS) \
	OURS(hosts, hosts, 0) \
	OURS(loop, loop, 0) \
	OURS(forward, forward, CF_REPEATS) \
	OURS(whoami, whoami, 0) \
	NOT_HERE(geoip) NOT_HERE(proxyproto) NOT_HERE(quic) NOT_HERE(grpc_server) NOT_HERE(https) \
	NOT_HERE(https3) NOT_HERE(local) NOT_HERE(chaos) NOT_HERE(tsig) NOT_HERE(autopath) NOT_HERE(header) \
	NOT_HERE(dnssec) NOT_HERE(tls) NOT_HERE(transfer) NOT_HERE(route53) NOT_HERE(azure) \
	NOT_HERE(clouddns) NOT_HERE(k8s_external) NOT_HERE(kubernetes) NOT_HERE(file) NOT_HERE(auto) \
	NOT_HERE(secondary) NOT_HERE(etcd) NOT_HERE(grpc) NOT_HERE(erratic) NOT_HERE(on) NOT_HERE(sign) \
	NOT_HERE(view) NOT_HERE(nomad)

#define PLUGIN_DECLARE(word, setup, flags) int setup_##setup(struct cf_setup *s, const struct cf_node *n);
#define PLUGIN_NOTHING(word)
PLUGIN_DIRECTIVES(PLUGIN_DECLARE, PLUGIN_NOTHING)

#endif
