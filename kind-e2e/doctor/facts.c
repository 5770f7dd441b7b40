/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers share; and where we are, which follows from all of them. */
#include "kind-e2e/doctor/facts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

const char *facts_text(const struct texts *s, const char *name, char why[WHY_MAX])
{
	const char *reason, *body = texts_get(s, name, &reason);

	if (!body)
		snprintf(why, WHY_MAX, "%s: %.150s", name, reason);
	return body;
}

bool facts_line(const char **at, char *buf, size_t size)
{
	size_t len, n;

	if (!*at || !**at)
		return false;
	len = strcspn(*at, "\n");
	n = len < size ? len : size - 1;
	memcpy(buf, *at, n);
	buf[n] = '\0';
	*at += len + ((*at)[len] == '\n');
	return true;
}

bool facts_addr(const char *text, struct addr *ret)
{
	char buf[ADDR_TEXT];
	size_t len = strcspn(text, "/");
	struct addr a = {0};

	if (len >= sizeof buf)
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	a.family = strchr(buf, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(a.family, buf, a.b) != 1)
		return false;
	*ret = a;
	return true;
}

bool facts_is_local(const struct host_facts *h, const struct addr *a, const char **ret_link)
{
	for (unsigned i = 0; i < h->n_addrs; i++)
		if (addr_eq(&h->addr[i].addr, a)) {
			if (ret_link)
				*ret_link = h->addr[i].link;
			return true;
		}
	return false;
}

/* --- where ------------------------------------------------------------------------------ */

static bool is_vip(const struct facts *f, const struct addr *a)
{
	for (unsigned i = 0; i < f->api.n_vips; i++)
		if (addr_eq(&f->api.vip[i], a))
			return true;
	return (f->rules.vip[0].family && addr_eq(&f->rules.vip[0], a)) ||
	       (f->rules.vip[1].family && addr_eq(&f->rules.vip[1], a));
}

static bool cluster_search(const struct resolv_facts *r)
{
	for (unsigned i = 0; i < r->n_search; i++)
		if (!strncmp(r->search[i], "svc.", 4))
			return true;
	return false;
}

static void guess_at(struct facts *f)
{
	const struct rules_facts *r = &f->rules;
	char text[ADDR_TEXT];

	if (f->host.has_kubelet || r->kube_iptables || r->kube_nft || r->kube_ipvs) {
		f->at = AT_NODE;
		snprintf(f->at_why, sizeof f->at_why, "%s",
			 f->host.has_kubelet ? "kubelet's folder is here"
					     : "kube-proxy's rules are here");
	} else if (cluster_search(&f->resolv)) {
		f->at = AT_POD;
		snprintf(f->at_why, sizeof f->at_why,
			 "resolv.conf has a search list of the cluster");
	} else if (f->resolv.n_servers && is_vip(f, &f->resolv.server[0])) {
		f->at = AT_POD;
		snprintf(f->at_why, sizeof f->at_why, "resolv.conf asks %s, the cluster's DNS",
			 addr_str(&f->resolv.server[0], text));
	} else {
		f->at = AT_AWAY;
		snprintf(f->at_why, sizeof f->at_why,
			 "there is neither kubelet nor a search list of a cluster");
	}
}

static void find_server(struct facts *f)
{
	if (f->server.family) {
		snprintf(f->server_why, sizeof f->server_why, "as --server says");
	} else if (f->resolv.n_servers && (f->at == AT_POD || cluster_search(&f->resolv))) {
		f->server = f->resolv.server[0];
		snprintf(f->server_why, sizeof f->server_why,
			 "the first nameserver of resolv.conf");
	} else if (f->at == AT_AWAY) {
		snprintf(f->server_why, sizeof f->server_why,
			 "this machine is no part of a cluster: %.200s", f->at_why);
	} else if (f->api.n_vips) {
		f->server = f->api.vip[0];
		snprintf(f->server_why, sizeof f->server_why, "the Service %.200s, by the API",
			 f->api.service);
	} else if (f->rules.vip[0].family || f->rules.vip[1].family) {
		f->server = f->rules.vip[!f->rules.vip[0].family];
		snprintf(f->server_why, sizeof f->server_why,
			 "the Service kube-dns, by kube-proxy's rules");
	} else {
		snprintf(f->server_why, sizeof f->server_why,
			 "neither the API nor kube-proxy's rules name the "
			 "cluster's DNS; give --server");
	}
}

void facts_place(struct facts *f)
{
	if (!f->at_given)
		guess_at(f);
	else
		snprintf(f->at_why, sizeof f->at_why, "as --at says");
	find_server(f);
	for (unsigned i = 0; i < f->resolv.n_search && !f->domain[0]; i++)
		if (!strncmp(f->resolv.search[i], "svc.", 4))
			snprintf(f->domain, sizeof f->domain, "%s", f->resolv.search[i] + 4);
	if (!f->domain[0])
		snprintf(f->domain, sizeof f->domain, "cluster.local");
}
