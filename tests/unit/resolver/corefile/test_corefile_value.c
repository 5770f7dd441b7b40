/* SPDX-License-Identifier: Apache-2.0 */
/* Words to addresses and nets, which of them are ours alone, and the real world's doors. */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "resolver/corefile/parse.h"
#include "resolver/corefile/setup.h"
#include "tests/fixtures/corefile_util.h"

Test(corefile_value, addresses_with_ports)
{
	static const struct {
		const char *text, *addr; /* NULL: none */
		uint16_t port;
		uint32_t scope;
	} cases[] = {
		{"192.0.2.1", "192.0.2.1", 53, 0},
		{"192.0.2.1:54", "192.0.2.1", 54, 0},
		{"::1", "::1", 53, 0},
		{"[::1]", "::1", 53, 0},
		{"[::1]:65535", "::1", 65535, 0},
		{"fe80::1%7", "fe80::1", 53, 7},
		{"[fe80::1%7]:54", "fe80::1", 54, 7},
		{"::ffff:192.0.2.1", "192.0.2.1", 53, 0},
		{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", 53, 0},
		{"192.0.2.1:0", NULL, 0, 0},
		{"192.0.2.1:65536", NULL, 0, 0},
		{"192.0.2.1:", NULL, 0, 0},
		{"192.0.2.1:5x", NULL, 0, 0},
		{"192.0.2.1:-5", NULL, 0, 0},
		{"192.0.2.1:99999999999999999999", NULL, 0, 0},
		{"192.0.2", NULL, 0, 0},
		{"192.0.2.1%7", NULL, 0, 0},
		{"fe80::1%", NULL, 0, 0},
		{"[::1]54", NULL, 0, 0},
		{"[::1", NULL, 0, 0},
		{"[]:54", NULL, 0, 0},
		{":54", NULL, 0, 0},
		{"", NULL, 0, 0},
		{"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", NULL, 0, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct in6_addr addr = {0}, want;
		uint32_t scope = 0;
		uint16_t port = 0;
		bool taken = cf_parse_ip_port(cases[i].text, 53, &addr, &port, &scope);

		cr_expect_eq(taken, cases[i].addr != NULL, "%s", cases[i].text);
		if (!taken || !cases[i].addr)
			continue;
		want = addr_of(cases[i].addr);
		cr_expect_eq(memcmp(&addr, &want, sizeof(addr)), 0, "%s", cases[i].text);
		cr_expect_eq(port, cases[i].port, "%s", cases[i].text);
		cr_expect_eq(scope, cases[i].scope, "%s", cases[i].text);
	}
	struct in6_addr addr;
	uint32_t scope = 0;

	cr_expect(cf_parse_ip("fe80::1%lo", &addr, &scope));
	cr_expect_eq(scope, if_nametoindex("lo"));
}

Test(corefile_value, nets)
{
	static const struct {
		const char *net, *in, *out; /* an address in it, one that just is not */
	} cases[] = {
		{"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
		{"10.0.0.0/8", "10.0.0.0", "9.255.255.255"},
		{"172.16.0.0/12", "172.31.255.255", "172.32.0.0"},
		{"172.16.0.0/12", "172.16.0.0", "172.15.255.255"},
		{"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
		{"192.0.2.4/31", "192.0.2.5", "192.0.2.6"},
		{"192.0.2.1/32", "192.0.2.1", "192.0.2.0"},
		{"192.0.2.1", "192.0.2.1", "192.0.2.3"},
		{"0.0.0.0/0", "255.1.2.3", "::1"},
		{"128.0.0.0/1", "128.0.0.0", "127.255.255.255"},
		{"::/0", "192.0.2.1", NULL},
		{"fd00::/8", "fdff::1", "fe00::"},
		{"fe80::/10", "febf::1", "fec0::"},
		{"2001:db8:8000::/33", "2001:db8:ffff::", "2001:db8:7fff::"},
		{"2001:db8::1/128", "2001:db8::1", "2001:db8::"},
		{"2001:db8::/127", "2001:db8::1", "2001:db8::2"},
		{"2001:db8::", "2001:db8::", "2001:db8::1"},
		{"::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct in6_addr net, a = addr_of(cases[i].in), b;
		unsigned bits;

		cr_assert(cf_parse_cidr(cases[i].net, &net, &bits), "%s", cases[i].net);
		cr_expect(cf_cidr_match(&net, bits, &a), "%s holds %s", cases[i].net, cases[i].in);
		if (!cases[i].out)
			continue;
		b = addr_of(cases[i].out);
		cr_expect_not(cf_cidr_match(&net, bits, &b), "%s holds not %s", cases[i].net, cases[i].out);
	}
	struct in6_addr longest, same = addr_of("255.255.255.255");
	unsigned all;

	cr_expect(cf_parse_cidr("0000:0000:0000:0000:0000:ffff:255.255.255.255/128", &longest, &all));
	cr_expect(cf_cidr_match(&longest, all, &same));
	static const char *const none[] = {"10.0.0.0/33", "fd00::/129", "10.0.0/8", "/8", "", "10.0.0.0/", "10.0.0.0/x",
					   "10.0.0.0/8/8", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/8"};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct in6_addr net;
		unsigned bits;

		cr_expect_not(cf_parse_cidr(none[i], &net, &bits), "%s", none[i]);
	}
}

/* Addresses no service of the cluster has. */
Test(corefile_value, addresses_that_are_never_a_service)
{
	static const struct {
		const char *addr;
		bool never;
	} cases[] = {
		{"127.0.0.1", true}, {"127.255.0.9", true}, {"128.0.0.1", false}, {"126.0.0.1", false},
		{"169.254.20.10", true}, {"169.253.20.10", false}, {"168.254.20.10", false}, {"254.254.0.1", false},
		{"1.169.254.1", false}, {"10.96.0.10", false}, {"::", true}, {"::1", true}, {"fe80::1", true},
		{"fec0::1", false}, {"fd00::1", false}, {"::2", false}, {"a9fe::7f00:1", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct in6_addr a = addr_of(cases[i].addr);

		cr_expect_eq(corefile_never_service(&a), cases[i].never, "%s", cases[i].addr);
	}
}

static bool holds(const struct in6_addr *list, size_t n, const char *addr)
{
	struct in6_addr want = addr_of(addr);

	for (size_t i = 0; i < n; i++)
		if (memcmp(&list[i], &want, sizeof(want)) == 0)
			return true;
	return false;
}

Test(corefile_value, the_real_world)
{
	char path[] = "/tmp/corefile-env-XXXXXX", *text = NULL;
	struct in6_addr addr[16];
	struct corefile_env e;
	uint32_t scope[16];
	int fd = mkstemp(path);
	struct diag d;
	size_t n;

	corefile_env_defaults(&e);
	cr_expect_eq(e.dns_port, 53);
	cr_expect_neq(e.hostname[0], 0);
	setenv("NODENS_TEST_WORD", "a b", 1);
	cr_expect_str_eq(e.get_var(e.ctx, "NODENS_TEST_WORD"), "a b");
	cr_expect_null(e.get_var(e.ctx, "NODENS_TEST_NONE"));
	n = e.if_addrs(e.ctx, "lo", addr, scope, 16);
	cr_expect(holds(addr, n, "127.0.0.1"), "%zu addresses", n);
	cr_expect_eq(scope[0], 0);
	if (access("/proc/net/if_inet6", R_OK) == 0 && n > 1)
		cr_expect(holds(addr, n, "::1"));
	cr_expect_eq(e.if_addrs(e.ctx, "lo", addr, scope, 1), 1, "no more than there is room for");
	cr_expect_eq(e.if_addrs(e.ctx, "no-such-if", addr, scope, 16), 0);
	n = e.host_addrs(e.ctx, "127.0.0.9", NULL, NULL, 0, addr, 16);
	cr_expect(n == 1 && holds(addr, n, "127.0.0.9"));
	n = e.host_addrs(e.ctx, "fd00::9", NULL, NULL, 0, addr, 16);
	cr_expect(n == 1 && holds(addr, n, "fd00::9"));
	cr_expect_eq(e.host_addrs(e.ctx, "127.0.0.9", NULL, NULL, 0, addr, 0), 0);
	cr_expect(e.readable(e.ctx, path));
	cr_expect_not(e.readable(e.ctx, "/nowhere/at/all"));
	cr_assert_eq(write(fd, "text", 4), 4);
	cr_expect_eq(e.read_file(e.ctx, path, false, &text, &n, &d), 0);
	cr_expect(n == 4 && text && memcmp(text, "text", 4) == 0);
	free(text);
	int before = dup(fd);

	close(before);
	cr_expect_eq(e.read_file(e.ctx, path, false, &text, &n, &d), 0);
	free(text);
	int after = dup(fd);

	close(after);
	cr_expect_eq(after, before, "no descriptor stays open");
	cr_expect_neq(e.read_file(e.ctx, "/nowhere/at/all", false, &text, &n, &d), 0);
	cr_expect_eq(e.glob_files(e.ctx, path, &text), 0);
	cr_expect(strncmp(text, path, strlen(path)) == 0 && strcmp(text + strlen(path), "\n") == 0);
	free(text);
	cr_expect_neq(e.glob_files(e.ctx, "/nowhere/*", &text), 0);
	close(fd);
	unlink(path);
}
