/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.conf: what libc makes of it, and what it costs. */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/judge.h"

#define FIX_POD "spec.dnsConfig of the pod, or kubelet's clusterDNS and resolvConf"

static bool unread(const struct patient *p, struct verdict *v)
{
	if (p->f->at == AT_AWAY) {
		say(v, STATUS_SKIP,
		    "the file of a machine away from the cluster says nothing of it");
		return true;
	}
	return lacks(v, p->f->resolv.why);
}

static void syntax(const struct patient *p, struct verdict *v)
{
	const struct resolv_facts *r = &p->f->resolv;

	if (unread(p, v))
		return;
	if (r->n_cr) {
		say(v, STATUS_FAIL,
		    "%u lines end in a carriage return: glibc takes it for a part of the last word, so a nameserver is no address "
		    "(127.0.0.1 is asked), and the last domain and option are others",
		    r->n_cr);
		return remedy(v, "sed -i 's/\\r$//' on the file that it was made from: on a node whoever writes /etc/resolv.conf, for pods "
				 "the file kubelet's resolvConf names");
	}
	if (!r->n_odd)
		return say(v, STATUS_OK, "every line is understood");
	say(v, STATUS_WARN, "%s%s; libc passes over it in silence", r->odd[0],
	    r->n_odd > 1 ? " and others" : "");
	remedy(v,
	       "correct the line: in a pod " FIX_POD "; on a node whoever writes /etc/resolv.conf");
}

static void nameservers(const struct patient *p, struct verdict *v)
{
	const struct resolv_facts *r = &p->f->resolv;
	char text[ADDR_TEXT];

	if (p->f->at == AT_POD && r->why[0]) {
		say(v, STATUS_FAIL, "%s: without the file libc asks 127.0.0.1", r->why);
		return remedy(v, "kubelet writes the file into every container: see what is mounted over it, and who took it away in "
				 "the image's start");
	}
	if (unread(p, v))
		return;
	if (!r->n_servers) {
		say(v, STATUS_FAIL, "there is no nameserver, so libc asks 127.0.0.1");
		return remedy(v, "set it: in a pod " FIX_POD
				 "; on a node nameserver ADDRESS in /etc/resolv.conf");
	}
	addr_str(&r->server[0], text);
	if (r->n_servers > 3) {
		say(v, STATUS_FAIL,
		    "%u nameservers: libc uses the first 3, kubelet refuses to pass on more",
		    r->n_servers);
		return remedy(v,
			      "keep three nameserver lines in the file kubelet's resolvConf names");
	}
	say(v, STATUS_OK, "%u nameserver%s, the first is %s", r->n_servers,
	    r->n_servers > 1 ? "s" : "", text);
}

/* A pod's own loopback has nobody; on a node kubelet hands it to pods with dnsPolicy Default. */
static void loopback(const struct patient *p, struct verdict *v)
{
	const struct resolv_facts *r = &p->f->resolv;
	char text[ADDR_TEXT];

	if (unread(p, v))
		return;
	for (unsigned i = 0; i < r->n_servers; i++) {
		if (r->server[i].family != AF_INET || r->server[i].b[0] != 127)
			continue;
		addr_str(&r->server[i], text);
		if (p->f->at == AT_NODE && r->kubelet_file[0] &&
		    strcmp(r->kubelet_file, "/etc/resolv.conf") != 0)
			return say(v, STATUS_OK,
				   "%s is this node's own stub; kubelet hands %.200s to pods", text,
				   r->kubelet_file);
		say(v, STATUS_FAIL,
		    "%s is a stub on this machine's loopback: a pod that gets this file has nobody "
		    "there, and "
		    "a CoreDNS that forwards to it asks itself",
		    text);
		return remedy(v, "kubelet --resolv-conf=/run/systemd/resolve/resolv.conf "
				 "(resolvConf in its configuration), "
				 "then start kube-dns' pods anew: kubectl -n kube-system rollout "
				 "restart deployment/coredns");
	}
	say(v, STATUS_OK, "no nameserver is on the loopback");
}

static bool same_sort(const struct patient *p, const struct addr *a)
{
	const struct api_facts *api = &p->f->api;

	for (unsigned i = 0; i < api->n_vips; i++)
		if (addr_eq(&api->vip[i], a))
			return true;
	return addr_eq(a, &p->f->server) ||
	       (a->family == AF_INET && a->b[0] == 169 && a->b[1] == 254) ||
	       (p->f->rules.vip[0].family && addr_eq(&p->f->rules.vip[0], a));
}

/* The second is asked when the first is late, and what it does not know is then "no such name". */
static void mixed(const struct patient *p, struct verdict *v)
{
	const struct resolv_facts *r = &p->f->resolv;
	char text[ADDR_TEXT];

	if (unread(p, v))
		return;
	if (p->f->at != AT_POD)
		return say(v, STATUS_SKIP,
			   "only a pod's file mixes the cluster's DNS with others, and this is not "
			   "one");
	for (unsigned i = 1; i < r->n_servers; i++) {
		if (same_sort(p, &r->server[i]))
			continue;
		addr_str(&r->server[i], text);
		say(v, STATUS_WARN,
		    "%s is not the cluster's DNS: whatever is asked there while the first is late, "
		    "Services do not "
		    "exist",
		    text);
		return remedy(v,
			      "take %s out of spec.dnsConfig.nameservers; outside names are the "
			      "business of the cluster's DNS",
			      text);
	}
	say(v, STATUS_OK, "all nameservers are the cluster's");
}

