/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, and how their text becomes PromQL. */
#include "reports/collect/queries.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/metrics_common.h"

/* Says who is cluster DNS; its label sets live as long as the servers did. */
#define KUBERNETES "coredns_plugin_enabled{name=\"kubernetes\"}"

/* The SLI over the range, in nanoseconds, and its drop rate. */
#define SLI_ROWS(target, words)                                                                                                  \
	{{"sli." target ".p99", "ns", MERGE_MAX, "p99 over probers of each one's p99 of five minutes at " words},                \
	 "1e9 * quantile_over_time(0.99, quantile(0.99, nodens_sli_latency_p99_seconds{target=\"" target "\"})[$R:$S])"},        \
	{{"sli." target ".lost_share", "1", MERGE_MAX, "share of these lookups without a right answer within 5 s"},              \
	 "sum(increase(nodens_sli_lookups_total{target=\"" target "\",result!=\"answered\"}[$R]))"                               \
	 " / sum(increase(nodens_sli_lookups_total{target=\"" target "\"}[$R]))"},

/* clang-format off */
const struct query_value query_values[] = {
	{{"world.load_s", "s", MERGE_SAME, "the time range that was asked for"}, "vector($R)"},
	{{"world.nodes", "nodes", MERGE_SAME, "nodes: of kube-state-metrics, else of node_exporter"},
	 "count(kube_node_info) or count(node_nf_conntrack_entries{$node}) or count(count by (instance) (node_uname_info{$node}))"},
	{{"world.pods", "pods", MERGE_SAME, "pods with an address of their own, of kube-state-metrics"}, "count(kube_pod_info{host_network=\"false\"}) or count(kube_pod_info)"},
	{{"cache.instances", "caches", MERGE_SAME, "caches that answered in the range"}, "count(count by (job, instance) ($cache(increase,coredns_dns_requests_total,)))"},
	{{"cache.down", "caches", MERGE_SAME, "of the scrape jobs of caches, targets that cannot be scraped"},
	 "count(up == 0 and on (job) group by (job) ($cache(increase,coredns_dns_requests_total,))) or vector(0)"},
	{{"cache.queries", "queries", MERGE_SUM, "questions the caches were asked"}, "sum($cache(increase,coredns_dns_requests_total,))"},
	{{"cache.hits", "queries", MERGE_SUM, "of these, answered from memory"}, "sum($cache(increase,coredns_cache_hits_total,))"},
	{{"cache.misses", "queries", MERGE_SUM, "of these, not in memory"}, "sum($cache(increase,coredns_cache_misses_total,))"},
	{{"cache.peak_rate", "queries/s", MERGE_MAX, "most questions a second, all caches together, over five minutes"}, "max_over_time(sum($cache(rate,coredns_dns_requests_total,))[$R:$S])"},
	{{"cache.busiest_rate", "queries/s", MERGE_MAX, "the same of the busiest cache"}, "max(max_over_time(sum by (job, instance) ($cache(rate,coredns_dns_requests_total,))[$R:$S]))"},
	{{"cache.entries_success", "entries", MERGE_MAX, "most answers with records in one cache"}, "max(sum by (job, instance) ($cache(max_over_time,coredns_cache_entries,type=\"success\")))"},
	{{"cache.entries_denial", "entries", MERGE_MAX, "most denials in one cache"}, "max(sum by (job, instance) ($cache(max_over_time,coredns_cache_entries,type=\"denial\")))"},
	{{"cache.stale", "answers", MERGE_SUM, "answers past their time"}, "sum($cache(increase,coredns_cache_served_stale_total,))"},
	{{"cache.nxdomain", "answers", MERGE_SUM, "answers: no such name"}, "sum($cache(increase,coredns_dns_responses_total,rcode=\"NXDOMAIN\"))"},
	{{"cache.servfail", "answers", MERGE_SUM, "answers: could not find out"}, "sum($cache(increase,coredns_dns_responses_total,rcode=\"SERVFAIL\"))"},
	{{"cache.tcp", "queries", MERGE_SUM, "questions over TCP"}, "sum($cache(increase,coredns_dns_requests_total,proto=\"tcp\"))"},
	{{"cache.aaaa", "queries", MERGE_SUM, "questions for AAAA"}, "sum($cache(increase,coredns_dns_requests_total,type=\"AAAA\"))"},
	{{"cache.outside", "queries", MERGE_SUM, "questions outside the zones that have a block of their own; absent when there is one block for all"},
	 "sum($cache(increase,coredns_dns_requests_total,zone=\".\")) and sum($cache(increase,coredns_dns_requests_total,zone!=\".\")) > 0"},
	{{"cache.reverse", "queries", MERGE_SUM, "questions in in-addr.arpa and ip6.arpa"}, "sum($cache(increase,coredns_dns_requests_total,zone=~\".*arpa\\\\.\"))"},
	{{"cache.cpu_s", "s", MERGE_SUM, "processor time of the caches"}, "sum($cache(increase,process_cpu_seconds_total,))"},
	{{"cache.rss_bytes", "bytes", MERGE_MAX, "most resident memory of a cache"}, "max($cache(max_over_time,process_resident_memory_bytes,))"},
	{{"cache.setup_errors", "errors", MERGE_SUM, "interface or rules that could not be set up"}, "sum(increase(coredns_nodecache_setup_errors_total[$R]))"},
	{{"upstream.queries", "queries", MERGE_SUM, "questions the caches asked on"}, "sum($cache(increase,coredns_proxy_request_duration_seconds_count,)) or sum($cache(increase,coredns_forward_requests_total,))"},
	{{"backend.instances", "servers", MERGE_SAME, "cluster-DNS servers that answered in the range"}, "count(count by (job, instance) ($dns(increase,coredns_dns_requests_total,)))"},
	{{"backend.queries", "queries", MERGE_SUM, "questions the cluster DNS was asked"}, "sum($dns(increase,coredns_dns_requests_total,))"},
	{{"backend.peak_rate", "queries/s", MERGE_MAX, "most questions a second, all servers together, over five minutes"}, "max_over_time(sum($dns(rate,coredns_dns_requests_total,))[$R:$S])"},
	{{"backend.hits", "queries", MERGE_SUM, "of its questions, answered from its own cache"}, "sum($dns(increase,coredns_cache_hits_total,))"},
	{{"backend.cpu_s", "s", MERGE_SUM, "processor time of the cluster DNS"}, "sum($dns(increase,process_cpu_seconds_total,))"},
	{{"sli.probers", "probers", MERGE_SAME, "probers of Kubernetes' DNS SLI (kind-e2e prober)"}, "count(count by (instance) (max_over_time(nodens_sli_window_lookups[$R])))"},
	SLI_ROWS("resolv_conf", "the server of resolv.conf")
	SLI_ROWS("kube_dns", "the ClusterIP of kube-dns")
	{{"node.conntrack_peak", "entries", MERGE_MAX, "most entries in a node's table, all traffic"}, "max(max_over_time(node_nf_conntrack_entries{$node}[$R]))"},
	{{"node.conntrack_limit", "entries", MERGE_MIN, "smallest nf_conntrack_max of a node"}, "min(min_over_time(node_nf_conntrack_entries_limit{$node}[$R]))"},
	{{"node.conntrack_share", "1", MERGE_MAX, "fullest that a node's table was"}, "max(max_over_time((node_nf_conntrack_entries{$node} / node_nf_conntrack_entries_limit{$node})[$R:$S]))"},
	{{"node.conntrack_drop", "packets", MERGE_SUM, "packets dropped because a table was full"}, "sum(increase(node_nf_conntrack_stat_drop{$node}[$R]))"},
	{{"node.conntrack_early_drop", "entries", MERGE_SUM, "entries thrown out early to make room"}, "sum(increase(node_nf_conntrack_stat_early_drop{$node}[$R]))"},
	{{"node.conntrack_insert_failed", "packets", MERGE_SUM, "packets dropped because their entry lost a race"}, "sum(increase(node_nf_conntrack_stat_insert_failed{$node}[$R]))"},
	{{0}, NULL},
};

