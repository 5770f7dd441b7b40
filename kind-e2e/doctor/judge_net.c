/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces and message sizes: MTU, EDNS and truncation, drops at each hop. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/judge.h"

#define DNS_OVER_IP 1280 /* 1232 octets of DNS (dnsflagday.net/2020), UDP and IPv6 headers */

static bool away(const struct patient *p, struct verdict *v)
{
	if (p->f->at == AT_AWAY)
		say(v, STATUS_SKIP,
		    "this machine's interfaces and sockets are none of the cluster's");
	return p->f->at == AT_AWAY;
}

/* Loopback and the interfaces that only hold addresses carry no DNS. */
static bool carries(const struct link_fact *l)
{
	return l->up && strcmp(l->name, "lo") != 0 && strcmp(l->name, "kube-ipvs0") != 0 &&
	       strcmp(l->name, "nodelocaldns") != 0;
}

static void mtu(const struct patient *p, struct verdict *v)
{
	const struct host_facts *h = &p->f->host;
	unsigned small = 0, least = 0, carried = 0;

	if (away(p, v) || lacks(v, h->links_why))
		return;
	for (unsigned i = 0; i < h->n_links; i++) {
		if (!carries(&h->link[i]) || !h->link[i].mtu)
			continue;
		if (!carried++ || h->link[i].mtu < h->link[least].mtu)
			least = i;
		small += h->link[i].mtu < DNS_OVER_IP;
	}
	if (!carried)
		return say(v, STATUS_SKIP, "no interface but the loopback is up");
	if (!small)
		return say(v, STATUS_OK, "%u interfaces, the least MTU is %u (%s)", carried,
			   h->link[least].mtu, h->link[least].name);
	say(v, STATUS_FAIL,
	    "%s has an MTU of %u%s: an answer of 1232 octets comes in pieces, and whoever filters "
	    "pieces loses it",
	    h->link[least].name, h->link[least].mtu, small > 1 ? ", and so have others" : "");
	remedy(v,
	       "ip link set %s mtu 1500, or what the CNI's configuration says for it; else bufsize "
	       "512 in the Corefile",
	       h->link[least].name);
}

static void edns(const struct patient *p, struct verdict *v)
{
	const struct asked *none = asked_find(p->f, "edns.none"),
			   *whole = asked_find(p->f, "edns.whole"),
			   *over = asked_find(p->f, "edns.tcp");

	if (lacks(v, p->f->dns.why))
		return;
	if (p->silent || !none || !whole)
		return say(v, STATUS_SKIP, "%s",
			   p->silent ? "the server answers nothing: see dns.server"
				     : "it was not asked");
	if (!none->answered && !whole->answered)
		return say(v, STATUS_SKIP, "neither %s with EDNS nor without was answered",
			   whole->name);
	if (!whole->answered) {
		if (p->dead)
			return say(v, STATUS_SKIP, "lost, and a replica is dead: see dns.replicas");
		say(v, STATUS_FAIL,
		    "%s %s is answered without EDNS, and not with it (%s): long answers, or EDNS "
		    "itself, are lost on the way",
		    whole->name, whole->type, whole->result);
		return remedy(v, "bufsize 512 in the Corefile of what answers; a firewall that "
				 "drops fragments or datagrams above 512 octets is on the way");
	}
	if (!whole->edns) {
		say(v, STATUS_FAIL,
		    "asked with EDNS, the server answers %s without: answers above 512 octets need "
		    "TCP",
		    whole->result);
		return remedy(v, "what answers at this address is older than RFC 6891, or "
				 "something on the way strips EDNS: dig +bufsize=1232 . NS");
	}
	say(v, STATUS_OK, "EDNS is understood; %s %s is %u octets over UDP%s%s", whole->name,
	    whole->type, whole->len, whole->truncated ? ", cut and said so" : "",
	    none->answered && none->truncated ? "; without EDNS it is cut and said so" : "");
	(void)over;
}

