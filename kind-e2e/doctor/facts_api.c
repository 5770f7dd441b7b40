/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the Kubernetes API to facts: the cluster's DNS, its endpoints and pods, versions,
 * DaemonSets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/doctor/api_json.h"
#include "kind-e2e/doctor/facts.h"

#define LABEL "abcdefghijklmnopqrstuvwxyz0123456789-"

/* --- the Service ------------------------------------------------------------------------- */

static void read_ports(struct api_facts *a, const struct jdoc *ports)
{
	for (size_t i = 0; i < jdoc_count(ports); i++) {
		const struct jdoc *p = jdoc_item(ports, i);
		const char *proto = jdoc_text(jdoc_get(p, "protocol"));
		double port = 0;

		if (!jdoc_number(jdoc_get(p, "port"), &port) || port != 53)
			continue;
		if (proto && !strcmp(proto, "TCP"))
			a->tcp53 = true;
		else
			a->udp53 = true;
	}
}

static void take_service(struct api_facts *a, const struct jdoc *svc)
{
	const struct jdoc *ips = json_at(svc, "spec.clusterIPs");
	const char *one = jdoc_text(json_at(svc, "spec.clusterIP")),
		   *name = jdoc_text(json_at(svc, "metadata.name")), *note;

	snprintf(a->service, sizeof a->service, "%s", name ? name : "");
	for (size_t i = 0; i < jdoc_count(ips) && a->n_vips < 4; i++) {
		const char *ip = jdoc_text(jdoc_item(ips, i));

		a->n_vips += ip && facts_addr(ip, &a->vip[a->n_vips]);
	}
	if (!a->n_vips && one)
		a->n_vips += facts_addr(one, &a->vip[0]);
	read_ports(a, json_at(svc, "spec.ports"));
	note = jdoc_text(jdoc_get(json_at(svc, "metadata.annotations"),
				  "projectcalico.org/natExcludeService"));
	a->nat_exclude = note && !strcmp(note, "true");
}

/* By its name, which almost every distribution keeps; else by the label. */
static void read_service(struct api_facts *a, const struct jdoc *list)
{
	const struct jdoc *items = jdoc_get(list, "items"), *best = NULL;

	for (size_t i = 0; i < jdoc_count(items); i++) {
		const struct jdoc *svc = jdoc_item(items, i);
		const char *name = jdoc_text(json_at(svc, "metadata.name"));
		const char *app = jdoc_text(jdoc_get(json_at(svc, "metadata.labels"), "k8s-app"));

		if (name && !strcmp(name, "kube-dns"))
			best = svc;
		else if (!best && app && !strcmp(app, "kube-dns") && name &&
			 !strstr(name, "upstream"))
			best = svc;
	}
	if (best)
		take_service(a, best);
}

/* --- EndpointSlices ---------------------------------------------------------------------- */

static void take_endpoint(struct api_facts *a, const struct jdoc *e)
{
	const struct jdoc *addresses = jdoc_get(e, "addresses");
	enum jdoc_type ready = jdoc_type(json_at(e, "conditions.ready"));
	const char *node = jdoc_text(jdoc_get(e, "nodeName")),
		   *zone = jdoc_text(jdoc_get(e, "zone"));
	struct endpoint_fact f = {.ready = ready != JDOC_BOOL ||
					   jdoc_true(json_at(e, "conditions.ready"))};

	snprintf(f.node, sizeof f.node, "%s", node ? node : "");
	snprintf(f.zone, sizeof f.zone, "%.63s", zone ? zone : "");
	for (size_t i = 0; i < jdoc_count(addresses); i++) {
		const char *ip = jdoc_text(jdoc_item(addresses, i));

		if (!ip || !facts_addr(ip, &f.addr))
			continue;
		if (a->n_endpoints == ENDPOINTS_MAX) {
			a->cut++;
			continue;
		}
		a->endpoint[a->n_endpoints++] = f;
		a->n_ready += f.ready;
	}
}

static void read_slices(struct api_facts *a, const struct jdoc *list)
{
	const struct jdoc *items = jdoc_get(list, "items");

	for (size_t i = 0; i < jdoc_count(items); i++) {
		const struct jdoc *slice = jdoc_item(items, i),
				  *ends = jdoc_get(slice, "endpoints");
		const char *of = jdoc_text(
			jdoc_get(json_at(slice, "metadata.labels"), "kubernetes.io/service-name"));

		if (!of || strcmp(of, a->service[0] ? a->service : "kube-dns") != 0)
			continue;
		for (size_t k = 0; k < jdoc_count(ends); k++)
			take_endpoint(a, jdoc_item(ends, k));
	}
}

/* --- pods, nodes, sets ------------------------------------------------------------------- */

static void read_pods(struct api_facts *a, const struct jdoc *list)
{
	const struct jdoc *items = jdoc_get(list, "items");

	for (size_t i = 0; i < jdoc_count(items); i++) {
		const struct jdoc *all = json_at(jdoc_item(items, i), "status.containerStatuses");
		double n = 0;

		a->n_pods++;
		for (size_t k = 0; k < jdoc_count(all); k++) {
			if (!jdoc_number(jdoc_get(jdoc_item(all, k), "restartCount"), &n) || n < 1)
				continue;
			a->restarts += (unsigned)n;
			a->pods_restarted++;
		}
	}
}

static void count_version(struct api_facts *a, const char *version)
{
	unsigned i = 0;

	while (i < a->n_kubelets && strcmp(a->kubelet[i].text, version) != 0)
		i++;
	if (i == VERSIONS_MAX) {
		a->cut++;
		return;
	}
	if (i == a->n_kubelets)
		snprintf(a->kubelet[a->n_kubelets++].text, sizeof a->kubelet[0].text, "%.47s",
			 version);
	a->kubelet[i].n++;
}

