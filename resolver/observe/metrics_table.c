/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All metrics, one row each. The first table is CoreDNS's and node-cache's own
 * (names, labels and types are an interface and never change); the second ours.
 */
#include <inttypes.h>
#include <string.h>

#include "resolver/observe/metrics_int.h"

#define CORE(m)   offsetof(struct core_stats, m)
#define ROW(m)    offsetof(struct stats_server, m)
#define UP(m)     offsetof(struct stats_upstream, m)
#define DRIVER(m) offsetof(struct metrics_driver, m)

static void emit_build(const struct metrics_page *p, const struct metrics_family *f)
{
	char version[160];

	/* goversion is part of the label set that dashboards join on. */
	fprintf(p->out, "%s{goversion=\"\",revision=\"\",version=\"%s\"} 1\n", f->name,
		metrics_escape(p->in->version ? p->in->version : "", version, sizeof version));
}

static void emit_health(const struct metrics_page *p, const struct metrics_family *f)
{
	static const double edge[METRICS_HEALTH_EDGES] = {0.00025, 0.0025, 0.025, 0.25, 2.5};
	const struct metrics_driver *m = p->in->driver;

	if (m)
		metrics_histogram(p->out, f->name, "", edge, METRICS_HEALTH_EDGES, m->health.bucket,
				  (double)m->health.sum_ns / 1e9, m->health.n);
}

static void emit_setup_errors(const struct metrics_page *p, const struct metrics_family *f)
{
	for (int i = 0; i < NODE_ERRORS; i++)
		fprintf(p->out, "%s{errortype=\"%s\"} %" PRIu64 "\n", f->name, node_error_label[i],
			p->in->setup_errors ? p->in->setup_errors[i] : 0);
}

static void emit_reload_version(const struct metrics_page *p, const struct metrics_family *f)
{
	if (p->in->driver && p->in->driver->reload_hash[0])
		fprintf(p->out, "%s{hash=\"sha256\",value=\"%s\"} 1\n", f->name, p->in->driver->reload_hash);
}

static void emit_scrapes(const struct metrics_page *p, const struct metrics_family *f)
{
	static const int code[3] = {200, 500, 503};

	for (int i = 0; p->in->driver && i < 3; i++)
		fprintf(p->out, "%s{code=\"%d\"} %" PRIu64 "\n", f->name, code[i], p->in->driver->scrapes[i]);
}

/* Only of Corefiles with `hosts`, as with CoreDNS. */
static void emit_hosts(const struct metrics_page *p, const struct metrics_family *f)
{
	if (p->in->plan && p->in->plan->has_hosts)
		fprintf(p->out, "%s %zu\n", f->name, p->in->plan->n_hosts_entries);
}

static void emit_zero(const struct metrics_page *p, const struct metrics_family *f)
{
	fprintf(p->out, "%s 0\n", f->name);
}

static void emit_notrack(const struct metrics_page *p, const struct metrics_family *f)
{
	for (int path = 0; p->in->counters && path < NODE_PATHS; path++) {
		for (int tcp = 0; tcp < 2; tcp++) {
			uint64_t v = f->at ? p->in->counters->bytes[path][tcp] : p->in->counters->packets[path][tcp];

			fprintf(p->out, "%s{direction=\"%s\",proto=\"%s\"} %" PRIu64 "\n", f->name, node_path_label[path],
				tcp ? "tcp" : "udp", v);
		}
	}
}

static void emit_refused(const struct metrics_page *p, const struct metrics_family *f)
{
	static const char *const part[3] = {"corefile", "kube-dns", "files"};

	for (int i = 0; p->in->driver && i < 3; i++)
		fprintf(p->out, "%s{part=\"%s\"} %" PRIu64 "\n", f->name, part[i], p->in->driver->config_refused[i]);
}

static void emit_driver_seconds(const struct metrics_page *p, const struct metrics_family *f)
{
	if (p->in->driver)
		fprintf(p->out, "%s %.6f\n", f->name,
			(double)*(const uint64_t *)(const void *)((const char *)p->in->driver + f->at) / 1e9);
}