const struct query_hist query_hists[] = {
	{"served.all", "sum by (le) ($cache(increase,coredns_dns_request_duration_seconds_bucket,))", {"served.*", "ns", MERGE_SUM, "histogram: time a question took in the caches; upper bucket edges"}},
	{"asked.all", "sum by (le) ($cache(increase,coredns_proxy_request_duration_seconds_bucket,)) or sum by (le) ($cache(increase,coredns_forward_request_duration_seconds_bucket,))",
	 {"asked.*", "ns", MERGE_SUM, "histogram: time an upstream took for a cache; upper bucket edges"}},
	{"cluster_dns.all", "sum by (le) ($dns(increase,coredns_dns_request_duration_seconds_bucket,))", {"cluster_dns.*", "ns", MERGE_SUM, "histogram: time a question took in the cluster DNS; upper bucket edges"}},
	{NULL, NULL, {0}},
};

const struct query_table query_tables[] = {
	{"live_types", "type", "sum by (type) ($cache(increase,coredns_dns_requests_total,))"},
	{"live_zones", "zone", "sum by (zone) ($cache(increase,coredns_dns_requests_total,))"},
	{"live_rcodes", "rcode", "sum by (rcode) ($cache(increase,coredns_dns_responses_total,))"},
	{"live_caches", "instance", "sum by (instance) ($cache(increase,coredns_dns_requests_total,))"},
	{"live_upstreams", "to", "sum by (to) ($cache(increase,coredns_proxy_request_duration_seconds_count,)) or sum by (to) ($cache(increase,coredns_forward_requests_total,))"},
	{NULL, NULL, NULL},
};
/* clang-format on */