static void search(const struct patient *p, struct verdict *v)
{
	const struct resolv_facts *r = &p->f->resolv;

	if (unread(p, v))
		return;
	if (r->n_search > 32 || r->cut || r->search_chars > 2048) {
		say(v, STATUS_FAIL,
		    "%u search domains, %u characters: Kubernetes allows 32 and 2048",
		    r->n_search + r->cut, r->search_chars);
		return remedy(v, "shorten spec.dnsConfig.searches, or the node's search list that "
				 "kubelet appends");
	}
	if (r->n_search > 6 || r->search_chars > 256) {
		say(v, STATUS_WARN,
		    "%u search domains, %u characters: glibc before 2.26 and musl stop at 6 and "
		    "256",
		    r->n_search, r->search_chars);
		return remedy(v, "shorten spec.dnsConfig.searches, or the node's search list that "
				 "kubelet appends");
	}
	if (r->n_search_lines > 1) {
		say(v, STATUS_WARN,
		    "search or domain stands there %u times: only the last line counts",
		    r->n_search_lines);
		return remedy(v, "make them one line: in a pod " FIX_POD);
	}
	say(v, STATUS_OK, "%u search domains, %u characters", r->n_search, r->search_chars);
}

static void ndots(const struct patient *p, struct verdict *v)
{
	const struct resolv_facts *r = &p->f->resolv;

	if (unread(p, v))
		return;
	if (p->f->at == AT_POD && r->n_search && !r->ndots_said) {
		say(v, STATUS_FAIL,
		    "options ndots is missing, so it is 1: a name with a dot, such as web.prod, is "
		    "asked as it is "
		    "first, and outside the cluster");
		return remedy(v, "spec.dnsConfig.options: [{name: ndots, value: \"5\"}], or "
				 "dnsPolicy ClusterFirst");
	}
	if (r->ndots > 15) {
		say(v, STATUS_WARN, "ndots:%u: libc takes 15 at most", r->ndots);
		return remedy(v, "spec.dnsConfig.options: [{name: ndots, value: \"5\"}]");
	}
	say(v, STATUS_OK, "ndots:%u%s", r->ndots, r->ndots_said ? "" : " (not said)");
}

static void options(const struct patient *p, struct verdict *v)
{
	const struct resolv_facts *r = &p->f->resolv;
	unsigned worst = r->timeout_s * r->attempts * (r->n_servers ? r->n_servers : 1);

	if (unread(p, v))
		return;
	if (!r->timeout_s || !r->attempts) {
		say(v, STATUS_FAIL,
		    "timeout:%u attempts:%u: libc takes 0 for 1, others for no try at all",
		    r->timeout_s, r->attempts);
		return remedy(v, "spec.dnsConfig.options: [{name: timeout, value: \"2\"}, {name: "
				 "attempts, value: \"3\"}]");
	}
	if (r->rotate && r->n_servers > 1) {
		say(v, STATUS_WARN,
		    "rotate: each process asks another nameserver first, so a part of the "
		    "questions passes the "
		    "nearest by");
		return remedy(v, "take rotate out of spec.dnsConfig.options");
	}
	say(v, STATUS_OK, "timeout:%u attempts:%u, so a lookup gives up after %u s%s%s%s",
	    r->timeout_s, r->attempts, worst, r->use_vc ? ", all over TCP (use-vc)" : "",
	    r->single_request ? ", A before AAAA (single-request)" : "",
	    r->no_aaaa ? ", no AAAA (no-aaaa)" : "");
}

static unsigned dots(const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; name[i] && name[i + 1]; i++)
		n += name[i] == '.';
	return n;
}

/* What one lookup of an outside name costs here, with the search list it goes through first. */
static void cost(const struct patient *p, struct verdict *v)
{
	const struct facts *f = p->f;
	const struct resolv_facts *r = &f->resolv;
	unsigned first = dots(f->outside) < r->ndots ? r->n_search : 0,
		 families = r->no_aaaa ? 1 : 2, asked = 0;
	const struct asked *end = asked_find(f, "name.outside");
	uint64_t us = end ? end->took_us : 0;
	char measured[64] = "";

	if (unread(p, v))
		return;
	if (f->at == AT_NODE && !r->n_search)
		return say(v, STATUS_SKIP,
			   "this is the node's own file: a pod's says what its lookups cost");
	if (!f->outside[0])
		return say(v, STATUS_SKIP, "no outside name is asked (--outside)");
	for (unsigned i = 0; i < f->dns.n; i++)
		if (!strncmp(f->dns.q[i].key, "cost.", 5)) {
			us += f->dns.q[i].took_us;
			asked++;
		}
	if (end && asked == first)
		snprintf(measured, sizeof measured,
			 "; the %u of A one after the other took %.1f ms", first + 1,
			 (double)us / 1000);
	say(v, first ? STATUS_NOTE : STATUS_OK,
	    "looking up %s is %u questions (%u of the search list, then the name, x %s)%s%s",
	    f->outside, (first + 1) * families, first, families == 2 ? "A and AAAA" : "A",
	    first ? "; with a final dot it is 2" : "", measured);
}

const struct probe probes_resolv[] = {
	{"resolv.syntax", "is every line of resolv.conf understood?", syntax},
	{"resolv.nameservers", "is there a nameserver, and are there at most three?", nameservers},
	{"resolv.loopback", "does a nameserver lead to the loopback, where a pod has nobody?",
	 loopback},
	{"resolv.mixed", "is the cluster's DNS mixed with others that do not know Services?",
	 mixed},
	{"resolv.search", "do all libraries take the search list?", search},
	{"resolv.ndots", "is ndots there, and in range?", ndots},
	{"resolv.options", "do timeout, attempts and rotate make sense?", options},
	{"resolv.cost", "how many questions is one lookup of an outside name?", cost},
	{0},
};
