/* SPDX-License-Identifier: Apache-2.0 */
/* kube-proxy: its mode, whether its rules are as the API says, and versions with known faults. */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/judge.h"

static bool unseen(const struct patient *p, struct verdict *v)
{
	const struct rules_facts *r = &p->f->rules;

	if (p->f->at != AT_NODE) {
		say(v, STATUS_SKIP, "kube-proxy's rules can only be seen on the node");
		return true;
	}
	return r->iptables_why[0] && r->nft_why[0] && lacks(v, r->iptables_why);
}

static const char *mode_of(const struct rules_facts *r)
{
	/* IPVS mode has a KUBE-SERVICES of its own */
	return r->kube_ipvs || r->any_ipvs_service ? "ipvs"
	       : r->kube_nft			   ? "nftables"
	       : r->kube_iptables		   ? "iptables"
						   : NULL;
}

static void mode(const struct patient *p, struct verdict *v)
{
	const struct rules_facts *r = &p->f->rules;
	const char *is = mode_of(r), *said = p->f->api.proxy_why[0]    ? NULL
					     : p->f->api.proxy_mode[0] ? p->f->api.proxy_mode
								       : "iptables";

	if (unseen(p, v))
		return;
	if (!is)
		return say(v, STATUS_NOTE,
			   "no rules of kube-proxy: Services are somebody else's (%s)",
			   p->f->api.cilium_replaces || r->cilium ? "Cilium"
			   : r->calico || p->f->api.calico_bpf	  ? "Calico"
								  : "unknown");
	if (r->kube_nft && r->kube_iptables && !r->kube_ipvs && r->vip[0].family) {
		say(v, STATUS_WARN,
		    "rules of kube-proxy in iptables and in nftables: those of an earlier mode are "
		    "left");
		return remedy(v, "on the node: kube-proxy --cleanup, then kubectl -n kube-system "
				 "delete pod -l k8s-app=kube-proxy "
				 "--field-selector spec.nodeName=THIS_NODE");
	}
	if (said && strcmp(said, is) != 0) {
		say(v, STATUS_WARN,
		    "the node has rules of mode %s, the ConfigMap kube-proxy says %s", is, said);
		return remedy(v, "kubectl -n kube-system rollout restart daemonset/kube-proxy");
	}
	say(v, !strcmp(is, "ipvs") ? STATUS_NOTE : STATUS_OK, "%s%s", is,
	    !strcmp(is, "ipvs") ? ": deprecated since 1.35, its code goes with 1.43" : "");
}

static bool among(const struct addr *list, unsigned n, const struct addr *a)
{
	for (unsigned i = 0; i < n; i++)
		if (addr_eq(&list[i], a))
			return true;
	return false;
}

/* Rules lead to exactly the endpoints that are ready, or kube-proxy is late or gone. */
static void endpoints(const struct patient *p, struct verdict *v)
{
	const struct rules_facts *r = &p->f->rules;
	const struct api_facts *a = &p->f->api;
	char text[ADDR_TEXT];
	bool found;

	if (unseen(p, v))
		return;
	if (!mode_of(r) || r->kube_ipvs)
		return say(v, STATUS_SKIP,
			   r->kube_ipvs ? "in IPVS mode endpoints are in no rules"
					: "there are no rules of kube-proxy");
	if (r->rejects_vip) {
		say(v, a->n_ready == 0 && !a->slices_why[0] ? STATUS_SKIP : STATUS_FAIL,
		    "kube-proxy's rules refuse kube-dns: it knows of no endpoint%s",
		    a->n_ready == 0 && !a->slices_why[0]
			    ? ", and there is none: see service.endpoints"
			    : "");
		return remedy(v,
			      "kubectl -n kube-system get endpointslices -l "
			      "kubernetes.io/service-name=kube-dns; kubectl -n kube-system logs -l "
			      "k8s-app=kube-proxy");
	}
	if (lacks(v, a->slices_why))
		return;
	for (unsigned i = 0; i < a->n_endpoints; i++) {
		if (!a->endpoint[i].ready || among(r->target, r->n_targets, &a->endpoint[i].addr) ||
		    (r->n_targets && a->endpoint[i].addr.family != r->target[0].family))
			continue;
		say(v, STATUS_FAIL, "no rule leads to %s, which is ready",
		    addr_str(&a->endpoint[i].addr, text));
		return remedy(v, "kube-proxy is late, or gone: kubectl -n kube-system get pods -l "
				 "k8s-app=kube-proxy -o wide");
	}
	for (unsigned i = 0; i < r->n_targets; i++) {
		found = false;
		for (unsigned k = 0; k < a->n_endpoints; k++)
			found |= addr_eq(&a->endpoint[k].addr, &r->target[i]);
		if (found)
			continue;
		say(v, STATUS_FAIL,
		    "a rule leads to %s, which is no endpoint: that share of the questions is lost",
		    addr_str(&r->target[i], text));
		return remedy(v, "kube-proxy is late, or gone: kubectl -n kube-system get pods -l "
				 "k8s-app=kube-proxy -o wide");
	}
	say(v, STATUS_OK, "rules lead to the %u endpoints that are ready", r->n_targets);
}