static void read_nodes(struct api_facts *a, const struct jdoc *list)
{
	const struct jdoc *items = jdoc_get(list, "items");

	for (size_t i = 0; i < jdoc_count(items); i++) {
		const char *v =
			jdoc_text(json_at(jdoc_item(items, i), "status.nodeInfo.kubeletVersion"));

		a->n_nodes++;
		if (v)
			count_version(a, v);
	}
}

static void read_sets(struct api_facts *a, const struct jdoc *list)
{
	const struct jdoc *items = jdoc_get(list, "items");

	for (size_t i = 0; i < jdoc_count(items); i++) {
		const struct jdoc *set = jdoc_item(items, i);
		const struct jdoc *pods = json_at(set, "spec.template.spec.containers");
		const char *name = jdoc_text(json_at(set, "metadata.name"));
		const char *image = jdoc_text(jdoc_get(jdoc_item(pods, 0), "image"));

		if (!name)
			continue;
		if (a->n_sets == NAMES_MAX) {
			a->cut++;
			continue;
		}
		snprintf(a->set[a->n_sets].name, sizeof a->set[0].name, "%.63s", name);
		snprintf(a->set[a->n_sets++].image, sizeof a->set[0].image, "%s",
			 image ? image : "");
	}
}

/* --- the rest ---------------------------------------------------------------------------- */

/* The ConfigMap's value is YAML of one level, where "mode:" stands at its line's beginning. */
static void read_proxy(struct api_facts *a, const struct jdoc *map)
{
	const char *conf = jdoc_text(jdoc_get(jdoc_get(map, "data"), "config.conf"));
	char line[512], mode[24];

	if (!conf)
		conf = jdoc_text(jdoc_get(jdoc_get(map, "data"), "config"));
	while (conf && facts_line(&conf, line, sizeof line))
		if (sscanf(line, "mode: %23[a-z]", mode) == 1 ||
		    sscanf(line, "mode: \"%23[a-z]", mode) == 1)
			snprintf(a->proxy_mode, sizeof a->proxy_mode, "%s", mode);
}

static void read_headless(struct api_facts *a, const struct jdoc *list)
{
	const struct jdoc *items = jdoc_get(list, "items");

	for (size_t i = 0; i < jdoc_count(items) && !a->headless[0]; i++) {
		const struct jdoc *svc = jdoc_item(items, i);
		const char *name = jdoc_text(json_at(svc, "metadata.name"));
		const char *ns = jdoc_text(json_at(svc, "metadata.namespace"));

		/* one without a selector may have no endpoints for good; a name is one of
		 * Kubernetes', not more */
		if (name && ns && !name[strspn(name, LABEL)] && !ns[strspn(ns, LABEL)] &&
		    jdoc_count(json_at(svc, "spec.selector")))
			snprintf(a->headless, sizeof a->headless, "%.100s.%.100s", name, ns);
	}
}

static void read_version(struct api_facts *a, const struct jdoc *v)
{
	const char *text = jdoc_text(jdoc_get(v, "gitVersion"));

	snprintf(a->server_version, sizeof a->server_version, "%.47s", text ? text : "");
}

static void read_calico(struct api_facts *a, const struct jdoc *felix)
{
	a->calico_known = true;
	a->calico_bpf = jdoc_true(json_at(felix, "spec.bpfEnabled"));
}

static void read_cilium(struct api_facts *a, const struct jdoc *map)
{
	const char *v = jdoc_text(jdoc_get(jdoc_get(map, "data"), "kube-proxy-replacement"));

	a->cilium_known = true;
	a->cilium_replaces = v && (!strcmp(v, "true") || !strcmp(v, "strict"));
}

static void read_redirects(struct api_facts *a, const struct jdoc *list)
{
	a->cilium_redirect = jdoc_count(jdoc_get(list, "items")) > 0;
}

/* A text, who reads it, and where the reason goes when it cannot be had. */
struct row {
	const char *name;
	void (*read)(struct api_facts *a, const struct jdoc *doc);
	char *why;
};

static void read_row(struct api_facts *a, const struct row *row, const struct texts *s)
{
	char none[WHY_MAX];
	const char *text = facts_text(s, row->name, row->why ? row->why : none);
	struct diag d = {""};
	struct jdoc *doc;

	if (!text)
		return;
	if (jdoc_parse_last(&doc, text, strlen(text), &d)) {
		if (row->why)
			snprintf(row->why, WHY_MAX, "%s: %.150s", row->name, d.text);
		return;
	}
	if (jdoc_type(doc) == JDOC_MAP)
		row->read(a, doc);
	else if (row->why)
		snprintf(row->why, WHY_MAX, "%s: this is no object of the API", row->name);
	jdoc_free(doc);
}

void facts_api(struct api_facts *a, const struct texts *s)
{
	const struct row rows[] = {
		{"api-version", read_version, a->version_why},
		{"api-services", read_service, a->service_why},
		{"api-slices", read_slices, a->slices_why},
		{"api-pods", read_pods, a->pods_why},
		{"api-nodes", read_nodes, a->nodes_why},
		{"api-daemonsets", read_sets, a->sets_why},
		{"api-kube-proxy", read_proxy, a->proxy_why},
		{"api-policies", policies_read, a->policies_why},
		{"api-headless", read_headless, NULL},
		{"api-calico", read_calico, NULL},
		{"api-cilium", read_cilium, NULL},
		{"api-redirects", read_redirects, NULL},
	};

	memset(a, 0, sizeof *a);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		read_row(a, &rows[i], s);
}
