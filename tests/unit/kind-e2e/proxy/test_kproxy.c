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

#define ports kproxy_dns_ports
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
	kproxy_nft_chain(chain, DNS, &ports[0], "[fd00:10:244::2]:53");
	cr_assert_str_eq(strchr(chain, '/'), "/kube-dns/udp/dns__fd00.10.244..2/53");
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

/* --- rule sets ----------------------------------------------------------------- */

struct plan {
	int family;
	const char *name, *vip[2], *endpoint[3], *pod_cidr, *service_cidr, *node_ip;
};
static const struct plan plans[] = {
	{AF_INET,
	 "ipv4",
	 {"10.96.0.10", "10.96.0.11"},
	 {"10.244.0.2", "10.244.0.3", "10.244.0.4"},
	 "10.244.0.0/16",
	 "10.96.0.0/16",
	 "172.18.0.2"},
	{AF_INET6,
	 "ipv6",
	 {"fd00:10:96::a", "fd00:10:96::b"},
	 {"fd00:10:244::2", "fd00:10:244::3", "fd00:10:244::4"},
	 "fd00:10:244::/56",
	 "fd00:10:96::/112",
	 "fc00:f853:ccd:e793::2"},
};
typedef int make_f(struct kproxy_rules *ret, const struct kproxy_conf *c);

static struct in6_addr address(int family, const char *text)
{
	struct in6_addr v6 = {0};
	struct in_addr v4 = {0};

	if (family == AF_INET6)
		cr_assert_eq(inet_pton(family, text, &v6), 1);
	else
		cr_assert_eq(inet_pton(family, text, &v4), 1);
	return family == AF_INET6 ? v6 : kproxy_v4(v4);
}

/* All steps as one text, each under its command. */
static char *make_text(make_f *make, const struct plan *p, enum kproxy_version version, size_t n)
{
	struct in6_addr ep[3];
	struct kproxy_service services[2] = {
		{DNS, address(p->family, p->vip[0]), ports, 3},
		{DNS "-upstream", address(p->family, p->vip[1]), ports, 2}};
	struct kproxy_conf conf = {.family = p->family,
				   .version = version,
				   .services = services,
				   .n_services = 2,
				   .endpoints = ep,
				   .n_endpoints = n,
				   .pod_cidr = p->pod_cidr,
				   .service_cidr = p->service_cidr,
				   .node_ip = p->node_ip};
	struct kproxy_rules rules;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < 3; i++)
		ep[i] = address(p->family, p->endpoint[i]);
	cr_assert_eq(make(&rules, &conf), 0);
	for (unsigned i = 0; i < rules.n; i++) {
		fputc('#', out);
		for (const char *const *arg = rules.step[i].argv; *arg; arg++)
			fprintf(out, " %s", *arg);
		fprintf(out, "\n%s", rules.step[i].input);
	}
	fclose(out);
	kproxy_free(&rules);
	return text;
}

static void compare(const char *name, make_f *make, enum kproxy_version version)
{
	static const size_t counts[] = {0, 1, 2, 3}, n = sizeof counts / sizeof counts[0];

	for (size_t i = 0; i < 2 * n; i++) {
		const struct plan *p = &plans[i / n];
		char path[100], *want, *got = make_text(make, p, version, counts[i % n]);

		snprintf(path, sizeof path, "tests/golden/kube-proxy/%s-%s-%zu.rules", name,
			 p->name, counts[i % n]);
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
}

Test(kproxy, iptables_rules_are_the_golden_ones)
{
	compare("iptables", kproxy_iptables, KPROXY_1_37);
}

Test(kproxy, nftables_rules_are_the_golden_ones)
{
	compare("nftables-1.34", kproxy_nftables, KPROXY_1_34);
	compare("nftables-1.36", kproxy_nftables, KPROXY_1_36);
	compare("nftables-1.37", kproxy_nftables, KPROXY_1_37);
}

Test(kproxy, ipvs_rules_are_the_golden_ones)
{
	compare("ipvs", kproxy_ipvs, KPROXY_1_37);
}

Test(kproxy, a_version_changes_nftables_rules_alone)
{
	static make_f *const makes[] = {kproxy_iptables, kproxy_nftables, kproxy_ipvs};

	for (size_t i = 0; i < 2 * 3; i++) {
		static const enum kproxy_version versions[] = {KPROXY_1_34, KPROXY_1_36,
							       KPROXY_1_37};
		char *old = make_text(makes[i % 3], &plans[0], versions[i / 3], 1);
		char *new = make_text(makes[i % 3], &plans[0], versions[i / 3 + 1], 1);

		cr_expect_eq(strcmp(old, new) != 0, makes[i % 3] == kproxy_nftables);
		free(old);
		free(new);
	}
}

Test(kproxy, a_second_family_finds_the_ipvs_link)
{
	struct kproxy_conf conf = {.family = AF_INET6, .pod_cidr = "fd00::/8", .has_link = true};
	struct kproxy_rules rules;

	cr_assert_eq(kproxy_ipvs(&rules, &conf), 0);
	for (unsigned i = 0; i < rules.n; i++)
		cr_expect(!strstr(rules.step[i].input, "link add"));
	kproxy_free(&rules);
}

Test(kproxy, versions_are_named_as_releases)
{
	enum kproxy_version v;

	cr_expect(kproxy_version_parse(&v, "1.34") == 0 && v == KPROXY_1_34);
	cr_expect(kproxy_version_parse(&v, "1.35") == 0 && v == KPROXY_1_34);
	cr_expect(kproxy_version_parse(&v, "1.36") == 0 && v == KPROXY_1_36);
	cr_expect(kproxy_version_parse(&v, "1.37") == 0 && v == KPROXY_1_37);
	cr_expect_eq(kproxy_version_parse(&v, "1.3"), ERR_UNKNOWN);
}