/* Releases with a fault that DNS feels; patch releases with a fix are not told apart. */
static const struct bad_range {
	unsigned first, last; /* minor releases, both included */
	const char *mode;     /* as mode_seen() has it, or NULL: in any */
	const char *words, *remedy;
} bad[] = {
	{32, 36, NULL,
	 "UDP Services that lose their last endpoint leave stale entries in the connection table, "
	 "and who keeps its port is lost after a roll-out of CoreDNS",
	 "1.37, or after each roll-out on each node: conntrack -D -p udp --dport 53 "
	 "(kubernetes#139628)"},
	{32, 32, NULL,
	 "each sync reads the whole connection table, which costs gigabytes with millions of "
	 "entries",
	 "1.33 (kubernetes#129982)"},
	{31, 36, "nftables",
	 "its nft ends on sets that nft 1.1.3 or later wrote on the node, and then no rule is "
	 "renewed",
	 "1.37, which asks the kernel itself (kubernetes#136786, #140898)"},
};

static unsigned minor_of(const char *version)
{
	unsigned major = 0, minor = 0;

	return sscanf(version, "v%u.%u", &major, &minor) == 2 && major == 1 ? minor : 0;
}

/* The node's own where it can be seen, else what the ConfigMap asks for. */
static const char *mode_seen(const struct facts *f)
{
	const char *is = mode_of(&f->rules);

	return is ? is : f->api.proxy_mode[0] ? f->api.proxy_mode : "iptables";
}

static bool has_fault(const struct facts *f, const struct bad_range *range, unsigned kubelet)
{
	unsigned minor = minor_of(f->api.kubelet[kubelet].text);

	return minor >= range->first && minor <= range->last &&
	       (!range->mode || !strcmp(range->mode, mode_seen(f)));
}

static void version(const struct patient *p, struct verdict *v)
{
	const struct api_facts *a = &p->f->api;
	char words[sizeof v->words] = "", cures[sizeof v->remedy] = "";

	if (lacks(v, a->nodes_why))
		return;
	if (!a->n_kubelets)
		return say(v, STATUS_SKIP, "no node says its version");
	/* kube-proxy is released with kubelet, and may be at most as new */
	for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
		for (unsigned i = 0; i < a->n_kubelets; i++) {
			size_t at = strlen(words), cured = strlen(cures);

			if (!has_fault(p->f, &bad[k], i))
				continue;
			snprintf(words + at, sizeof words - at, "%s%u of %u nodes have %s: %s",
				 at ? "; " : "", a->kubelet[i].n, a->n_nodes, a->kubelet[i].text,
				 bad[k].words);
			snprintf(cures + cured, sizeof cures - cured, "%s%s", cured ? "; " : "",
				 bad[k].remedy);
			break;
		}
	if (!words[0])
		return say(v, STATUS_OK, "%s%s: no fault that DNS feels is known here",
			   a->kubelet[0].text, a->n_kubelets > 1 ? " and others" : "");
	say(v, STATUS_WARN, "%s", words);
	remedy(v, "%s", cures);
}

const struct probe probes_proxy[] = {
	{"proxy.mode", "in which mode does kube-proxy run, and is it the one that was asked for?",
	 mode},
	{"proxy.endpoints", "do its rules lead to the endpoints there are?", endpoints},
	{"proxy.version", "is it a release with a fault that DNS feels?", version},
	{0},
};
