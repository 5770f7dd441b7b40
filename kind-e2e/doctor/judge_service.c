/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's DNS as the API has it: Service, endpoints, where they run, how often they fell
 * over. */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/judge.h"

static bool answers(const struct patient *p)
{
	const struct asked *a = asked_find(p->f, "name.fqdn");

	return a && a->answered;
}

static void exists(const struct patient *p, struct verdict *v)
{
	const struct api_facts *a = &p->f->api;
	char text[ADDR_TEXT];

	if (lacks(v, a->service_why))
		return;
	if (!a->service[0]) {
		say(v, p->cache.in_path || answers(p) ? STATUS_NOTE : STATUS_FAIL,
		    "kube-system has no Service kube-dns%s",
		    p->cache.in_path ? "; the node's own cache answers (as EKS Auto Mode has it)"
				     : "");
		return remedy(v, "kubectl -n kube-system get service -l k8s-app=kube-dns; without "
				 "one, kubeadm init phase addon coredns");
	}
	if (!a->n_vips || !a->udp53 || !a->tcp53) {
		say(v, STATUS_FAIL, "the Service %s %s", a->service,
		    !a->n_vips	? "has no address"
		    : !a->udp53 ? "has no port 53 over UDP"
				: "has no port 53 over TCP: long answers are lost");
		return remedy(v,
			      "kubectl -n kube-system edit service %s: ports dns (53/UDP) and "
			      "dns-tcp (53/TCP)",
			      a->service);
	}
	say(v, STATUS_OK, "the Service %s is %s, UDP and TCP", a->service,
	    addr_str(&a->vip[0], text));
}

static void endpoints(const struct patient *p, struct verdict *v)
{
	const struct api_facts *a = &p->f->api;

	if (lacks(v, a->slices_why))
		return;
	if (!a->service[0] && !a->n_endpoints)
		return say(v, STATUS_SKIP, "there is no such Service: see service.exists");
	if (!a->n_ready) {
		say(v, STATUS_FAIL, "none of %u endpoints is ready: nothing is resolved",
		    a->n_endpoints);
		return remedy(v, "kubectl -n kube-system get pods -l k8s-app=kube-dns; kubectl -n "
				 "kube-system logs -l k8s-app=kube-dns");
	}
	if (a->n_ready < a->n_endpoints) {
		say(v, STATUS_WARN, "%u of %u endpoints are ready", a->n_ready, a->n_endpoints);
		return remedy(v, "kubectl -n kube-system describe pods -l k8s-app=kube-dns");
	}
	if (a->n_ready == 1) {
		say(v, STATUS_WARN, "one endpoint: its node's end is the end of DNS");
		return remedy(v, "kubectl -n kube-system scale deployment/coredns --replicas=2");
	}
	say(v, STATUS_OK, "%u endpoints, all ready", a->n_ready);
}

static void spread(const struct patient *p, struct verdict *v)
{
	const struct api_facts *a = &p->f->api;
	unsigned others = 0;

	if (lacks(v, a->slices_why))
		return;
	if (a->n_ready < 2)
		return say(v, STATUS_SKIP, "fewer than two endpoints are ready");
	if (a->n_nodes == 1 && !a->nodes_why[0])
		return say(v, STATUS_NOTE, "the cluster has one node");
	for (unsigned i = 1; i < a->n_endpoints; i++)
		others += strcmp(a->endpoint[i].node, a->endpoint[0].node) != 0;
	if (others)
		return say(v, STATUS_OK, "endpoints are on more than one node");
	say(v, STATUS_WARN, "all %u endpoints are on node %s", a->n_endpoints, a->endpoint[0].node);
	remedy(v, "kubectl -n kube-system rollout restart deployment/coredns, with podAntiAffinity "
		  "or topologySpreadConstraints "
		  "over kubernetes.io/hostname");
}

static void restarts(const struct patient *p, struct verdict *v)
{
	const struct api_facts *a = &p->f->api;

	if (lacks(v, a->pods_why))
		return;
	if (!a->n_pods)
		return say(v, STATUS_SKIP, "no pod has the label k8s-app=kube-dns");
	if (a->restarts < 3)
		return say(v, STATUS_OK, "%u pods, %u restarts", a->n_pods, a->restarts);
	say(v, STATUS_WARN, "%u of %u pods have been restarted, %u times together",
	    a->pods_restarted, a->n_pods, a->restarts);
	remedy(v, "kubectl -n kube-system logs -p -l k8s-app=kube-dns; a memory limit that is too "
		  "low shows as OOMKilled in "
		  "kubectl -n kube-system describe pods -l k8s-app=kube-dns");
}

const struct probe probes_service[] = {
	{"service.exists", "has the Service kube-dns an address, and port 53 of both protocols?",
	 exists},
	{"service.endpoints", "how many endpoints are ready?", endpoints},
	{"service.spread", "are they on more than one node?", spread},
	{"service.restarts", "do their pods stay alive?", restarts},
	{0},
};
