/* SPDX-License-Identifier: Apache-2.0 */
/* Packet counters of NOTRACK rules, as nft and iptables-save print them. */
#include <criterion/criterion.h>

#include "kind-e2e/measure/notrack.h"

static const char nft[] =
	"table ip raw {\n"
	"\tchain PREROUTING {\n"
	"\t\ttype filter hook prerouting priority raw; policy accept;\n"
	"\t\tip daddr 10.96.0.10 udp dport 53  counter packets 12 bytes 840 notrack\n"
	"\t\tip daddr 10.96.0.10 tcp dport 53  counter packets 30 bytes 2000 notrack\n"
	"\t\tip daddr 10.96.0.10 udp dport 53  counter packets 7 bytes 840 accept\n"
	"\t}\n"
	"\n"
	"\tchain OUTPUT {\n"
	"\t\ttype filter hook output priority raw; policy accept;\n"
	"\t\tip saddr 10.96.0.10 udp sport 53  counter packets 11 bytes 900 notrack\n"
	"\t\tip daddr 10.96.0.10 udp dport 53  counter packets 5 bytes 900 notrack\n"
	"\t\tip daddr 10.96.0.10 tcp dport 8080  counter packets 5 bytes 900 notrack\n"
	"\t}\n"
	"}\n"
	"table inet nodelocaldns {\n"
	"\tchain pre {\n"
	"\t\ttype filter hook prerouting priority raw; policy accept;\n"
	"\t\tip daddr @v4 udp dport 53 counter packets 100 bytes 0 notrack\n"
	"\t}\n"
	"}\n";

static const char named[] =
	"table inet nodelocaldns {\n"
	"\tcounter in_udp {\n\t\tpackets 11 bytes 616\n\t}\n\n"
	"\tcounter host_udp {\n\t\tpackets 4 bytes 616\n\t}\n\n"
	"\tchain prerouting {\n"
	"\t\ttype filter hook prerouting priority raw; policy accept;\n"
	"\t\tip daddr @v4 udp dport 53 counter name \"in_udp\" notrack comment \"x\"\n"
	"\t\tip6 daddr @v6 udp dport 53 counter name \"in_udp\" notrack comment \"x\"\n"
	"\t}\n"
	"\tchain output {\n"
	"\t\ttype filter hook output priority raw; policy accept;\n"
	"\t\tip daddr @v4 udp dport 53 counter name \"host_udp\" notrack comment \"x\"\n"
	"\t}\n"
	"}\n"
	"table inet e2e-count {\n"
	"\tcounter e2e_pods_in {\n\t\tpackets 7 bytes 616\n\t}\n\n"
	"\tcounter e2e_pods_out {\n\t\tpackets 6 bytes 616\n\t}\n"
	"}\n";

static const char save[] =
	"*raw\n"
	":PREROUTING ACCEPT [9:9]\n"
	":OUTPUT ACCEPT [0:0]\n"
	"[12:840] -A PREROUTING -d 10.96.0.10/32 -p udp -m udp --dport 53 -m comment --comment "
	"\"x\" "
	"-j CT --notrack\n"
	"[3:99] -A OUTPUT -s 10.96.0.10/32 -p tcp -m tcp --sport 53 -m comment --comment \"x\" -j "
	"NOTRACK\n"
	"[4:99] -A OUTPUT -s 10.96.0.10/32 -p tcp -m tcp --sport 8080 -j NOTRACK\n"
	"[5:99] -A OUTPUT -s 10.96.0.10/32 -p tcp -m tcp --sport 53 -j ACCEPT\n"
	"COMMIT\n";

Test(notrack, nft_rules_count_by_hook_and_port)
{
	struct notrack t;

	notrack_parse_nft(&t, nft);
	cr_expect_eq(t.rule_in, 142);
	cr_expect_eq(t.rule_host, 5);
	cr_expect_eq(t.packets_in, 0);
	cr_expect_eq(t.n_rules, 5); /* the host's own way to the cache is a rule too */
}

Test(notrack, a_named_counter_in_two_rules_counts_once)
{
	struct notrack t;

	notrack_parse_nft(&t, named);
	cr_expect_eq(t.rule_in, 11);
	cr_expect_eq(t.rule_host, 4);
	cr_expect_eq(t.n_rules, 3);
	cr_expect_eq(t.packets_in, 7);
	cr_expect_eq(t.packets_out, 6);
}

Test(notrack, iptables_save_counts_the_same_way)
{
	struct notrack t = {0};

	notrack_parse_save(&t, save);
	cr_expect_eq(t.rule_in, 12);
	cr_expect_eq(t.rule_host, 0);
	cr_expect_eq(t.n_rules, 2);
}

Test(notrack, no_rules_no_counts)
{
	struct notrack t = {9, 9, 9, 9, 9};

	notrack_parse_nft(&t, "");
	cr_expect(t.n_rules == 0 && t.rule_in == 0 && t.packets_in == 0);
	notrack_parse_save(&t, "*raw\nCOMMIT");
	cr_expect(t.n_rules == 0);
}
