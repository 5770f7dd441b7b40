/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One scenario file (YAML), several engines: dns-sim predicts it, kind-e2e
 * measures it, capacity-report lays one beside the other. This is its in-memory
 * form; docs/formats.md is the normative schema. Door to libyaml.
 *
 * Every key is checked: an unknown one, a missing unit or a value out of range
 * fails with file, line, column and the accepted values.
 */
#ifndef NODENS_SCENARIO_H
#define NODENS_SCENARIO_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/dns/name.h"

#define SCEN_NAMES_MAX    4096
#define SCEN_SERVICES_MAX 10000
#define SCEN_LOADS_MAX    8
#define SCEN_SEARCH_MAX   16
#define SCEN_RECORDS_MAX  4096
#define SCEN_EVENTS_MAX   64
#define SCEN_SURGES_MAX   8
#define SCEN_BACKENDS_MAX 512
#define SCEN_WORKERS_MAX  64
#define SCEN_GROWTH_MAX   1e6

/* Kinds of kube-proxy rules, in the order in which cells are run; bits, so that a scenario
 * can name several. */
#define SCEN_PROXIES(X) X(SCEN_IPTABLES, 1, "iptables") X(SCEN_NFTABLES, 2, "nftables") X(SCEN_IPVS, 4, "ipvs")
#define SCEN_PROXY_BIT(name, bit, word) name = bit,
#define SCEN_PROXY_NAME(name, bit, word) name,
enum scen_proxy { SCEN_PROXIES(SCEN_PROXY_BIT) };
enum scen_stub { SCEN_GLIBC, SCEN_MUSL, SCEN_GO };
enum scen_ip { SCEN_IP4 = 1, SCEN_IP6 = 2, SCEN_DUAL = 4 };
/* How a load's lookups reach the resolver. */
enum scen_transport {
	SCEN_NEW_PORT,    /* a fresh UDP socket a lookup: what libc does */
	SCEN_SAME_SOCKET, /* one long-lived UDP socket a pod */
	SCEN_TCP,         /* a TCP connection a lookup (use-vc) */
};
enum scen_arrivals { SCEN_POISSON, SCEN_EVEN };
enum scen_family { SCEN_A_AAAA, SCEN_A, SCEN_AAAA };

struct scen_load { /* one open-loop stream, run in every pod */
	const char *name;   /* names its metrics: "udp_new", "udp_same", "tcp" */
	enum scen_transport transport;
	enum scen_arrivals arrivals;
	enum scen_family family;
	double rate_per_s;  /* lookups a second and pod */
	const char *ask;    /* the one name it looks up, or NULL: those of names */
	unsigned ask_at;    /* where that stands in ask[], behind the n_asks of names */
};

struct scen_ask { /* a name pods look up, as the application spells it */
	const char *name;   /* trailing dot: absolute, no search list */
	double weight;
	const uint8_t *wire; /* the same as octets (lib/dns/name.h); of a scenario that was loaded */
};

struct scen_record { /* zone data: "owner ttl type rdata" in presentation form */
	const char *text;
	unsigned line;
};

/* A duration distribution: log-normal by median and p99, or constant when
 * equal; all ns. */
struct scen_delay {
	uint64_t median_ns, p99_ns;
};

/* What only the simulator does: a lab has no second cluster-DNS roll-out to offer. */
struct scen_surge { /* all loads at `times` their rate from `at` for `for` */
	uint64_t at_ns, for_ns;
	double times;
};

enum scen_event_what {
	SCEN_FAIL,    /* a replica falls silent, is noticed after `unready`, and comes back */
	SCEN_ROLLOUT, /* each replica in turn is replaced */
	SCEN_SCALE,   /* there are `to` replicas from now on */
};
struct scen_event {
	enum scen_event_what what;
	uint64_t at_ns, for_ns; /* for: how long a replica is away (fail), takes to start (rollout, scale) */
	uint64_t unready_ns;	/* fail: until the readiness probe has noticed */
	uint64_t grace_ns;	/* rollout, scale down: a replica that ends still answers so long */
	unsigned backend, to;	/* fail: which, from 1; scale: how many */
};

struct scen_replica { /* a cluster-DNS server as a queue */
	struct scen_delay service; /* processor time a query; 0: never busy */
	unsigned workers;	   /* queries worked on at once */
	double cpu_limit;	   /* cores, enforced by CFS quota; 0: none */
	uint64_t period_ns;	   /* of the quota */
	unsigned queue;		   /* datagrams that wait before more are lost */
};

