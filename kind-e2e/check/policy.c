/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that are not as the others: large frames, forbidden DNS, a policy that wants state. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kind-e2e/check/families.h"
#include "kind-e2e/lab/netns.h"

#define JUMBO 9001 /* EKS's */

static bool set_mtu(struct checker *k, unsigned mtu)
{
	char ns[32], link[16], text[64];
	struct diag d = {""};

	topo_pod_ns(ns, 0);
	topo_pod_link(link, 0);
	snprintf(text, sizeof text, "link set %s mtu %u\n", link, mtu);
	if (!check_did(k, topo_ip(NETNS_NODE, text, &d), &d))
		return false;
	snprintf(text, sizeof text, "link set eth0 mtu %u\n", mtu);
	return check_did(k, topo_ip(ns, text, &d), &d);
}

/* A pod that announces large datagrams gets an answer whole or marked as cut, never a part;
 * and over TCP, whose segments are large too, all of it. */
static void jumbo(struct checker *k)
{
	static struct answer a;
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	char ns[32], name[NAME_MAX_TEXT];
	size_t len = 0;

	topo_pod_ns(ns, 0);
	fixture_name(k->c->lab->s, "big", name);
	for (unsigned w = 0; w < n && set_mtu(k, JUMBO); w++) {
		struct question q = check_question(k, &way[w], ns, name, DNS_TXT);
		struct diag d = {""};

		q.udp_size = 8192;
		if (!check_did(k, ask(&q, &a, &d), &d))
			break;
		check_that(k, !a.error && !zone_check(k->c->lab->zone, a.msg, a.len), "%s: %s",
			   way_str(&way[w]), a.error ? strerror(a.error) : "not the zone's answer");
		check_that(k, !way[w].tcp || (!a.truncated && a.n_answers > 20), "%s: not whole",
			   way_str(&way[w]));
		len = a.len;
	}
	set_mtu(k, 1500);
	check_found(k, "%zu octets over TCP", len);
}

/* --- forbidden ------------------------------------------------------------------------- */

/* As network policy engines have it: what comes from the pod's link is judged first, wherever
 * it goes. Where kube-proxy speaks iptables, so does the engine, at the head of the chains. */
static const char forbid_nft[] =
	"table inet e2e-policy {\n"
	" chain forwarded { type filter hook forward priority -10; iifname \"vpod1\" th dport 53 "
	"meta l4proto { tcp, udp } drop; }\n"
	" chain in { type filter hook input priority -10; iifname \"vpod1\" th dport 53 "
	"meta l4proto { tcp, udp } drop; }\n"
	"}\n";

static bool forbid_iptables(struct checker *k, bool add)
{
	static const char *const tools[TOPO_FAMILIES] = {"iptables", "ip6tables"};
	static const char *const chains[] = {"FORWARD", "INPUT"}, *const protos[] = {"udp", "tcp"};
	struct diag d = {""};

	for (int i = 0; i < 8; i++) {
		const char *const argv[] = {tools[i / 4],   add ? "-I" : "-D", chains[i / 2 % 2],
					    "-i",	    "vpod1",	       "-p",
					    protos[i % 2],  "--dport",	       "53",
					    "-j",	    "DROP",	       NULL};

		if (k->c->topo.has[i / 4] &&
		    !check_did(k, topo_tool(NETNS_NODE, argv, NULL, NULL, &d), &d))
			return false;
	}
	return true;
}

static bool forbid(struct checker *k, bool add)
{
	struct diag d = {""};

	if (k->c->spec.proxy == SCEN_IPTABLES)
		return forbid_iptables(k, add);
	return check_did(k,
			 topo_nft(NETNS_NODE, add ? forbid_nft : "delete table inet e2e-policy\n",
				  &d),
			 &d);
}

static void silent_pod(struct checker *k)
{
	static struct answer a;
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	char ns[32], name[NAME_MAX_TEXT];
	struct diag d = {""};

	topo_pod_ns(ns, 0);
	fixture_name(k->c->lab->s, "single", name);
	for (unsigned w = 0; w < n; w++) {
		struct question q = check_question(k, &way[w], ns, name, DNS_A);

		q.timeout_ns = 200 * NS_PER_MS;
		if (check_did(k, ask(&q, &a, &d), &d))
			check_that(k, a.error == ETIMEDOUT, "%s: the forbidden pod got %s",
				   way_str(&way[w]),
				   a.error ? strerror(a.error) : "an answer");
	}
	topo_pod_ns(ns, 1);
	for (unsigned w = 0; w < n && k->c->topo.n_pods > 1; w++)
		check_ask(k, &way[w], ns, "single", DNS_A, &a);
}

static void egress(struct checker *k)
{
	if (forbid(k, true))
		silent_pod(k);
	forbid(k, false);
	check_found(k, "nothing for that pod, answers for the others");
}

/* --- stateful ---------------------------------------------------------------------------- */

static const char stateful_nft[] =
	"table inet e2e-stateful {\n"
	" chain forwarded { type filter hook forward priority 5; oifname \"vpod1\" "
	"meta l4proto { tcp, udp } ct state != { established, related } drop; }\n"
	" chain out { type filter hook output priority 5; oifname \"vpod1\" "
	"meta l4proto { tcp, udp } ct state != { established, related } drop; }\n"
	"}\n";

static void stateful(struct checker *k)
{
	static struct answer a;
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	struct diag d = {""};
	char ns[32];

	topo_pod_ns(ns, 0);
	if (!check_did(k, topo_nft(NETNS_NODE, stateful_nft, &d), &d))
		return;
	for (unsigned w = 0; w < n && !k->failed; w++)
		check_ask(k, &way[w], ns, "single", DNS_A, &a);
	check_did(k, topo_nft(NETNS_NODE, "delete table inet e2e-stateful\n", &d), &d);
	check_found(k, "answers pass");
}

static const struct check checks[] = {
	{"policy.jumbo", "a pod with an MTU of 9001 gets large answers", 0, jumbo, NULL},
	{"policy.egress", "a pod that may not ask is not answered, the others are", 0, egress, NULL},
	{"policy.stateful",
	 "a pod whose policy lets only tracked replies in is answered", 0, stateful,
	 "replies of a cache that skips connection tracking are no replies to such a policy "
	 "(kubernetes#98758, calico#3795): its own chain must allow DNS from the cache's addresses, or the cache "
	 "serves its link-local address alone, tracked (docs/operations.md, NetworkPolicy)"},
	{0},
};

const struct family family_policy = {"policy", "pods that are not as the others", checks};