/* An answer that TCP brought, and that a datagram would have. */
static bool cut_though_short(const struct patient *p, struct verdict *v)
{
	for (unsigned i = 0; i < p->f->dns.n; i++) {
		const struct asked *a = &p->f->dns.q[i];

		if (!a->truncated || !a->answered || a->len > 512 || strcmp(a->how, "udp") != 0 || !strncmp(a->key, "edns.", 5))
			continue;
		say(v, STATUS_WARN, "%s %s is %u octets and cut over UDP all the same: each lookup goes a second time, over TCP",
		    a->name, a->type, a->len);
		remedy(v, "look for a limit of 0 or a rate limit that answers with TC in what answers at this address (its Corefile, "
			  "or the resolver it forwards to)");
		return true;
	}
	return false;
}

static void truncation(const struct patient *p, struct verdict *v)
{
	const struct asked *none = asked_find(p->f, "edns.none"),
			   *whole = asked_find(p->f, "edns.whole"),
			   *over = asked_find(p->f, "edns.tcp"), *tcp = asked_find(p->f, "name.tcp");

	if (lacks(v, p->f->dns.why))
		return;
	if (p->silent || !none || !over || !whole)
		return say(v, STATUS_SKIP, "%s",
			   p->silent ? "the server answers nothing: see dns.server"
				     : "it was not asked");
	if (none->answered && none->len > 512) {
		say(v, STATUS_FAIL,
		    "%u octets came to a question without EDNS: old libraries read 512 and call it "
		    "garbage",
		    none->len);
		return remedy(v, "bufsize 1232 (or less) in the Corefile of what answers");
	}
	if (cut_though_short(p, v))
		return;
	if (!(none->answered && none->truncated) && !(whole->answered && whole->truncated))
		return say(v, STATUS_SKIP, "%s %s is not long enough here to be cut (--large NAME)",
			   none->name, none->type);
	if (over->answered && !over->truncated && over->n_answers)
		return say(v, STATUS_OK, "what is cut over UDP comes whole over TCP, %u octets",
			   over->len);
	if (p->dead)
		return say(v, STATUS_SKIP,
			   "%s over TCP was lost, and a replica is dead: see dns.replicas",
			   over->name);
	if (!over->answered && tcp && !tcp->answered)
		return say(v, STATUS_SKIP, "nothing is answered over TCP: see dns.tcp");
	say(v, STATUS_FAIL, "%s is cut over UDP, and over TCP it is %s", over->name,
	    over->answered ? "cut too" : over->result);
	remedy(v, "port 53 over TCP must be open: dns-tcp in the Service, protocol TCP in each "
		  "NetworkPolicy that allows 53/UDP");
}

static void drops_links(const struct patient *p, struct verdict *v)
{
	const struct host_facts *h = &p->f->host;
	uint64_t most = 0, total = 0;
	unsigned at = 0;

	if (away(p, v) || lacks(v, h->links_why))
		return;
	for (unsigned i = 0; i < h->n_links; i++) {
		uint64_t now = h->has_second_look ? h->link[i].drops[1] - h->link[i].drops[0] : 0;

		total += h->link[i].drops[0];
		if (now > most) {
			most = now;
			at = i;
		}
	}
	if (most) {
		say(v, STATUS_WARN, "%s dropped %" PRIu64 " packets while the questions were asked",
		    h->link[at].name, most);
		return remedy(v, "ip -s link show %s; tc -s qdisc show dev %s; ethtool -S %s",
			      h->link[at].name, h->link[at].name, h->link[at].name);
	}
	say(v, total ? STATUS_NOTE : STATUS_OK,
	    "interfaces dropped %" PRIu64 " packets since boot%s", total,
	    h->has_second_look ? ", and none meanwhile" : "");
}

