/* SPDX-License-Identifier: Apache-2.0 */
/* A cache on the node: is there one, do questions reach it, does it do its work? */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/judge.h"

static void path(const struct patient *p, struct verdict *v)
{
	const struct cache_found *c = &p->cache;
	const char *name = cache_kind_name(c->kind);

	if (lacks(v, p->f->dns.why))
		return;
	if (c->in_path)
		return say(v, STATUS_OK, "%s is in the path: %.300s", name,
			   c->n_evidence ? c->evidence[0] : "");
	if (p->silent)
		return say(v, STATUS_SKIP, "the server answers nothing: see dns.server");
	if (c->kind == CACHE_NONE)
		return say(v, STATUS_NOTE,
			   "no cache is in the path: every question goes to the cluster's DNS");
	if (cache_dead_address(p->f))
		return say(v, STATUS_SKIP, "%s does not answer: see cache.alive", name);
	if (c->unsure)
		return say(v, STATUS_SKIP,
			   "%s is installed, but the path can only be seen on the node", name);
	say(v, STATUS_FAIL, "%s is installed (%.200s), but questions for the server pass it by",
	    name, c->n_evidence ? c->evidence[0] : "");
	remedy(v, "its NOTRACK rules are not there: kubectl -n kube-system logs -l "
		  "k8s-app=node-local-dns; without them, or under "
		  "Cilium or IPVS, pods must be told its address (kubelet's clusterDNS), or a "
		  "redirect policy must lead there");
}

#define RESTART                                                                                    \
	"kubectl -n kube-system delete pod -l k8s-app=node-local-dns --field-selector "            \
	"spec.nodeName=THIS_NODE; if it is to be gone, node-cache -cleanup takes its rules and "   \
	"ip link del nodelocaldns its interface away"

/* An address that this node holds is nobody else's: what is sent there is lost when nobody listens.
 */
static void alive(const struct patient *p, struct verdict *v)
{
	const struct facts *f = p->f;
	const struct asked *dead;
	char text[ADDR_TEXT];
	const char *link;
	unsigned n = 0;

	if (lacks(v, f->dns.why))
		return;
	if (p->silent && patient_holds_server(p, &link)) {
		say(v, STATUS_FAIL,
		    "interface %s holds %s, which pods ask, and nobody answers there", link,
		    addr_str(&f->server, text));
		return remedy(v, RESTART);
	}
	dead = cache_dead_address(f);
	if (dead) {
		facts_is_local(&f->host, &dead->server, &link);
		say(v, STATUS_FAIL, "interface %s holds %s, and nobody answers there", link,
		    addr_str(&dead->server, text));
		return remedy(v, RESTART);
	}
	for (unsigned i = 0; i < f->dns.n; i++)
		n += !strncmp(f->dns.q[i].key, "id.", 3) && strstr(f->dns.q[i].key, ".nsid") &&
		     facts_is_local(&f->host, &f->dns.q[i].server, NULL);
	if (!n)
		return say(v, STATUS_SKIP, "no address of a cache is on an interface here");
	say(v, STATUS_OK, "%u of its addresses answer", n);
}

static void setup(const struct patient *p, struct verdict *v)
{
	for (unsigned i = 0; i < p->f->dns.n_metrics; i++) {
		if (!strstr(p->f->dns.metrics[i].page, "setup-errors "))
			continue;
		say(v, STATUS_WARN, "%s: coredns_nodecache_setup_errors_total is above 0",
		    p->f->dns.metrics[i].url);
		return remedy(
			v, "kubectl -n kube-system logs -l k8s-app=node-local-dns | grep -i error");
	}
	if (!p->f->dns.n_metrics)
		return say(v, STATUS_SKIP,
			   "no page of metrics at port 9253 of any address that was tried");
	say(v, STATUS_OK, "no error in setting up interface and rules");
}

const struct probe probes_cache[] = {
	{"cache.path", "is a cache in the path, and whose?", path},
	{"cache.alive", "does it answer at its own address?", alive},
	{"cache.setup", "could it set up interface and rules?", setup},
	{0},
};
