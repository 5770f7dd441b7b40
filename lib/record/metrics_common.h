/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names under which the simulator, the connection-table model and the lab
 * write down the same thing. The report lays records beside each other by these
 * names, so a tool that measures one of them uses the row from here, and a
 * thing that is not the same thing gets another name. docs/formats.md repeats
 * the table for readers; a test compares the two.
 *
 * A tool's own table:
 *	static const struct metric_def defs[] = {
 *		METRICS_COMMON,
 *		{ "sim.events", "events", MERGE_SUM, "events taken off the queue" },
 *		{ 0 },
 *	};
 * A name that ends in '*' stands for every name with that beginning.
 */
#ifndef NODENS_METRICS_COMMON_H
#define NODENS_METRICS_COMMON_H

#include "lib/record/result.h"

/* clang-format off */
#define METRICS_COMMON \
	{ "lookups.total",           "lookups", MERGE_SUM, "lookups begun after the warm-up" }, \
	{ "lookups.ok",              "lookups", MERGE_SUM, "of these, answered with records" }, \
	{ "lookups.notfound",        "lookups", MERGE_SUM, "of these, answered: no such name or no such data" }, \
	{ "lookups.lost",            "lookups", MERGE_SUM, "of these, given up by the stub resolver: time-outs, failures" }, \
	{ "lookups.warmup",          "lookups", MERGE_SUM, "lookups begun during the warm-up; counted nowhere above" }, \
	{ "queries.sent",            "queries", MERGE_SUM, "DNS questions the pods sent, warm-up and repeats included" }, \
	{ "queries.retried",         "queries", MERGE_SUM, "of these, repeats after a time-out or failure" }, \
	{ "answers.verified",        "answers", MERGE_SUM, "answers that say what the zone says" }, \
	{ "answers.wrong",           "answers", MERGE_SUM, "answers that do not" }, \
	{ "answers.by_cache",        "answers", MERGE_SUM, "answers the pods got from the node's cache" }, \
	{ "answers.by_backend",      "answers", MERGE_SUM, "answers the pods got from a cluster-DNS backend itself" }, \
	{ "latency.*",               "ns",      MERGE_SUM, "histogram: intended start of a lookup to its last answer; latency.all, one a load, and path_* by the way answers came" }, \
	{ "late.*",                  "ns",      MERGE_SUM, "histogram: how late the load program itself was; late.all" }, \
	{ "took.*",                  "ns",      MERGE_SUM, "histogram: actual start of a lookup to its last answer; one a load; the lab's" }, \
	{ "conntrack.peak",          "entries", MERGE_MAX, "most entries at once for port-53 traffic of pods, as nf_conntrack_count has it: dead ones that nobody collected yet are in it" }, \
	{ "conntrack.live_peak",     "entries", MERGE_MAX, "the same of live entries, whose time-out has not passed" }, \
	{ "conntrack.upstream_peak", "entries", MERGE_MAX, "as conntrack.peak, for port-53 traffic between node and backends" }, \
	{ "conntrack.upstream_live_peak", "entries", MERGE_MAX, "as conntrack.live_peak, of those" }, \
	{ "conntrack.final",         "entries", MERGE_SUM, "live entries for port-53 traffic of pods when the load ends" }, \
	{ "conntrack.created",       "entries", MERGE_SUM, "entries made for port-53 traffic of pods" }, \
	{ "conntrack.insert_failed", "packets", MERGE_SUM, "packets dropped because their entry lost a race" }, \
	{ "conntrack.drop",          "packets", MERGE_SUM, "packets dropped because the table was full" }, \
	{ "conntrack.early_drop",    "entries", MERGE_SUM, "entries thrown out early to make room" }, \
	{ "notrack.packets_in",      "packets", MERGE_SUM, "packets towards the cache that skipped the table" }, \
	{ "notrack.packets_out",     "packets", MERGE_SUM, "packets from the cache that skipped the table" }, \
	{ "upstream.queries",        "queries", MERGE_SUM, "questions that reached the backends, all together" }, \
	{ "upstream.backend*",       "queries", MERGE_SUM, "questions that reached one backend: upstream.backend1 ..." }, \
	{ "cache.queries",           "queries", MERGE_SUM, "questions the cache was asked" }, \
	{ "cache.hits",              "queries", MERGE_SUM, "of these, answered from memory" }, \
	{ "cache.misses",            "queries", MERGE_SUM, "of these, not in memory" }, \
	{ "cache.cpu_s",             "s",       MERGE_SUM, "processor time of the cache" }, \
	{ "cache.worker_cpu_s",      "s",       MERGE_SUM, "of that, its first worker's, who answers" }, \
	{ "cache.worker_sleeps",     "1",       MERGE_SUM, "times that this one went to sleep, with nothing to do" }, \
	{ "cache.rss_bytes",         "bytes",   MERGE_MAX, "resident memory of the cache" }, \
	{ "pods.cpu_s",              "s",       MERGE_SUM, "processor time of the pods, their lookups' only" }, \
	{ "pods.sleeps",             "1",       MERGE_SUM, "times that the pods went to sleep, while their lookups ran" }, \
	{ "servers.cpu_s",           "s",       MERGE_SUM, "processor time of the DNS servers that are no cache" }, \
	{ "processors.busy",         "1",       MERGE_MAX, "share of the processors' time that was used while the load ran, by whatever it was" }, \
	{ "world.nodes",             "nodes",   MERGE_SAME, "nodes of the cluster that the record speaks of" }, \
	{ "world.pods",              "pods",    MERGE_SAME, "pods that asked, on all nodes" }, \
	{ "world.load_s",            "s",       MERGE_SAME, "how long the counted load ran" }, \
	{ "world.warmup_s",          "s",       MERGE_SAME, "load before it, in queries.* and upstream.* but not in lookups.*" }, \
	{ "world.cache_success",     "entries", MERGE_SAME, "positive answers that each node's cache may hold" }, \
	{ "world.cache_denial",      "entries", MERGE_SAME, "negative ones" }, \
	{ "sli.probers",             "probers", MERGE_SAME, "who looked up once a second for Kubernetes' DNS SLI (lib/record/sli.h)" }, \
	{ "sli.resolv_conf.p99",     "ns",      MERGE_MAX, "at the server of resolv.conf: p99 over probers of each one's p99 of five minutes" }, \
	{ "sli.resolv_conf.lost_share", "1",    MERGE_MAX, "of these lookups, the share without a right answer within 5 s" }, \
	{ "sli.kube_dns.p99",        "ns",      MERGE_MAX, "the same at the ClusterIP of kube-dns" }, \
	{ "sli.kube_dns.lost_share", "1",       MERGE_MAX, "the same at the ClusterIP of kube-dns" }, \
	{ "run.wall_s",              "s",       MERGE_SUM, "how long the run took, set-up included" }

