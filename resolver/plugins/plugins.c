/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every directive a Corefile can name, in the order CoreDNS runs them (1.14.7,
 * where rewrite stands before cache; our steps say themselves on which side of
 * the cache they work). Directives that CoreDNS knows and a node cache has no
 * use for are rows too, so that the message is the one CoreDNS gives.
 */
#include "resolver/plugins/plugins.h"

const struct cf_directive cf_directives[] = {
	{"root", setup_noop, 0},
	{"metadata", setup_noop, 0},
	{"cancel", setup_noop, 0},
	{"timeouts", setup_timeouts, 0},
	{"multisocket", setup_noop, 0},
	{"reload", setup_reload, 0},
	{"nsid", setup_nsid, 0},
	{"cookies", setup_cookies, 0},
	{"bufsize", setup_bufsize, 0},
	{"bind", setup_bind, CF_REPEATS},
	{"debug", setup_debug, 0},
	{"trace", setup_noop, 0},
	{"ready", setup_ready, 0},
	{"health", setup_health, 0},
	{"pprof", setup_noop, 0},
	{"shed", setup_noop, 0},
	{"prometheus", setup_prometheus, 0},
	{"errors", setup_errors, 0},
	{"log", setup_log, CF_REPEATS},
	{"dnstap", setup_dnstap, 0},
	{"dns64", setup_dns64, 0},
	{"any", setup_any, 0},
	{"loadbalance", setup_loadbalance, 0},
	{"search_path", setup_search_path, 0},
	{"rewrite", setup_rewrite, CF_REPEATS},
	{"acl", setup_acl, CF_REPEATS},
	{"cache", setup_cache, 0},
	{"minimal", setup_minimal, 0},
	{"template", setup_template, CF_REPEATS},
	{"hosts", setup_hosts, 0},
	{"loop", setup_loop, 0},
	{"forward", setup_forward, CF_REPEATS},
	{"whoami", setup_whoami, 0},
	{"geoip", NULL, CF_NOT_HERE},
	{"proxyproto", NULL, CF_NOT_HERE},
	{"quic", NULL, CF_NOT_HERE},
	{"grpc_server", NULL, CF_NOT_HERE},
	{"https", NULL, CF_NOT_HERE},
	{"https3", NULL, CF_NOT_HERE},
	{"local", NULL, CF_NOT_HERE},
	{"chaos", NULL, CF_NOT_HERE},
	{"tsig", NULL, CF_NOT_HERE},
	{"autopath", NULL, CF_NOT_HERE},
	{"header", NULL, CF_NOT_HERE},
	{"dnssec", NULL, CF_NOT_HERE},
	{"tls", NULL, CF_NOT_HERE},
	{"transfer", NULL, CF_NOT_HERE},
	{"route53", NULL, CF_NOT_HERE},
	{"azure", NULL, CF_NOT_HERE},
	{"clouddns", NULL, CF_NOT_HERE},
	{"k8s_external", NULL, CF_NOT_HERE},
	{"kubernetes", NULL, CF_NOT_HERE},
	{"file", NULL, CF_NOT_HERE},
	{"auto", NULL, CF_NOT_HERE},
	{"secondary", NULL, CF_NOT_HERE},
	{"etcd", NULL, CF_NOT_HERE},
	{"grpc", NULL, CF_NOT_HERE},
	{"erratic", NULL, CF_NOT_HERE},
	{"on", NULL, CF_NOT_HERE},
	{"sign", NULL, CF_NOT_HERE},
	{"view", NULL, CF_NOT_HERE},
	{"nomad", NULL, CF_NOT_HERE},
	{0},
};

size_t cf_directive_count(void)
{
	return sizeof(cf_directives) / sizeof(cf_directives[0]) - 1;
}