static void drops_queues(const struct patient *p, struct verdict *v)
{
	const struct host_facts *h = &p->f->host;
	uint64_t now = h->softnet_dropped.after - h->softnet_dropped.before;

	if (away(p, v) || lacks(v, h->softnet_why))
		return;
	if (h->has_second_look && now) {
		say(v, STATUS_WARN,
		    "the processors' queues dropped %" PRIu64
		    " packets while the questions were asked",
		    now);
		return remedy(
			v,
			"sysctl -w net.core.netdev_max_backlog=5000, and spread interrupts (RPS)");
	}
	say(v, h->softnet_dropped.before ? STATUS_NOTE : STATUS_OK,
	    "the processors' queues dropped %" PRIu64 " packets since boot%s",
	    h->softnet_dropped.before, h->has_second_look ? ", and none meanwhile" : "");
}

static void drops_sockets(const struct patient *p, struct verdict *v)
{
	const struct host_facts *h = &p->f->host;
	uint64_t now = h->udp_rcvbuf_errors.after - h->udp_rcvbuf_errors.before;

	if (away(p, v) || lacks(v, h->udp_why))
		return;
	if (h->has_second_look && now) {
		say(v, STATUS_WARN,
		    "UDP sockets overflowed %" PRIu64 " times while the questions were asked", now);
		return remedy(v, "sysctl -w net.core.rmem_default=1048576, and more of whoever "
				 "answers (kubectl -n kube-system scale deployment/coredns)");
	}
	say(v, h->udp_rcvbuf_errors.before ? STATUS_NOTE : STATUS_OK,
	    "UDP sockets overflowed %" PRIu64 " times since boot%s", h->udp_rcvbuf_errors.before,
	    h->has_second_look ? ", and not meanwhile" : "");
}

/* Releases with a fault that DNS feels, from the first to the last that has it. */
static const struct bad_kernel {
	unsigned first[3], last[3];
	const char *words;
} bad_kernels[] = {
	{{6, 15, 0},
	 {6, 15, 7},
	 "two questions that clash in the connection table can take an entry away that was never "
	 "set up, which is a crash"},
	{{6, 16, 0},
	 {6, 17, 9},
	 "the queue of a veth can stall, and with it a pod (CVE-2025-68232)"},
};

static bool before(const unsigned a[3], const unsigned b[3])
{
	return a[0] != b[0] ? a[0] < b[0] : a[1] != b[1] ? a[1] < b[1] : a[2] < b[2];
}

static void kernel(const struct patient *p, struct verdict *v)
{
	const char *release = p->f->host.kernel;
	unsigned is[3] = {0};

	if (away(p, v))
		return;
	if (sscanf(release, "%u.%u.%u", &is[0], &is[1], &is[2]) < 2)
		return say(v, STATUS_SKIP, "the kernel's release is not known");
	for (size_t i = 0; i < sizeof bad_kernels / sizeof bad_kernels[0]; i++) {
		const struct bad_kernel *b = &bad_kernels[i];

		if (before(is, b->first) || before(b->last, is))
			continue;
		say(v, STATUS_WARN, "Linux %s: %s", release, b->words);
		return remedy(v,
			      "Linux %u.%u.%u or later, or a distribution's kernel that has the "
			      "fix: its changelog "
			      "says",
			      b->last[0], b->last[1], b->last[2] + 1);
	}
	say(v, STATUS_OK, "Linux %s: no fault that DNS feels is known here", release);
}

const struct probe probes_net[] = {
	{"net.kernel", "is it a kernel with a fault that DNS feels?", kernel},
	{"net.mtu", "does every interface carry 1232 octets of DNS?", mtu},
	{"net.edns", "is EDNS understood?", edns},
	{"net.truncation", "does what is cut over UDP come whole over TCP?", truncation},
	{"net.drops-links", "do interfaces drop packets?", drops_links},
	{"net.drops-queues", "do the processors' queues?", drops_queues},
	{"net.drops-sockets", "do UDP sockets overflow?", drops_sockets},
	{0},
};
