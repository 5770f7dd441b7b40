/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A live node, looked at and left as it is: what its table is set to (watch_node.c), its
 * counters once a second and the kernel's word of each entry made, changed and gone
 * (watch.c), and what that says of the load (watch_flows.c). Nothing is written to the
 * kernel and nothing dumped, for a dump frees the dead entries of the whole machine.
 *
 * The kernel tells of entries that were made while somebody listens. What stood before is
 * known by number alone: the count less what was seen to come and not to go.
 */
#ifndef NODENS_CT_WATCH_H
#define NODENS_CT_WATCH_H

#include <signal.h>
#include <stdbool.h>

#include "conntrack-model/ctable.h"
#include "conntrack-model/events.h"

#define WATCH_FLOWS_MAX 1000000 /* events kept in memory, 64 octets each */
#define WATCH_OPENERS	10

struct watch_node {
	struct ct_conf table; /* as the kernel says; .seed and gc phase are left alone */
	char release[65];
	bool hz_known;
	unsigned tells; /* nf_conntrack_events: 0 never, 1 of all entries, 2 of those made while one listens */
};
/* Of the network namespace the process is in. ERR_UNSUPPORTED where nothing is tracked. */
int watch_node_read(struct watch_node *ret, struct diag *d);
/* CONFIG_HZ from the text of a kernel's configuration; 0: not there. */
unsigned watch_hz_parse(const char *config);

struct watch_counters { /* of one namespace, since it was made */
	uint64_t drop, early_drop, insert_failed, clash_resolve, invalid, chain_too_long;
};
/* The text of /proc/net/stat/nf_conntrack: a line of names, then one of hexadecimal numbers
 * for each processor. Columns are found by their names, for kernels have not all the same. */
int watch_counters_parse(struct watch_counters *ret, const char *text, struct diag *d);

/* What was counted between two looks. A counter that went back has come round (each processor's has 32 bits), or begun
 * anew when it is not near there. */
void watch_counters_add(struct watch_counters *sum, const struct watch_counters *before, const struct watch_counters *now);

struct watch_sample {
	double t_s;
	uint64_t count; /* nf_conntrack_count */
	struct watch_counters c; /* since the watch began */
	uint64_t n_new, n_gone; /* so far, of entries made while watched */
};

/* An event as it was kept. */
struct watch_seen {
	uint64_t t_ns;
	struct qs_addr client, server;
	uint16_t zone;
	uint8_t what, proto, tcp_state; /* enum ctnl_what, enum ct_proto, enum ct_tcp_state */
	bool replied, assured;
};

struct watch_conf {
	uint64_t duration_ns, interval_ns;
	bool counters_only; /* no events */
	bool dump;	    /* one, when the watch is over */
	size_t room_bytes, flows_max;
	const volatile sig_atomic_t *stop; /* set: end now, with what there is */
};

struct watch_live { /* of the dump: entries that are not dead */
	uint64_t n, assured, dns;
	double cpu_s; /* that it took, the kernel's part included; -1: there was none */
};

struct watch {
	struct watch_node node;
	struct watch_sample *sample;
	size_t n_samples, cap_samples;
	struct watch_seen *seen;
	size_t n_seen, cap_seen, seen_max;
	double span_s, cpu_s;
	uint64_t n_events, n_lost_reads;
	uint64_t n_other_protocols; /* entries of neither UDP nor TCP: counted, in no prediction */
	bool changed;		 /* sysctls of the table, while it was watched; `node` has the last */
	bool interrupted, heard; /* events were listened to */
	bool overfull;		 /* more than flows_max: not listened to any longer */
	struct watch_live live;
	int err;
};
int watch_span(struct watch *ret, const struct watch_conf *c, struct diag *d);
void watch_span_release(struct watch *w);
uint64_t watch_count_peak(const struct watch *w);
/* New flows that found the table full and nothing to evict. */
uint64_t watch_turned_away(const struct watch *w);
/* Did new flows find the table full, or entries give way to them? */
bool watch_was_full(const struct watch *w);

/* --- what was seen, as a load (watch_flows.c) --- */

struct watch_opener {
	struct in6_addr client;
	uint64_t flows, dns; /* of them to port 53 */
};
struct watch_load {
	struct ct_events once; /* the watched time, as the walk takes it */
	uint64_t n_flows, n_dns, n_gone, n_unanswered;
	uint64_t n_left_open;  /* connections that were not closed while watched */
	uint64_t n_older;      /* entries that stood before and stand at the end */
	uint64_t n_begun;      /* UDP and TCP that stand at the end and are not ASSURED */
	uint64_t n_left_assured; /* and that are */
	uint64_t n_untold;     /* made while watched, and the kernel did not tell: events were lost */
	uint64_t sweep_ns;     /* when a sweep of the gc was seen to begin; T_NEVER: none was */
	struct watch_opener opener[WATCH_OPENERS];
	size_t n_openers;
};
/* Also fills n_new and n_gone of the samples. 0 or ERR_NOMEM. */
int watch_load_make(struct watch_load *ret, struct watch *w);
/* Of the older entries those that a full table evicts for a new flow, which are those that are not ASSURED (early_drop() in
 * net/netfilter/nf_conntrack_core.c). Nothing tells of one; what does of all is a dump, or a table that was full: a new
 * flow looks for one in the eight buckets from its own on, and each entry is in two buckets. */
enum watch_evidence { WATCH_NO_EVIDENCE, WATCH_BY_DUMP, WATCH_BY_COUNTERS };
uint64_t watch_evictable(const struct watch *w, const struct watch_load *l, enum watch_evidence *ret);
void watch_load_release(struct watch_load *l);
/* The watched time again and again, `times` in all, at new ports: appended to `to`, sorted.
 * A connection that was left open is closed one watched time after it was opened. */
int watch_load_repeat(struct ct_events *to, const struct watch_load *l, double span_s, unsigned times);

/* Entry of the verb; the exit status. `given` is the whole command line. */
int watch_main(int argc, char **argv, int given_n, char **given);

#endif
