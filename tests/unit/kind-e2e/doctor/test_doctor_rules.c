/* SPDX-License-Identifier: Apache-2.0 */
/* What iptables-save and nft print, as facts: NOTRACK by address and by set, kube-proxy's chains of
 * every generation. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/rules_dialects.h"

static struct rules_facts r;

static void set_up(void)
{
	memset(&r, 0, sizeof r);
}

TestSuite(doctor_rules, .init = set_up);

static bool has(bool output, bool from, bool tcp, const char *addr)
{
	struct addr a = {0};

	cr_assert(!addr || facts_addr(addr, &a));
	for (unsigned i = 0; i < r.n_notrack; i++) {
		const struct notrack_rule *n = &r.notrack[i];

		if (n->output == output && n->from == from && n->tcp == tcp &&
		    (addr ? addr_eq(&n->addr, &a) : !n->addr.family))
			return true;
	}
	return false;
}

static const char save[] =
	"*raw\n:PREROUTING ACCEPT [0:0]\n"
	"-A PREROUTING -d 10.96.0.10/32 -p udp -m udp --dport 53 -m set ! --match-set "
	"nodelocaldns4 dst -m comment --comment \"NodeLocal DNS "
	"Cache: unless alive\" -j ACCEPT\n"
	"-A PREROUTING -d 10.96.0.10/32 -p udp -m udp --dport 53 -m comment --comment \"NodeLocal "
	"DNS Cache: skip conntrack\" -j NOTRACK\n"
	"-A OUTPUT -s 169.254.20.10/32 -p tcp -m tcp --sport 53 -j CT --notrack\n"
	"-A OUTPUT -s 169.254.20.10/32 -p tcp -m tcp --sport 8080 -j CT --notrack\n"
	"COMMIT\n*filter\n"
	"-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate "
	"RELATED,ESTABLISHED,DNAT -j DROP\n"
	"-A FORWARD -p udp -m multiport --dports 80,53 -j REJECT\n"
	"-A FORWARD -p udp ! --dport 53 -j DROP\nCOMMIT\n*nat\n:KUBE-SERVICES - [0:0]\n"
	"-A KUBE-SEP-AAA -p udp -m udp -j DNAT --to-destination 10.244.0.2:53\n"
	"-A KUBE-SEP-BBB -p udp -m udp -j DNAT --to-destination 10.244.0.3:53\n"
	"-A KUBE-SEP-CCC -p udp -m udp -j DNAT --to-destination 10.244.0.4:53\n"
	"-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m udp --dport 53 -j KUBE-SVC-TCOU7JCQXEZGVUNU\n"
	"-A KUBE-SVC-TCOU7JCQXEZGVUNU -m statistic --mode random --probability 0.5 -j "
	"KUBE-SEP-AAA\n"
	"-A KUBE-SVC-TCOU7JCQXEZGVUNU -j KUBE-SEP-BBB\nCOMMIT\n";

Test(doctor_rules, iptables)
{
	struct addr vip;

	rules_iptables(&r, save);
	cr_assert_eq(r.n_notrack, 2);
	cr_assert(has(false, false, false, "10.96.0.10"));
	cr_assert(has(true, true, true, "169.254.20.10"));
	cr_assert_str_eq(r.notrack[0].owner, "NodeLocal DNS Cache: skip conntrack");
	cr_assert(r.kube_iptables && !r.stateful_drop);
	cr_assert_eq(r.n_forbidden, 1, "only the one that names port 53");
	cr_assert_eq(r.n_targets, 2, "endpoints of kube-dns, without comments, and of nobody else");
	cr_assert(facts_addr("10.96.0.10", &vip) && addr_eq(&vip, &r.vip[0]));
}

Test(doctor_rules, iptables_without_endpoints)
{
	rules_iptables(&r,
		       "*filter\n-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m comment --comment "
		       "\"kube-system/kube-dns:dns has no endpoints\" "
		       "-m udp --dport 53 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n");
	cr_assert(r.rejects_vip);
	cr_assert_eq(r.n_forbidden, 0);
}

Test(doctor_rules, nft_sets)
{
	rules_nft(&r,
		  "table inet nodelocaldns {\n\tset v4 {\n\t\ttype ipv4_addr\n\t\tflags "
		  "timeout\n\t\telements = { 10.96.0.10 timeout 15s "
		  "expires 14s,\n\t\t\t     169.254.20.10 timeout 15s }\n\t}\n\tset v6 {\n\t\ttype "
		  "ipv6_addr\n\t}\n"
		  "\tchain prerouting {\n\t\ttype filter hook prerouting priority raw; policy "
		  "accept;\n"
		  "\t\tip daddr @v4 udp dport 53 counter name \"in_udp\" notrack comment \"x\"\n"
		  "\t\tip6 daddr @v6 udp dport 53 notrack\n\t}\n"
		  "\tchain output {\n\t\ttype filter hook output priority raw; policy accept;\n"
		  "\t\tip saddr @v4 tcp sport 53 notrack\n\t\tip saddr @v4 tcp sport 8080 "
		  "notrack\n\t}\n}\n",
		  false);
	cr_assert_eq(r.n_notrack, 4, "an empty set sleeps, port 8080 is no DNS");
	cr_assert(has(false, false, false, "10.96.0.10") &&
		  has(false, false, false, "169.254.20.10"));
	cr_assert(has(true, true, true, "10.96.0.10") && has(true, true, true, "169.254.20.10"));
}

Test(doctor_rules, nft_forms)
{
	rules_nft(&r,
		  "table ip raw {\n\tchain PREROUTING {\n\t\ttype filter hook prerouting priority "
		  "raw; policy accept;\n"
		  "\t\tip daddr 10.0.0.1 udp dport 53 counter packets 1 bytes 2 notrack\n\t}\n}\n"
		  "table ip mine {\n\tchain c {\n\t\ttype filter hook prerouting priority raw;\n"
		  "\t\tip daddr { 10.0.0.2, 10.0.0.3 } meta l4proto { tcp, udp } th dport 53 "
		  "notrack\n\t\tudp dport 53 notrack\n"
		  "\t\tudp dport 5353 drop\n\t}\n\tchain d {\n\t\ttype filter hook forward "
		  "priority 0;\n\t\tudp dport 53 drop\n"
		  "\t\toifname \"x\" ct state != { established, related } drop\n\t}\n}\n",
		  false);
	cr_assert_eq(r.n_notrack, 5, "%u: what iptables keeps there is printed by iptables-save",
		     r.n_notrack);
	cr_assert(has(false, false, true, "10.0.0.2") && has(false, false, false, "10.0.0.3") &&
		  has(false, false, false, NULL));
	cr_assert_eq(r.n_forbidden, 1);
	cr_assert(r.stateful_drop);
}

static const char *const generations[] = {
	/* 1.36, 1.34, one endpoint, IPv6 */
	"\tchain service-FY5PMXPG-kube-system/kube-dns/udp/dns {\n\t\tmeta l4proto udp dnat ip to "
	"numgen random mod 2 map { 0 : 10.244.0.2 . 53, 1 : "
	"10.244.0.3 . 53 }\n\t}\n",
	"\tchain service-FY5PMXPG-kube-system/kube-dns/udp/dns {\n\t\tip daddr 10.96.0.10 udp "
	"dport 53 ip saddr != 10.244.0.0/16 jump "
	"mark-for-masquerade\n\t\tnumgen random mod 2 vmap { 0 : goto "
	"endpoint-AAAAAAAA-kube-system/kube-dns/udp/dns__10.244.0.2/53, 1 : goto "
	"endpoint-BBBBBBBB-kube-system/kube-dns/udp/dns__10.244.0.3/53 }\n\t}\n",
};

Test(doctor_rules, nft_kube_proxy)
{
	static const char head[] = "table ip kube-proxy {\n\tmap service-ips {\n\t\ttype ipv4_addr "
				   ". inet_proto . inet_service : verdict\n"
				   "\t\telements = { 10.96.0.10 . tcp . 53 : goto "
				   "service-NWBZK7IH-kube-system/kube-dns/tcp/dns-tcp,\n"
				   "\t\t\t     10.96.0.10 . udp . 53 : goto "
				   "service-FY5PMXPG-kube-system/kube-dns/udp/dns }\n\t}\n";
	char text[4096];
	struct addr a;

	for (unsigned i = 0; i < 2; i++) {
		set_up();
		snprintf(text, sizeof text, "%s%s}\n", head, generations[i]);
		rules_nft(&r, text, false);
		cr_assert(r.kube_nft);
		cr_assert(facts_addr("10.96.0.10", &a) && addr_eq(&r.vip[0], &a));
		cr_assert_eq(r.n_targets, 2, "form %u: %u", i, r.n_targets);
		cr_assert(facts_addr("10.244.0.3", &a) && addr_eq(&r.target[1], &a));
	}
}
