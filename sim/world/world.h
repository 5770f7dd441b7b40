/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the simulator. A message is a packet that travels: each leg of its
 * way is one event, and who holds it decides where it goes next:
 *
 *   pod --> [table, rules] --> backend --> [table] --> pod        no cache
 *   pod --> cache --> pod                                         hit
 *   pod --> cache --> [table, rules] --> backend --> cache --> pod  miss
 *
 * The reply travels in the packet of its query. Every random draw comes from
 * one generator per node, so that nodes do not disturb each other.
 */
#ifndef NODENS_SIM_WORLD_H
#define NODENS_SIM_WORLD_H

#include "conntrack-model/ctable.h"
#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "lib/record/qstream.h"
#include "lib/world/stub.h"
#include "lib/world/workload.h"
#include "resolver/core/core.h"
#include "sim/world/evq.h"
#include "sim/world/sim.h"

#define PKT_CAP 1280
#define BACKEND_WORLD UINT16_MAX /* the resolver outside the cluster */
#define UP_CONNS 4		 /* of the cache to one upstream */
#define ASKED_N 256		 /* questions whose connection is remembered */

enum sim_event {
	EV_LOOKUP,     /* the workload's next lookup begins */
	EV_BEGIN,      /* and sends its first packet; a: lookup, p: generation */
	EV_EXPIRE,     /* a lookup's deadline; a: lookup, p: its generation */
	EV_SYN,	       /* a pod's connection attempt is repeated; a: lookup, p: gen and slot */
	EV_AT_CACHE,   /* a packet reaches the cache */
	EV_CACHE_FREE, /* the cache's processor is free again; a: node */
	EV_AT_BACKEND,
	EV_AT_NODE, /* a backend's reply reaches the cache */
	EV_AT_POD,
	EV_TICK,     /* the core's deadline; a: node */
	EV_REPAIR,   /* a connection repeats what was lost; a: flow and direction, p: generation */
	EV_LIFE,     /* something becomes of a replica; a: replica, p: its pod and an enum life_step */
	EV_EVENT,    /* one of the scenario's; a: which */
	EV_SCALER,   /* the autoscaler looks */
	EV_ORIGINAL, /* a question of the original cache has waited long enough; a: node, p: question */
	EV_WORK,   /* a packet's way is due, and takes its turn where processors are shared */
	EV_WORKED, /* a piece of work is done; a: node, p: its processor */
	EV_NEXT,   /* and so is what came of it */
	EV_OPENED, /* a connection is open, and its lookup asks; a: lookup, p: generation and slot */
	EV_CLOSED, /* a connection has been, and its lookup goes on; a: lookup, p: generation */
	EV_ASIDE,  /* what else a machine does that is shared, at its ticks; a: node */
	EV_STARTED,    /* a pod's program has come to a lookup; a: lookup, p: generation */
	EV_CACHE_TURN, /* the cache has its turn on a processor; a: node, p: the processor */
	EV_SAMPLE,
};

struct pkt {
	struct pkt *next;
	uint32_t lookup, gen; /* who asked */
	uint32_t node, ask_id;
	uint32_t spot; /* of its answer (answers.h), once it is on its way to a server */
	uint16_t pod, port, backend, id;
	uint8_t slot, event;
	bool tcp, from_node, big, missing;
	bool through; /* at the pod: the node's softirq has had it */
	bool at_once; /* the cache had it */
	uint32_t conn, conn_gen; /* tcp: the flow it travels on */
	uint64_t way_ns;	 /* held by its flow: how long it will take */
	uint32_t len;
	uint8_t data[];
};

struct slot {		    /* a socket of a lookup */
	bool open, tcp, up; /* up: TCP is established */
	uint8_t n_syn, n_sent;
	uint16_t port, backend;
	uint64_t ready_ns; /* UDP: when it can send */
	uint64_t opens_ns; /* or, where processors are shared: what its first message takes longer */
	uint64_t closes_ns; /* and there, over TCP: what its end takes */
	uint64_t accepts_ns; /* and what it takes the cache */
	uint64_t sent_ns;   /* over TCP: when it last sent */
	uint64_t new_ns; /* UDP: when its flow got its entry */
	uint32_t flow;	 /* up: index */
	struct pkt *pending, **pending_end;
};

struct lookup_run {
	struct lookup what;
	uint32_t gen, next_free;
	bool active;
	bool missed, outside; /* of its answers: not all were in a cache; one was of a name outside */
	uint8_t cause, n_again; /* why its last packet was lost; times asked again by the application */
	uint64_t expire_at_ns;	/* event that is on its way; T_NEVER: none */
	uint64_t deadline_ns;
	struct slot slot[STUB_SLOTS_MAX];
	struct stub *stub;
};

struct stream_state { /* one (pod, load) */
	struct stub_thread thread;
	struct rng rng;
	uint16_t same_port;
};

