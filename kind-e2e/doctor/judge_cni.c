/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that get between a pod and a cache on its node, and policies that starve. */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/judge.h"

static bool cached(const struct patient *p)
{
	return p->cache.kind != CACHE_NONE;
}

static void calico(const struct patient *p, struct verdict *v)
{
	const struct api_facts *a = &p->f->api;

	if (lacks(v, a->sets_why))
		return;
	if (!a->calico_bpf)
		return say(v, STATUS_OK, "%s",
			   a->calico_known ? "Calico, not in eBPF mode"
					   : "not Calico in eBPF mode");
	if (!cached(p))
		return say(v, STATUS_OK,
			   "Calico in eBPF mode, and no cache on the node that it could pass by");
	if (a->nat_exclude)
		return say(v, STATUS_OK,
			   "Calico in eBPF mode leaves kube-dns to the node's rules "
			   "(natExcludeService)");
	say(v, STATUS_FAIL,
	    "Calico's eBPF translates kube-dns' address before the node's rules see it: the cache "
	    "is passed by");
	remedy(v,
	       "kubectl -n kube-system annotate service %s "
	       "projectcalico.org/natExcludeService=true",
	       a->service[0] ? a->service : "kube-dns");
}

static void cilium(const struct patient *p, struct verdict *v)
{
	const struct api_facts *a = &p->f->api;

	if (lacks(v, a->sets_why))
		return;
	if (!a->cilium_replaces)
		return say(v, STATUS_OK, "%s",
			   a->cilium_known ? "Cilium, beside kube-proxy"
					   : "not Cilium in place of kube-proxy");
	if (!cached(p) || (p->f->server.family && p->f->server.b[0] == 169))
		return say(v, STATUS_OK, "Cilium in place of kube-proxy, and pods %s",
			   cached(p) ? "ask the cache by its own address"
				     : "have no cache on the node");
	if (a->cilium_redirect)
		return say(v, STATUS_OK, "a CiliumLocalRedirectPolicy leads to the cache");
	say(v, STATUS_FAIL,
	    "Cilium in place of kube-proxy looks at no NOTRACK rule: without a "
	    "CiliumLocalRedirectPolicy the cache is passed by");
	remedy(v, "kubectl apply -k resolver/deploy/pod-mode, which has the policy");
}

static void starving(const struct patient *p, struct verdict *v)
{
	const struct api_facts *a = &p->f->api;

	if (lacks(v, a->policies_why))
		return;
	if (!a->n_starving)
		return say(v, STATUS_OK,
			   "%u NetworkPolicies, none that restricts egress forgets DNS",
			   a->n_policies);
	say(v, STATUS_WARN, "NetworkPolicy %s%s restricts egress and lets no port 53 out%s",
	    a->starving[0], a->n_starving > 1 ? " (and others)" : "",
	    cached(p) ? ", neither to kube-dns nor to the cache" : "");
	remedy(v, "add to spec.egress: - ports: [{port: 53, protocol: UDP}, {port: 53, protocol: "
		  "TCP}]");
}

/* Its replies are untracked, so they are neither new nor established. */
static void stateful(const struct patient *p, struct verdict *v)
{
	const struct rules_facts *r = &p->f->rules;

	if (p->f->at != AT_NODE)
		return say(v, STATUS_SKIP, "the node's rules can only be seen on the node");
	if (r->iptables_why[0] && r->nft_why[0] && lacks(v, r->iptables_why))
		return;
	if (!r->stateful_drop)
		return say(v, STATUS_OK,
			   "no rule drops what is not established on its way to pods");
	if (!r->n_notrack)
		return say(v, STATUS_NOTE,
			   "a rule drops what is not established on its way to pods; with no "
			   "untracked DNS it does no harm");
	say(v, STATUS_WARN,
	    "a rule drops what is not established on its way to pods, and a cache's replies are "
	    "untracked: such pods get none");
	remedy(v, "the policy's own chain must accept 'saddr CACHE udp sport 53' (and tcp) before "
		  "its drop: an "
		  "accept elsewhere does not help; or a cache that is tracked, at its link-local "
		  "address only: "
		  "node-cache -localip=169.254.20.10 -setupiptables=false, with that address as "
		  "kubelet's "
		  "clusterDNS (kubernetes#98758, calico#3795)");
}

const struct probe probes_cni[] = {
	{"cni.calico", "does Calico's eBPF pass a cache by?", calico},
	{"cni.cilium", "does Cilium?", cilium},
	{"cni.policies", "is there a NetworkPolicy that starves pods of DNS?", starving},
	{"cni.stateful", "does a policy drop untracked replies?", stateful},
	{0},
};
