/* SPDX-License-Identifier: Apache-2.0 */
/* kproxy's rule sets loaded step by step, and on a later sync what of them is not there yet. */
#include "kind-e2e/lab/kubeproxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/lab/netns.h"
#include "kind-e2e/proxy/kproxy.h"

static int make_rules(struct kproxy_rules *ret, const struct topo *t, enum scen_proxy mode,
		      enum topo_family f, unsigned live, struct diag *d)
{
	const struct topo_side *side = &t->side[f];
	const struct kproxy_service services[] = {
		{"kube-system/kube-dns", addr_mapped(&side->vip), kproxy_dns_ports, 3},
		{"kube-system/kube-dns-upstream", addr_mapped(&side->upstream), kproxy_dns_ports,
		 2},
	};
	struct in6_addr endpoints[TOPO_BACKENDS_MAX];
	char node[ADDR_TEXT];
	struct kproxy_conf conf = {.family = f == TOPO_V6 ? AF_INET6 : AF_INET,
				   .version = KPROXY_1_37,
				   .services = services,
				   .n_services = 2,
				   .endpoints = endpoints,
				   .pod_cidr = side->pod_cidr,
				   .service_cidr = side->service_cidr,
				   .node_ip = addr_str(&side->node, node),
				   .has_link = f == TOPO_V6 && t->has[TOPO_V4]};
	int code;

	for (unsigned i = 0; i < t->n_backends; i++)
		if (live & 1u << i)
			endpoints[conf.n_endpoints++] = addr_mapped(&side->backend[i]);
	code = mode == SCEN_IPTABLES   ? kproxy_iptables(ret, &conf)
	       : mode == SCEN_NFTABLES ? kproxy_nftables(ret, &conf)
				       : kproxy_ipvs(ret, &conf);
	return code ? diag_set(d, code, "rules: no memory") : 0;
}

static bool for_tool(const struct kproxy_step *s, const char *tool)
{
	return strstr(s->argv[0], tool) != NULL;
}

int kubeproxy_start(const struct topo *t, enum scen_proxy mode, unsigned live, struct diag *d)
{
	int code = 0;

	for (int f = 0; f < TOPO_FAMILIES && !code; f++) {
		struct kproxy_rules r;

		if (!t->has[f])
			continue;
		code = make_rules(&r, t, mode, (enum topo_family)f, live, d);
		if (code)
			return code;
		for (unsigned i = 0; !code && i < r.n; i++)
			code = topo_tool(NETNS_NODE, r.step[i].argv, r.step[i].input, NULL, d);
		kproxy_free(&r);
	}
	return code;
}

/* --- again -------------------------------------------------------------------------- */

/* What iptables-restore would insert a second time is left out; chains of endpoints that are
 * gone stay empty, as between two of kube-proxy's syncs. */
static void leave_jumps(char *rules)
{
	char *to = rules;

	for (char *at = rules, *end; *at; at = end) {
		end = strchr(at, '\n');
		end = end ? end + 1 : at + strlen(at);
		if (strncmp(at, "-I ", 3) != 0) {
			memmove(to, at, (size_t)(end - at));
			to += end - at;
		}
	}
	*to = '\0';
}

/* One transaction in which chains, sets and maps stay and what is in them is written anew, as
 * kube-proxy does it. A table deleted and made again would have two chains at a hook for a moment:
 * a packet that is past the new one when the transaction takes effect, and not yet at the old one,
 * meets neither's rules, and is not translated. */
static int again_nft(const struct kproxy_step *s, enum topo_family f, struct diag *d)
{
	const char *family = f == TOPO_V6 ? "ip6" : "ip";
	char *all = NULL, kind[8], name[KPROXY_NAME_MAX];
	size_t len = 0;
	FILE *out = open_memstream(&all, &len);
	int code;

	if (!out)
		return diag_set(d, ERR_NOMEM, "rules: no memory");
	fprintf(out, "flush table %s kube-proxy\n", family);
	for (const char *at = s->input; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (sscanf(at, "add %7s %*s kube-proxy %255s {", kind, name) == 2 &&
		    (!strcmp(kind, "set") || !strcmp(kind, "map")))
			fprintf(out, "flush %s %s kube-proxy %s\n", kind, family, name);
	}
	fputs(s->input, out);
	if (fclose(out) || !all) {
		free(all);
		return diag_set(d, ERR_NOMEM, "rules: no memory");
	}
	code = topo_nft(NETNS_NODE, all, d);
	free(all);
	return code;
}

/* The lines "-a ..." (a real server) of `from` that `other` has not, begun with `option`. */
static void put_servers(FILE *out, const char *from, const char *other, char option)
{
	for (const char *at = from, *end; *at; at = end) {
		char line[200];
		size_t len = strcspn(at, "\n");
		const char *hit;

		end = at + len + (at[len] == '\n');
		if (strncmp(at, "-a ", 3) != 0 || len >= sizeof line)
			continue;
		snprintf(line, sizeof line, "%.*s\n", (int)len, at);
		hit = strstr(other, line);
		if (hit && (hit == other || hit[-1] == '\n'))
			continue;
		if (option == 'd') /* -m and -w are of no use there */
			line[strcspn(line, "\n")] = '\0';
		if (option == 'd' && strstr(line, " -m"))
			*strstr(line, " -m") = '\0';
		fprintf(out, "-%c%s%s", option, line + 2, option == 'd' ? "\n" : "");
	}
}

/* Real servers come and go; virtual ones stay. */
static int again_ipvs(const char *was, const char *now, struct diag *d)
{
	static const char *const argv[] = {"ipvsadm", "-R", NULL};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int code = 0;

	if (!out)
		return diag_set(d, ERR_NOMEM, "rules: no memory");
	put_servers(out, was, now, 'd');
	put_servers(out, now, was, 'a');
	fclose(out);
	if (len)
		code = topo_tool(NETNS_NODE, argv, text, NULL, d);
	free(text);
	return code;
}

static int again_step(const struct kproxy_rules *was, const struct kproxy_rules *now, unsigned i,
		      enum topo_family f, struct diag *d)
{
	const struct kproxy_step *s = &now->step[i];

	if (!strcmp(s->argv[0], "ip") || !strcmp(s->argv[0], "sysctl"))
		return 0;
	if (!strcmp(s->argv[0], "nft"))
		return again_nft(s, f, d);
	if (!strcmp(s->argv[0], "ipvsadm"))
		return again_ipvs(was->step[i].input, s->input, d);
	if (for_tool(s, "tables-restore"))
		leave_jumps(s->input);
	return topo_tool(NETNS_NODE, s->argv, s->input, NULL, d);
}

int kubeproxy_sync(const struct topo *t, enum scen_proxy mode, unsigned was, unsigned live,
		   struct diag *d)
{
	int code = 0;

	for (int f = 0; f < TOPO_FAMILIES && !code; f++) {
		struct kproxy_rules old, now;

		if (!t->has[f])
			continue;
		code = make_rules(&old, t, mode, (enum topo_family)f, was, d);
		if (code)
			return code;
		code = make_rules(&now, t, mode, (enum topo_family)f, live, d);
		for (unsigned i = 0; !code && i < now.n; i++)
			code = again_step(&old, &now, i, (enum topo_family)f, d);
		kproxy_free(&old);
		if (!code)
			kproxy_free(&now);
	}
	return code;
}