/* A selector of `$who(FUNCTION,METRIC,MATCHERS)`: a set told by the plugin, or by the user's matchers. */
static const char *put_series(FILE *out, const char *p, bool cache, const struct query_scope *s)
{
	const char *mine = cache ? s->cache : s->dns;
	int fn = (int)strcspn(p, ","), name = (int)strcspn(p + fn + 1, ",");
	const char *match = p + fn + 1 + name + 1;
	int len = (int)strcspn(match, ")");
	bool rate = strncmp(p, "rate", 4) == 0;
	uint64_t window = rate && s->range_s > 300 ? 300 : s->range_s;

	fprintf(out, "(%.*s(%.*s{%s%s%.*s}[%" PRIu64 "s])", fn, p, name, p + fn + 1, mine ? mine : "", mine && len ? "," : "", len,
		match, window);
	if (!mine)
		fprintf(out, " %s on (job, instance) max_over_time(" KUBERNETES "[%" PRIu64 "s])", cache ? "unless" : "and", window);
	fprintf(out, " and on (job, instance) max_over_time(coredns_build_info[%" PRIu64 "s]))", window);
	return match + len + 1;
}

char *query_text(const char *row, const struct query_scope *s)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (const char *p = row; *p;) {
		if (strncmp(p, "$cache(", 7) == 0) {
			p = put_series(out, p + 7, true, s);
		} else if (strncmp(p, "$dns(", 5) == 0) {
			p = put_series(out, p + 5, false, s);
		} else if (strncmp(p, "$node", 5) == 0) {
			fputs(s->node, out);
			p += 5;
		} else if (strncmp(p, "vector($R)", 10) == 0) {
			fprintf(out, "vector(%" PRIu64 ")", s->range_s);
			p += 10;
		} else if (*p == '$' && (p[1] == 'R' || p[1] == 'S')) {
			uint64_t step = s->range_s / 240 < 15 ? 15 : s->range_s / 240;
			fprintf(out, "%" PRIu64 "s", p[1] == 'R' ? s->range_s : step);
			p += 2;
		} else {
			fputc(*p++, out);
		}
	}
	return fclose(out) ? NULL : text;
}