/* Columns of series.csv; a record carries those its tool knows, in this order. */
#define SERIES_T_S             "t_s"                        /* since the load began, warm-up included */
#define SERIES_CT_CLIENT       "conntrack_entries"          /* port-53 traffic of pods, as nf_conntrack_count has it */
#define SERIES_CT_UPSTREAM     "conntrack_upstream_entries" /* node to backends */
#define SERIES_CT_LIVE         "conntrack_live_entries"     /* of the pods' entries, those whose time-out has not passed */
#define SERIES_LOOKUPS         "lookups"                    /* begun so far */
#define SERIES_LOST            "lookups_lost"               /* so far */
#define SERIES_UPSTREAM        "upstream_queries"           /* so far */

/* Labels: what the report groups by. */
#define LABEL_ENGINE   "engine"   /* one of the ENGINE_* */
#define LABEL_SCENARIO "scenario" /* the scenario's name */
#define LABEL_CELL     "cell"     /* scen_cell_str: "iptables-nocache" */
#define LABEL_PROXY    "proxy"    /* scen_proxy_str: "iptables" */
#define LABEL_CACHE    "cache"    /* "off" | "on" | "original": NodeLocal DNSCache */

#define ENGINE_LAB     "lab"
#define ENGINE_CLUSTER "cluster"
#define ENGINE_REPLAY  "replay"
#define ENGINE_CAPTURE "capture"
#define ENGINE_SIM     "sim"
#define ENGINE_MODEL   "model"
#define ENGINE_PLAN    "plan"
/* All of them, and what a report calls what they say; what was measured comes first. */
#define ENGINES(X)                                   \
	X(LAB, ENGINE_LAB, "measured")               \
	X(CLUSTER, ENGINE_CLUSTER, "cluster")        \
	X(REPLAY, ENGINE_REPLAY, "replayed")         \
	X(CAPTURE, ENGINE_CAPTURE, "captured")       \
	X(SIM, ENGINE_SIM, "dns-sim")                \
	X(MODEL, ENGINE_MODEL, "conntrack-model")    \
	X(PLAN, ENGINE_PLAN, "plan")
/* clang-format on */

#endif