enum scen_scaler_kind { SCEN_FIXED, SCEN_PROPORTIONAL, SCEN_HPA };
struct scen_scaler {
	enum scen_scaler_kind kind;
	unsigned min, max;
	unsigned nodes_per_replica, cores_per_replica, cores_per_node;
	double target;			    /* HPA: utilisation aimed at, of the CPU request */
	double request;			    /* HPA: cores */
	uint64_t sync_ns, start_ns, calm_ns; /* looks every; a replica starts in; scales down after */
};

struct scenario {
	const char *path, *name, *about;
	char digest[65];          /* SHA-256 of the file */
	uint64_t seed;
	uint64_t duration_ns, warmup_ns; /* load runs warmup + duration; only duration is counted */

	/* pods and their stub resolver */
	unsigned n_nodes, n_pods; /* pods a node */
	enum scen_stub stub;
	unsigned ndots, attempts;
	uint64_t timeout_ns;
	size_t n_search;
	const char *search[SCEN_SEARCH_MAX];
	unsigned retries;         /* an application asks again so often when a lookup failed */
	uint64_t retry_ns;        /* after this pause */
	double growth;            /* all rates times this; 0: 1 */
	size_t n_surges;
	struct scen_surge surge[SCEN_SURGES_MAX];
	size_t n_loads;
	struct scen_load load[SCEN_LOADS_MAX];
	size_t n_asks;
	struct scen_ask *ask;
	double zipf_s;            /* >0: weights are by rank, 1/rank^s, over ask[] order */
	double *ask_upto;         /* weights so far added up: every node's workload draws by it. NULL: not yet */

	/* the cluster */
	const char *domain;       /* "cluster.local" */
	struct in_addr cluster_dns, upstream_dns; /* kube-dns and kube-dns-upstream ClusterIPs */
	struct in_addr local_dns; /* the cache's link-local address */
	unsigned n_backends;
	struct scen_delay backend_delay; /* added by a backend before each answer */
	double loss;              /* share of packets lost between node and backends, 0..1 */
	uint64_t burst_ns;        /* mean length of a bad spell of the link; 0: each packet for itself */
	double burst_loss;        /* share lost within a bad spell */
	struct scen_replica replica;
	struct scen_scaler scaler;
	uint64_t endpoints_ns;    /* kube-proxy's rules follow the endpoints so much later */
	double outside_limit_per_s; /* packets a node may send to resolvers outside; 0: unlimited */
	size_t n_events;
	struct scen_event event[SCEN_EVENTS_MAX];
	uint32_t ttl_s, negative_ttl_s;
	size_t n_records;
	struct scen_record *record;

	/* what is compared */
	unsigned proxy_modes;     /* bits of enum scen_proxy */
	bool cache_off, cache_on; /* which cells exist */
	bool cache_original;      /* and the original node cache's, in the simulator only */
	unsigned ip_families;     /* bits of enum scen_ip: labs only, one more cell each */
	unsigned cache_success, cache_denial; /* Corefile capacities */
	unsigned cache_ttl_s, cache_negative_ttl_s;

	/* the node's connection table; 0: the kernel's */
	uint64_t conntrack_max, conntrack_buckets;
	unsigned kernel; /* major * 1000 + minor; 0: a present one */

	/* the node's softirq: what a packet of a pod costs a processor; 0: it is never busy */
	uint64_t packet_ns;
	unsigned node_cpus, backlog; /* packets that wait at a processor: net.core.netdev_max_backlog */
	unsigned veth_ring;	     /* and in a pod's veth where that has a ring; 0: it has none */

	void *arena;              /* owns all text above */
};

/* 0 and a whole scenario, or a negative code and a diag that names the place. */
int scenario_load(struct scenario **ret, const char *path, struct diag *d);
/* The same with some keys set otherwise than the file has them: "cluster.backends=4". A value
 * is YAML; a list is replaced as a whole (events, surges), or not at all (loads, names, records). */
int scenario_load_set(struct scenario **ret, const char *path, const char *const *sets, size_t n_sets,
		      struct diag *d);
void scenario_free(struct scenario *s);
/* The weights of its n_asks names added up, to `ret`: what ask_upto is of one that was loaded. */
void scen_weights(const struct scenario *s, double *ret);

const char *scen_proxy_str(enum scen_proxy p);       /* "iptables" */
const char *scen_transport_str(enum scen_transport t); /* "new-port" */
const char *scen_stub_str(enum scen_stub s);         /* "glibc" */
const char *scen_ip_str(enum scen_ip ip);            /* "dual" */
/* A cell's name in folders, labels and pictures: "iptables-nocache", "nftables-cache". */
const char *scen_cell_str(enum scen_proxy p, bool with_cache, char buf[32]);
/* The same from text in memory; `path` only names it in diagnostics. */
int scenario_parse(struct scenario **ret, const char *path, const char *text, size_t len,
		   struct diag *d);

#endif