struct up_conn { /* a connection of the cache to an upstream */
	bool open, suspect;
	uint16_t port, backend;
	uint32_t flow;
	uint64_t opened_ns, used_ns, heard_ns, max_age_ns;
};

struct asked { /* which connection a question of the core went over */
	uint32_t id;
	uint8_t upstream, conn;
	uint64_t sent_ns;
};

enum sim_way { WAY_CACHE, WAY_BACKEND, WAYS };

struct original;
struct processors;

struct node {
	struct world *w;
	uint32_t index; /* within this world */
	struct rng rng;
	struct ctable *ct;
	struct stream_state *stream; /* [pod * n_loads + load] */
	uint64_t *softirq_free_ns; /* of each processor, or of each pod's veth, there and back */
	bool link_bad;
	uint8_t cause; /* why the last packet of the node's own was lost */
	uint64_t link_seen_ns, outside_seen_ns;
	double outside_tokens;
	/* the cache: a core, or the original, or none */
	struct core *core;
	struct original *original;
	struct core_stats *stats;
	struct up_conn (*up)[UP_CONNS]; /* per upstream */
	struct asked *asked;		/* [ASKED_N], by id */
	struct pkt *queue, **queue_end;
	uint64_t n_queue;
	bool busy;
	uint64_t out_ns; /* when what the core says now leaves */
	struct processors *processors; /* that it shares with pods and backends, or NULL */
	uint64_t tick_at_ns;
	uint64_t used_ns[WAYS]; /* when something last went that way */
};
static inline bool node_has_cache(const struct node *n)
{
	return n->core || n->original;
}

#define GREW_N 16
#define PERIODS 8 /* of a CPU quota, remembered: those that queries under way reach into */

struct replica { /* a cluster-DNS server */
	char id[24];
	struct rng rng;
	bool wanted, serves, listed;
	uint32_t pod;	  /* which one of those that had this place */
	uint64_t back_ns; /* silent till then */
	uint32_t life; /* how often it began anew: connections to an earlier one are dead */
	uint64_t last_ns;
	double gap_ns; /* mean, between the queries of the simulated nodes */
	uint64_t n;
	unsigned n_workers;
	uint64_t free_ns[SCEN_WORKERS_MAX]; /* when each worker is through */
	uint64_t *start_ns;   /* ring: when those who wait will begin */
	size_t n_wait, first_wait, cap_wait;
	uint64_t phase_ns; /* of the quota's periods */
	struct {
		uint64_t index, used_ns;
	} period[PERIODS];
	uint64_t cpu_ns, seen_cpu_ns, up_since_ns;
};

struct probers;

struct world {
	const struct sim_conf *c;
	struct probers *probers; /* NULL: no load is the SLI's */
	const struct scenario *s;
	struct name domain;	 /* the cluster's */
	struct sim_result *r;
	uint64_t seed;
	struct evq q;
	uint64_t now_ns, end_ns, sample_ns, told_ns, told_events;
	struct workload *load;
	struct lookup next;
	bool have_next, load_over;
	struct stub_conf stub_conf[SCEN_LOADS_MAX];
	uint32_t n_runs, cap_runs, free_run, n_active;
	struct lookup_run **run;
	struct pkt *free_pkt;
	uint32_t cap_flows, free_flow;
	struct flow **flow;
	unsigned n_nodes;
	struct node *node;
	struct leg backend_delay, service;
	uint64_t replica_queue;
	struct replica *replica; /* [room]: as many as there can ever be */
	unsigned room;
	unsigned n_replicas; /* wanted now */
	unsigned n_slots;    /* of replica[] that ever had one */
	unsigned n_listed;
	uint16_t listed[SIM_BACKENDS_MAX]; /* kube-proxy's endpoints */
	uint64_t wished_ns[SIM_BACKENDS_MAX + 1]; /* when the autoscaler last wished for so many */
	struct grew {
		uint64_t t_ns;
		unsigned n;
	} grew[GREW_N]; /* how many it added lately; it looks once a second at most */
	unsigned n_grew;
	struct core_conf *core_conf;
	struct corefile_plan *plan;
	struct answers *answers;
	uint8_t listener;
	uint64_t begun, n_done, late_ns;
	struct qs_writer *qs;
	int err;
	uint8_t scratch[DNS_MSG_MAX];
};

/* world.c */
struct pkt *pkt_new(struct world *w, size_t len);
void pkt_free(struct world *w, struct pkt *p);
/* The same packet with other bytes; may move. NULL: no memory. */
struct pkt *pkt_refill(struct world *w, struct pkt *p, const uint8_t *data, size_t len);
struct in6_addr addr_of(struct in_addr a);
struct in6_addr pod_addr(unsigned pod);
uint16_t port_draw(struct rng *r);

