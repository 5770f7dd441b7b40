/* SPDX-License-Identifier: Apache-2.0 */
/* The connection table: how full, what it lost, how much of it is DNS, and what is stale in it. */
#include <inttypes.h>
#include <stdio.h>

#include "kind-e2e/doctor/judge.h"

static bool unseen(const struct patient *p, struct verdict *v)
{
	if (p->f->at == AT_NODE && p->f->host.has_table)
		return false;
	say(v, STATUS_SKIP, "%s",
	    p->f->at != AT_NODE ? "the node's table can only be seen on the node"
				: "this kernel tells nothing of a connection table");
	return true;
}

static void full(const struct patient *p, struct verdict *v)
{
	const struct host_facts *h = &p->f->host;
	unsigned share;

	if (unseen(p, v))
		return;
	share = h->table_max ? (unsigned)(100 * h->table_entries / h->table_max) : 0;
	say(v,
	    share >= 90	  ? STATUS_FAIL
	    : share >= 70 ? STATUS_WARN
			  : STATUS_OK,
	    "%" PRIu64 " of %" PRIu64 " entries, %u %%", h->table_entries, h->table_max, share);
	remedy(v,
	       "sysctl -w net.netfilter.nf_conntrack_max=%" PRIu64
	       " (kube-proxy: conntrack.maxPerCore); conntrack-model says what "
	       "DNS takes of it, a cache on the node takes none",
	       h->table_max * 2);
}

static void lost(const struct patient *p, struct verdict *v)
{
	const struct host_facts *h = &p->f->host;
	uint64_t now = h->drop.after - h->drop.before + h->early_drop.after - h->early_drop.before +
		       h->insert_failed.after - h->insert_failed.before;

	if (unseen(p, v) || lacks(v, h->table_why))
		return;
	if (h->has_second_look && now) {
		say(v, STATUS_WARN,
		    "while the questions were asked: insert_failed %" PRIu64 ", drop %" PRIu64
		    ", early_drop %" PRIu64,
		    h->insert_failed.after - h->insert_failed.before,
		    h->drop.after - h->drop.before, h->early_drop.after - h->early_drop.before);
		return remedy(v, "each is a packet that was lost: insert_failed in the race of A "
				 "and AAAA (options single-request-reopen, or a "
				 "cache on the node), drop in a full table (nf_conntrack_max); "
				 "conntrack -S");
	}
	say(v,
	    h->insert_failed.before + h->drop.before + h->early_drop.before ? STATUS_NOTE
									    : STATUS_OK,
	    "since boot: insert_failed %" PRIu64 ", drop %" PRIu64 ", early_drop %" PRIu64 "%s",
	    h->insert_failed.before, h->drop.before, h->early_drop.before,
	    h->has_second_look ? ", and none while the questions were asked" : "");
}

static void share(const struct patient *p, struct verdict *v)
{
	const struct host_facts *h = &p->f->host;
	unsigned pct;

	if (unseen(p, v) || lacks(v, h->dump_why))
		return;
	pct = h->dump_entries ? (unsigned)(100 * h->dump_dns / h->dump_entries) : 0;
	say(v, pct >= 50 && h->dump_dns > 1000 ? STATUS_NOTE : STATUS_OK,
	    "%" PRIu64 " of %" PRIu64 " entries are DNS, %u %%", h->dump_dns, h->dump_entries, pct);
}

static void stale(const struct patient *p, struct verdict *v)
{
	const struct host_facts *h = &p->f->host;

	if (unseen(p, v) || lacks(v, h->dump_why))
		return;
	if (!h->stale.n)
		return say(v, STATUS_OK, "no entry leads to an endpoint that is gone");
	say(v, STATUS_FAIL,
	    "%" PRIu64 " entries lead DNS to %s, which is no endpoint any more: clients that keep "
	    "their port are lost "
	    "until it runs out",
	    h->stale.n, h->stale.of);
	remedy(v,
	       "conntrack -D -p udp --dport 53 --reply-src %s; kube-proxy 1.32 to 1.36 forgets to: "
	       "kubernetes/kubernetes#139628",
	       h->stale.of);
}

static void timeouts(const struct patient *p, struct verdict *v)
{
	const struct host_facts *h = &p->f->host;

	if (unseen(p, v))
		return;
	if (h->udp_timeout_s <= 60 && h->udp_stream_timeout_s <= 300)
		return say(v, STATUS_OK,
			   "an entry of UDP lives %" PRIu64 " s, %" PRIu64
			   " s when it was used again",
			   h->udp_timeout_s, h->udp_stream_timeout_s);
	say(v, STATUS_WARN,
	    "an entry of UDP lives %" PRIu64 " s, %" PRIu64
	    " s when it was used again (kernel: 30 and 120): each "
	    "question keeps its place in the table that long",
	    h->udp_timeout_s, h->udp_stream_timeout_s);
	remedy(v, "sysctl -w net.netfilter.nf_conntrack_udp_timeout=30 "
		  "net.netfilter.nf_conntrack_udp_timeout_stream=120");
}

const struct probe probes_conntrack[] = {
	{"conntrack.full", "has the connection table room?", full},
	{"conntrack.lost", "has it lost packets (insert_failed, drop, early_drop)?", lost},
	{"conntrack.share", "how much of it is DNS?", share},
	{"conntrack.stale", "do entries lead to an endpoint that is gone?", stale},
	{"conntrack.timeouts", "how long does an entry of UDP live?", timeouts},
	{0},
};
