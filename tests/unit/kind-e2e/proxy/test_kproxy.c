/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kube-proxy's rules: chain names against well-known ones, whole rule sets
 * against golden files (tests/golden/kube-proxy; UPDATE=1 writes them).
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/proxy/kproxy.h"

static const struct kproxy_port ports[] = {
	{"dns", "udp", 53}, {"dns-tcp", "tcp", 53}, {"metrics", "tcp", 9153}};
#define DNS "kube-system/kube-dns"

Test(kproxy, base32_follows_rfc4648)
{
	char text[17];

	kproxy_base32((const uint8_t *)"foobarfoob", text);
	cr_assert_str_eq(text, "MZXW6YTBOJTG633C");
	kproxy_base32((const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", text);
	cr_assert_str_eq(text, "7777777777777777");
}

Test(kproxy, chains_have_their_well_known_names)
{
	char chain[KPROXY_CHAIN_MAX];

	kproxy_chain(chain, DNS, &ports[0], NULL);
	cr_assert_str_eq(chain, "KUBE-SVC-TCOU7JCQXEZGVUNU");
	kproxy_chain(chain, DNS, &ports[1], NULL);
	cr_assert_str_eq(chain, "KUBE-SVC-ERIFXISQEP7F7OF4");
	kproxy_chain(chain, DNS, &ports[2], NULL);
	cr_assert_str_eq(chain, "KUBE-SVC-JD5MR3NA4I4DYORP");
	kproxy_chain(chain, DNS, &ports[0], "10.244.0.2:53");
	cr_assert_str_eq(chain, "KUBE-SEP-YIL6JZP7A3QYXJU2");
	kproxy_chain(chain, DNS, &ports[0], "10.244.0.3:53");
	cr_assert_str_eq(chain, "KUBE-SEP-6E7XQMQ4RAYOWTTM");
}

Test(kproxy, nftables_chains_carry_the_hash_of_their_name)
{
	static const struct kproxy_port p80 = {"p80", "tcp", 80};
	char chain[KPROXY_NAME_MAX];

	kproxy_nft_chain(chain, DNS, &ports[1], NULL);
	cr_assert_str_eq(chain, "service-NWBZK7IH-kube-system/kube-dns/tcp/dns-tcp");
	kproxy_nft_chain(chain, "ns1/svc1", &p80, NULL); /* from kube-proxy's own comments */
	cr_assert_str_eq(chain, "service-ULMVA6XW-ns1/svc1/tcp/p80");
	kproxy_nft_chain(chain, "ns1/svc1", &p80, "10.180.0.1:80");
	cr_assert_str_eq(chain, "endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80");
}

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (in) {
		size_t n = fread(text, 1, (1 << 20) - 1, in);

		text[n] = '\0';
		fclose(in);
	}
	return text;
}

static void compare(const char *name, char *(*make)(const struct kproxy_conf *), size_t n)
{
	struct in_addr vip[2], ep[3];
	struct kproxy_service services[2] = {{DNS, {0}, ports, 3},
					     {DNS "-upstream", {0}, ports, 2}};
	struct kproxy_conf conf = {services, 2, ep, n, "10.244.0.0/16", "10.96.0.0/16"};
	char path[100], *want, *got;

	inet_pton(AF_INET, "10.96.0.10", &vip[0]);
	inet_pton(AF_INET, "10.96.0.11", &vip[1]);
	services[0].vip = vip[0];
	services[1].vip = vip[1];
	for (unsigned i = 0; i < 3; i++)
		ep[i].s_addr = htonl(0x0af40002u + i);
	snprintf(path, sizeof path, "tests/golden/kube-proxy/%s-%zu.rules", name, n);
	got = make(&conf);
	if (getenv("UPDATE")) {
		FILE *out = fopen(path, "w");

		fputs(got, out);
		fclose(out);
	}
	want = read_file(path);
	cr_expect_str_eq(got, want, "%s differs", path);
	free(got);
	free(want);
}

Test(kproxy, iptables_rules_are_the_golden_ones)
{
	compare("iptables", kproxy_iptables, 0);
	compare("iptables", kproxy_iptables, 2);
	compare("iptables", kproxy_iptables, 3);
}

Test(kproxy, nftables_rules_are_the_golden_ones)
{
	compare("nftables", kproxy_nftables, 0);
	compare("nftables", kproxy_nftables, 2);
	compare("nftables", kproxy_nftables, 3);
}