/* pods.c */
int pods_init(struct world *w, struct diag *d);
void pods_release(struct world *w);
void pods_lookup(struct world *w); /* EV_LOOKUP */
void pods_started(struct world *w, uint32_t run, uint32_t gen); /* EV_STARTED */
void pods_begin(struct world *w, uint32_t run, uint32_t gen);
void pods_opened(struct world *w, uint32_t run, uint32_t gen, unsigned slot); /* EV_OPENED */
void pods_closed(struct world *w, uint32_t run, uint32_t gen); /* EV_CLOSED */
void pods_expire(struct world *w, uint32_t run, uint32_t gen);
void pods_syn(struct world *w, uint32_t run, uint32_t gen, unsigned slot);
void pods_receive(struct world *w, struct pkt *p); /* EV_AT_POD */

/* softirq.c: a packet to or from a pod goes through one processor's backlog, or the ring of the pod's veth. */
int softirq_init(struct world *w, struct node *n);
enum softirq_way { SOFTIRQ_OUT, SOFTIRQ_IN };
/* When it is through, not before `t_ns`; T_NEVER: there was no room. TCP waits, for it would come again. */
uint64_t softirq_pass(struct world *w, struct node *n, const struct pkt *p, enum softirq_way way, uint64_t t_ns);

/* processor.c: those that a node's pods, its cache and the backends share. Where they share none a node has NULL, and
 * whatever is to be done takes its time at once. */
int processors_init(struct world *w, struct node *n);
void processors_release(struct world *w, struct node *n);
/* A lookup starts in a pod, the cache has a message: each waits for its turn. */
void processor_start(struct world *w, struct node *n, uint32_t pod, uint32_t run, uint32_t gen, uint64_t ns);
/* A pod opens a connection, whoever accepts it has his part of that, and EV_OPENED tells the lookup when the pod's program comes to it. */
void processor_open(struct world *w, struct node *n, uint32_t pod, uint32_t run, uint32_t gen, unsigned slot, const struct slot *s);
/* A pod closes a connection of a lookup, the cache has its part of that, and EV_CLOSED tells the lookup. */
void processor_close(struct world *w, struct node *n, uint32_t pod, uint32_t run, uint32_t gen, uint64_t ns, uint64_t cache_ns);
void processor_cache(struct world *w, struct node *n, struct pkt *p);
void processor_work(struct world *w, struct pkt *p);		     /* EV_WORK */
void processor_worked(struct world *w, uint32_t node, uintptr_t arg); /* EV_WORKED */
void processor_next(struct world *w, uint32_t node, uintptr_t arg);   /* EV_NEXT */
void processor_aside(struct world *w, uint32_t node);		     /* EV_ASIDE */
/* EV_CACHE_TURN: what the cache looks at; what else has come over the same connection, for it reads all of that and answers it
 * at once, or NULL; and, when it has looked, how long that lasts from now. */
struct pkt *processor_looks(struct world *w, uint32_t node, uintptr_t arg);
struct pkt *processor_looks_on(struct world *w, uint32_t node, const struct pkt *p);
void processor_lasts(struct world *w, uint32_t node, uintptr_t arg, uint64_t ns);
/* It sends that when it is through with what it looks at now; false: it looks at nothing. */
bool processor_says(struct node *n, struct pkt *p);

/* net.c: what lies between */
void net_pod_send(struct world *w, struct lookup_run *l, struct pkt *p);
/* True when the connection is up (its flow says since when). */
bool net_pod_connect(struct world *w, struct lookup_run *l, unsigned slot);
void net_pod_close(struct world *w, struct lookup_run *l, unsigned slot);
/* False: the reply was lost in the table. */
bool net_pod_reply(struct world *w, struct pkt *p);
void net_ask(struct world *w, struct node *n, const struct core_ask *a);
void net_cancel(struct world *w, struct node *n, uint32_t ask_id);
/* True when it answers what was asked there. */
bool net_node_reply(struct world *w, struct pkt *p);
/* A replica has closed its connections: the core's questions on them are failed. */
void net_node_reset(struct world *w, struct node *n, unsigned backend);
void net_cache_reply(struct world *w, struct node *n, const struct core_client *cl,
		     const uint8_t *bytes, size_t len, bool at_once);
void backend_receive(struct world *w, struct pkt *p); /* EV_AT_BACKEND */

/* nodecache.c */
int nodecache_init(struct world *w, struct diag *d);
void nodecache_release(struct world *w);
void nodecache_receive(struct world *w, struct pkt *p); /* EV_AT_CACHE, EV_AT_NODE */
uint64_t nodecache_works(struct world *w, struct node *n, struct pkt *p); /* on one message, for so many ns from now */
void nodecache_free(struct world *w, uint32_t node);	/* EV_CACHE_FREE */
void nodecache_tick(struct world *w, uint32_t node, uint64_t t_ns);
void nodecache_acted(struct world *w, struct node *n); /* after a core_fail */
void nodecache_count(struct world *w);

/* sample.c */
void sample_take(struct world *w);
void sample_finish(struct world *w);

#endif