/* Of the two fixed tables of the core; order of enum holds. */
static void emit_tables(const struct metrics_page *p, const struct metrics_family *f)
{
	static const char *const table[2] = {"parked", "questions"};
	const uint64_t *v = (const uint64_t *)(const void *)((const char *)p->sum + f->at);

	for (int i = 0; i < 2; i++)
		fprintf(p->out, "%s{table=\"%s\"} %" PRIu64 "\n", f->name, table[i], v[i]);
}

const struct metrics_family metrics_coredns[] = {
	{"coredns_build_info", "gauge", "A metric with a constant '1' value labeled by version, revision, and goversion.", emit_build, 0, 0, NULL},
	{"coredns_cache_entries", "gauge", "The number of elements in the cache.", emit_cache_entries, 0, 0, NULL},
	{"coredns_cache_drops_total", "counter", "The number of responses that are not cached, because the reply is malformed.", emit_cache, ROW(cache_drops), 0, NULL},
	{"coredns_cache_evictions_total", "counter", "The count of cache evictions.", emit_cache_typed, ROW(cache_evict_success), ROW(cache_evict_denial), NULL},
	{"coredns_cache_hits_total", "counter", "The count of cache hits.", emit_cache_typed, ROW(cache_hits_success), ROW(cache_hits_denial), NULL},
	{"coredns_cache_misses_total", "counter", "The count of cache misses. Deprecated, derive misses from cache hits/requests counters.", emit_cache, ROW(cache_misses), 0, NULL},
	{"coredns_cache_prefetch_total", "counter", "The number of times the cache has prefetched a cached item.", emit_cache, ROW(cache_prefetch), 0, NULL},
	{"coredns_cache_requests_total", "counter", "The count of cache requests.", emit_cache, ROW(cache_requests), 0, NULL},
	{"coredns_cache_served_stale_total", "counter", "The number of requests served from stale cache entries.", emit_cache, ROW(cache_served_stale), 0, NULL},
	{"coredns_dns_do_requests_total", "counter", "Counter of DNS requests with DO bit set per zone.", emit_row, ROW(do_requests), 0, NULL},
	{"coredns_dns_request_duration_seconds", "histogram", "Histogram of the time (in seconds) each request took per zone.", emit_row_duration, 0, 0, NULL},
	{"coredns_dns_request_size_bytes", "histogram", "Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.", emit_row_size, ROW(request_size), 0, NULL},
	{"coredns_dns_requests_total", "counter", "Counter of DNS requests made per zone, protocol and family.", emit_requests, 0, 0, NULL},
	{"coredns_dns_response_size_bytes", "histogram", "Size of the returned response in bytes.", emit_row_size, ROW(response_size), 0, NULL},
	{"coredns_dns_responses_total", "counter", "Counter of response status codes.", emit_responses, 0, 0, NULL},
	{"coredns_dns64_requests_translated_total", "counter", "Counter of DNS requests translated by dns64.", emit_event, STATS_DNS64, 0, NULL},
	{"coredns_forward_healthcheck_broken_total", "counter", "Counter of the number of complete failures of the healthchecks.", emit_core, CORE(healthcheck_broken), 0, NULL},
	{"coredns_forward_max_concurrent_rejects_total", "counter", "Counter of the number of queries rejected because the concurrent queries were at maximum.", emit_core, CORE(max_concurrent_rejects), 0, NULL},
	{"coredns_health_request_duration_seconds", "histogram", "Histogram of the time (in seconds) each request took.", emit_health, 0, 0, NULL},
	{"coredns_health_request_failures_total", "counter", "The number of times the health check failed.", emit_driver, DRIVER(health.failures), 0, NULL},
	{"coredns_hosts_entries", "gauge", "The combined number of entries in hosts and Corefile.", emit_hosts, 0, 0, NULL},
	{"coredns_hosts_reload_timestamp_seconds", "gauge", "The timestamp of the last reload of hosts file.", emit_driver, DRIVER(hosts_reload_s), 0, NULL},
	{"coredns_nodecache_setup_errors_total", "counter", "The number of errors during periodic network setup for node-cache", emit_setup_errors, 0, 0, NULL},
	{"coredns_panics_total", "counter", "A metrics that counts the number of panics.", emit_core, CORE(panics), 0, NULL},
	{"coredns_plugin_enabled", "gauge", "A metric that indicates whether a plugin is enabled on per server and zone basis.", emit_plugins, 0, 0, NULL},
	{"coredns_proxy_conn_cache_hits_total", "counter", "Counter of connection cache hits per upstream and protocol.", emit_upstream_conns, UP(conn_hits), 0, NULL},
	{"coredns_proxy_conn_cache_misses_total", "counter", "Counter of connection cache misses per upstream and protocol.", emit_upstream_conns, UP(conn_misses), 0, NULL},
	{"coredns_proxy_healthcheck_failures_total", "counter", "Counter of the number of failed healthchecks.", emit_upstream, UP(healthcheck_failures), 0, NULL},
	{"coredns_proxy_request_duration_seconds", "histogram", "Histogram of the time each request took.", emit_upstream_duration, 0, 0, NULL},
	{"coredns_reload_failed_total", "counter", "Counter of the number of failed reload attempts.", emit_driver, DRIVER(reload_failed), 0, NULL},
	{"coredns_reload_version_info", "gauge", "A metric with a constant '1' value labeled by hash, and value which type of hash generated.", emit_reload_version, 0, 0, NULL},
	{"coredns_template_matches_total", "counter", "Counter of template regex matches.", emit_event, STATS_TEMPLATE_MATCH, 0, NULL},
	{"coredns_template_rr_failures_total", "counter", "Counter of mis-templated RRs.", emit_event, STATS_TEMPLATE_RR_FAILURE, 0, NULL},
	{"coredns_template_template_failures_total", "counter", "Counter of go template failures.", emit_event, STATS_TEMPLATE_FAILURE, 0, NULL},
	{"promhttp_metric_handler_requests_in_flight", "gauge", "Current number of scrapes being served.", emit_zero, 0, 0, NULL},
	{"promhttp_metric_handler_requests_total", "counter", "Total number of scrapes by HTTP status code.", emit_scrapes, 0, 0, NULL},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

const struct metrics_family metrics_own[] = {
	{"nodens_cache_entries_evicted_total", "counter", "Entries pushed out of the cache by newer ones.", emit_core, CORE(evicted), 0, NULL},
	{"nodens_cache_types_displaced_total", "counter", "Entries of rare types that gave way to another rare type of the same name.", emit_core, CORE(types_displaced), 0, NULL},
	{"nodens_cache_entries_expired_total", "counter", "Expired entries whose space was reclaimed.", emit_core, CORE(expired_reclaimed), 0, NULL},
	{"nodens_cache_bytes", "gauge", "Octets of the cache in use.", emit_core, CORE(bytes_used), 0, NULL},
	{"nodens_cache_bytes_limit", "gauge", "Octets the cache may use.", emit_core, CORE(bytes_limit), 0, NULL},
	{"nodens_cache_full_total", "counter", "Answers that found no room in the cache.", emit_core, CORE(cache_full), 0, NULL},
	{"nodens_inflight", "gauge", "Questions on their way to upstreams.", emit_core, CORE(inflight), 0, NULL},
	{"nodens_inflight_full_total", "counter", "Queries refused because too many questions were on their way.", emit_core, CORE(inflight_full), 0, NULL},
	{"nodens_waiters", "gauge", "Clients waiting for an upstream's answer.", emit_core, CORE(waiters), 0, NULL},
	{"nodens_waiters_full_total", "counter", "Queries refused because too many clients waited.", emit_core, CORE(waiters_full), 0, NULL},
	{"nodens_follow_full_total", "counter", "CNAMEs not followed because too many were being followed.", emit_core, CORE(follow_full), 0, NULL},
	{"nodens_clients", "gauge", "Addresses with a query parked or a question on its way.", emit_core, CORE(clients), 0, NULL},
	{"nodens_share_refused_total", "counter", "Queries refused because their client held its share of a table that was nearly full.", emit_tables, CORE(share_refused), 0, NULL},
	{"nodens_share_evicted_total", "counter", "Parked queries and questions given up for a client that held less of a full table.", emit_tables, CORE(share_evicted), 0, NULL},
	{"nodens_overdue_evicted_total", "counter", "Parked queries and questions given up for newer ones because they had waited too long.", emit_tables, CORE(overdue_evicted), 0, NULL},
	{"nodens_replies_limited_total", "counter", "Queries over UDP refused because their address was owed a thousand replies already.", emit_core, CORE(replies_limited), 0, NULL},
	{"nodens_extras_skipped_total", "counter", "Refreshes, shield questions and second halves not asked for want of room.", emit_core, CORE(extras_skipped), 0, NULL},
	{"nodens_joined_total", "counter", "Queries that waited for a question already asked for somebody else.", emit_core, CORE(joined), 0, NULL},
	{"nodens_denials_renewed_total", "counter", "Denials of A or AAAA taken for as good as new because the other type was denied again.", emit_core, CORE(denials_renewed), 0, NULL},
	{"nodens_denials_contradicted_total", "counter", "Zones whose DNS denied one address type of a name that has the other.", emit_core, CORE(denials_contradicted), 0, NULL},
	{"nodens_stale_served_total", "counter", "Answers served past their time because no upstream answered (RFC 8767).", emit_core, CORE(stale_served), 0, NULL},
	{"nodens_prefetches_total", "counter", "Popular entries asked for again before they expired.", emit_core, CORE(prefetches), 0, NULL},
	{"nodens_hedges_total", "counter", "Second tries sent before the first had timed out.", emit_core, CORE(hedges), 0, NULL},
	{"nodens_retries_total", "counter", "Tries after a failed one.", emit_core, CORE(retries), 0, NULL},
	{"nodens_tries_withheld_total", "counter", "Second tries not made: their client had too many for slow names.", emit_core, CORE(tries_withheld), 0, NULL},
	{"nodens_failures_cached_total", "counter", "Resolution failures remembered (RFC 9520).", emit_core, CORE(failures_cached), 0, NULL},
	{"nodens_failure_hits_total", "counter", "Queries answered by a remembered failure.", emit_core, CORE(failure_hits), 0, NULL},
	{"nodens_shield_cuts_total", "counter", "Subtrees of the cluster zone learnt not to exist.", emit_core, CORE(shield_cuts), 0, NULL},
	{"nodens_shield_synthesized_total", "counter", "NXDOMAIN answers made from such a subtree.", emit_core, CORE(shield_synth), 0, NULL},
	{"nodens_shield_confirmations_total", "counter", "Denials by the cluster's DNS of names that may be synthesized, asked for themselves.", emit_core, CORE(shield_confirmed), 0, NULL},
	{"nodens_shield_contradictions_total", "counter", "Names found below a subtree that is denied.", emit_core, CORE(shield_contradictions), 0, NULL},
	{"nodens_autopath_answers_total", "counter", "First search misses answered with the final answer.", emit_core, CORE(autopath_answers), 0, NULL},
	{"nodens_queries_rejected_total", "counter", "Queries turned away before any zone was looked for; the self-test's count under BADVERS.", emit_rejected, 0, 0, NULL},
	{"nodens_queries_dropped_total", "counter", "Datagrams that deserved no answer.", emit_core, CORE(dropped), 0, NULL},
	{"nodens_loop_detected", "gauge", "1 while an upstream of the zone is left out because it leads back to us.", emit_loops, 0, 0, NULL},
	{"nodens_upstream_connections", "gauge", "Connections to upstreams over TCP and TLS.", emit_driver, DRIVER(up_tcp_open), 0, NULL},
	{"nodens_upstream_connects_total", "counter", "Connections to upstreams begun.", emit_driver, DRIVER(up_tcp_connects), 0, NULL},
	{"nodens_upstream_tls_resumed_total", "counter", "TLS sessions continued instead of begun anew.", emit_driver, DRIVER(up_tls_resumed), 0, NULL},
	{"nodens_upstream_https_faults_total", "counter", "DNS over HTTPS: streams that brought no answer, by cause.", emit_doh_faults, 0, 0, NULL},
	{"nodens_upstream_https_goaways_total", "counter", "DNS over HTTPS: connections the server asked us to leave.", emit_driver, DRIVER(up_doh_goaway), 0, NULL},
	{"nodens_upstream_udp_sockets", "gauge", "UDP sockets towards upstreams.", emit_driver, DRIVER(up_udp.open), 0, NULL},
	{"nodens_upstream_udp_strays_total", "counter", "Datagrams from upstreams' addresses with an id that was not in use, or that were not taken as the answer.", emit_driver, DRIVER(up_udp.strays), 0, NULL},
	{"nodens_upstream_udp_duplicates_total", "counter", "Second copies of answers.", emit_driver, DRIVER(up_udp.duplicates), 0, NULL},
	{"nodens_upstream_udp_guessed_total", "counter", "Ports given up because somebody guessed ids; what was asked through them was asked again.", emit_driver, DRIVER(up_udp.guessed), 0, NULL},
	{"nodens_upstream_udp_shared_total", "counter", "Questions that had no port of their own.", emit_driver, DRIVER(up_udp.shared), 0, NULL},
	{"nodens_upstream_udp_gave_way_total", "counter", "Slow questions whose port went to a newer one; they were asked again by one that is shared.", emit_driver, DRIVER(up_udp.gave_way), 0, NULL},
	{"nodens_upstream_timeouts_total", "counter", "Tries that got no answer in time.", emit_upstream_plain, UP(timeouts), 0, NULL},
	{"nodens_upstream_late_answers_total", "counter", "Answers that came after their time.", emit_upstream_plain, UP(late_answers), 0, NULL},
	{"nodens_upstream_mismatches_total", "counter", "Answers that did not fit their question.", emit_upstream_plain, UP(mismatches), 0, NULL},
	{"nodens_upstream_damaged_total", "counter", "Answers that were of no use: cut short, wrong counts, no question. Asked again by TCP.", emit_upstream_plain, UP(damaged), 0, NULL},
	{"nodens_upstream_records_dropped_total", "counter", "Records of answers that are no part of an answer: of names that the question does not lead to, of another class, without proper data.", emit_upstream_plain, UP(records_dropped), 0, NULL},
	{"nodens_upstream_failures_total", "counter", "Tries that failed, by cause.", emit_upstream_fails, 0, 0, NULL},
	{"nodens_notrack_packets_total", "counter", "Packets that skipped connection tracking: arriving, sent by host-network clients, replies, health probes.", emit_notrack, 0, 0, NULL},
	{"nodens_notrack_bytes_total", "counter", "The same in octets.", emit_notrack, 1, 0, NULL},
	{"nodens_rules_active", "gauge", "1 while traffic for the local addresses comes to this cache.", emit_driver, DRIVER(rules_active), 0, NULL},
	{"nodens_rules_repaired_total", "counter", "Times the rules were found changed and put right.", emit_driver, DRIVER(rules_repaired), 0, NULL},
	{"nodens_rules_renewal_late_seconds", "gauge", "Worst time since the start from when a self-test was due until it had renewed the rules.", emit_driver_seconds, DRIVER(renewal_late_ns), 0, NULL},
	{"nodens_selftest_passed_total", "counter", "Queries to ourselves, over UDP and TCP, that were answered.", emit_driver, DRIVER(selftest_ok), 0, NULL},
	{"nodens_selftest_failed_total", "counter", "Queries to ourselves that were not.", emit_driver, DRIVER(selftest_failed), 0, NULL},
	{"nodens_ready", "gauge", "What /ready says.", emit_driver, DRIVER(ready), 0, NULL},
	{"nodens_workers", "gauge", "Processes that answer.", emit_driver, DRIVER(workers), 0, NULL},
	{"nodens_worker_restarts_total", "counter", "Workers that died and were replaced.", emit_driver, DRIVER(worker_restarts), 0, NULL},
	{"nodens_handovers_total", "counter", "Times sockets and cache came from an earlier instance.", emit_driver, DRIVER(handovers), 0, NULL},
	{"nodens_config_last_reload_successful", "gauge", "1 unless the newest configuration was refused.", emit_driver, DRIVER(reload_last_success), 0, NULL},
	{"nodens_config_last_reload_success_timestamp_seconds", "gauge", "When a configuration was last accepted.", emit_driver, DRIVER(reload_last_success_s), 0, NULL},
	{"nodens_config_reloads_put_off_total", "counter", "Reloads that came too soon after others and were taken together with later ones.", emit_driver, DRIVER(reloads_put_off), 0, NULL},
	{"nodens_config_refused", "gauge", "1 while the newest of this part of the configuration is not what is served.", emit_refused, 0, 0, NULL},
	{"nodens_tcp_clients", "gauge", "TCP connections of clients.", emit_driver, DRIVER(tcp_clients), 0, NULL},
	{"nodens_tcp_clients_rejected_total", "counter", "TCP connections refused by a limit.", emit_driver, DRIVER(tcp_clients_rejected), 0, NULL},
	{"nodens_tcp_clients_evicted_total", "counter", "Idle TCP connections closed to make room for new ones.", emit_driver, DRIVER(tcp_clients_evicted), 0, NULL},
	{"nodens_tcp_clients_held_bytes", "gauge", "Octets that TCP clients hold in the process and in the kernel's buffers, from 4 KiB a connection on.", emit_driver, DRIVER(tcp_held_bytes), 0, NULL},
	{"nodens_tcp_clients_held_up_total", "counter", "Times a TCP connection was not read because its client had not taken its answers.", emit_driver, DRIVER(tcp_held_up), 0, NULL},
	{"nodens_tcp_clients_slow_total", "counter", "TCP connections reset because nothing was taken from them in time.", emit_driver, DRIVER(tcp_slow_readers), 0, NULL},
	{"nodens_tcp_clients_over_share_total", "counter", "TCP connections reset because their client, or all together, held too many octets.", emit_driver, DRIVER(tcp_resets), 0, NULL},
	{"nodens_tcp_clients_put_off_total", "counter", "Times a TCP connection had to wait for the next round because its client had had its turn.", emit_driver, DRIVER(tcp_put_off), 0, NULL},
	{"nodens_http_connections", "gauge", "Connections to the ports of /metrics, /health and /ready.", emit_driver, DRIVER(http_open), 0, NULL},
	{"nodens_http_connections_evicted_total", "counter", "Of these, closed to make room for new ones.", emit_driver, DRIVER(http_evicted), 0, NULL},
	{"nodens_http_connections_refused_total", "counter", "Of these, refused for want of memory or a descriptor.", emit_driver, DRIVER(http_refused), 0, NULL},
	{"nodens_http_connections_slow_total", "counter", "Of these, closed in the middle of a request or response that took too long.", emit_driver, DRIVER(http_slow), 0, NULL},
	{"nodens_http_deferred_total", "counter", "Times that HTTP had used up its part of the supervisor's time, and requests waited.", emit_driver, DRIVER(http_deferred), 0, NULL},
	{"nodens_http_metrics_reused_total", "counter", "Scrapes answered with a page less than a second old.", emit_driver, DRIVER(metrics_reused), 0, NULL},
	{"nodens_udp_receive_dropped_total", "counter", "Datagrams that the kernel threw away because the socket they go to was full.", emit_driver, DRIVER(udp_dropped), 0, NULL},
	{"nodens_udp_send_errors_total", "counter", "UDP replies that the kernel did not take.", emit_driver, DRIVER(udp_send_errors), 0, NULL},
	{"nodens_udp_unreachable_total", "counter", "UDP replies to addresses where earlier ones had not left the node.", emit_driver, DRIVER(udp_stuck), 0, NULL},
	{"nodens_log_lines_dropped_total", "counter", "Log lines given up because the reader was too slow.", emit_driver, DRIVER(log_lines_dropped), 0, NULL},
	{"nodens_dnstap_messages_total", "counter", "dnstap messages handed to a collector.", emit_driver, DRIVER(dnstap_sent), 0, NULL},
	{"nodens_dnstap_dropped_total", "counter", "dnstap messages given up because the collector was too slow or away.", emit_driver, DRIVER(dnstap_dropped), 0, NULL},
	{"nodens_dnstap_connections", "gauge", "Connections to dnstap collectors that are ready.", emit_driver, DRIVER(dnstap_connected), 0, NULL},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};
