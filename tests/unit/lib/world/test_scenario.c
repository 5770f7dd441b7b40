/* SPDX-License-Identifier: Apache-2.0 */
/* The scenario reader: what it understands, and how it says what it does not. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include <arpa/inet.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/world/scenario.h"

static const char least[] = "scenario: 1\n"
			    "name: t\n"
			    "duration: 10s\n"
			    "pods: {per_node: 2}\n"
			    "loads: [{name: u, transport: new-port, rate: 100/s}]\n"
			    "names: {ask: [web]}\n";

static struct scenario *parse_ok(const char *text)
{
	struct scenario *s = NULL;
	struct diag d = { "" };
	cr_assert_eq(scenario_parse(&s, "x.yaml", text, strlen(text), &d), 0, "%s", d.text);
	return s;
}

Test(scenario, defaults_are_a_stock_cluster)
{
	struct scenario *s = parse_ok(least);
	cr_expect_eq(s->n_nodes, 1);
	cr_expect_eq(s->n_pods, 2);
	cr_expect_eq(s->stub, SCEN_GLIBC);
	cr_expect_eq(s->ndots, 5);
	cr_expect_eq(s->timeout_ns, 5 * NS_PER_S);
	cr_expect_eq(s->n_search, 3);
	cr_expect_str_eq(s->search[1], "svc.cluster.local");
	cr_expect_eq(s->cluster_dns.s_addr, inet_addr("10.96.0.10"));
	cr_expect_eq(s->upstream_dns.s_addr, inet_addr("10.96.0.11"));
	cr_expect_eq(s->local_dns.s_addr, inet_addr("169.254.20.10"));
	cr_expect_eq(s->proxy_modes, SCEN_IPTABLES | SCEN_NFTABLES);
	cr_expect(s->cache_off && s->cache_on);
	cr_expect_eq(s->load[0].arrivals, SCEN_POISSON);
	cr_expect_eq(s->load[0].family, SCEN_A_AAAA);
	cr_expect_eq(strlen(s->digest), 64);
	scenario_free(s);
}

Test(scenario, quantities_carry_units)
{
	struct scenario *s = parse_ok("scenario: 1\n"
				      "name: t\n"
				      "duration: 1m30s\n"
				      "warmup: 250ms\n"
				      "pods: {per_node: 1, search: []}\n"
				      "loads:\n"
				      "- {name: a, transport: tcp, rate: 30/m, arrivals: even, family: aaaa}\n"
				      "- {name: b, transport: same-socket, rate: 2.5/s}\n"
				      "names: {zipf: 1.1, services: 300, ask: [{name: web, weight: 3}]}\n"
				      "cluster: {domain: k8s.test, loss: 0.1%, backend_delay: {median: 200us, p99: 2ms}, ttl: 1m}\n"
				      "cells: {proxy: ipvs, cache: on}\n"
				      "conntrack: {max: 131072}\n");
	cr_expect_eq(s->duration_ns, 90 * NS_PER_S);
	cr_expect_eq(s->warmup_ns, 250 * NS_PER_MS);
	cr_expect_eq(s->n_search, 0);
	cr_expect_float_eq(s->load[0].rate_per_s, 0.5, 1e-12);
	cr_expect_eq(s->load[0].arrivals, SCEN_EVEN);
	cr_expect_eq(s->load[0].family, SCEN_AAAA);
	cr_expect_float_eq(s->load[1].rate_per_s, 2.5, 1e-12);
	cr_expect_float_eq(s->loss, 0.001, 1e-12);
	cr_expect_eq(s->backend_delay.median_ns, 200 * NS_PER_US);
	cr_expect_eq(s->backend_delay.p99_ns, 2 * NS_PER_MS);
	cr_expect_eq(s->ttl_s, 60);
	cr_expect_eq(s->proxy_modes, SCEN_IPVS);
	cr_expect(!s->cache_off && s->cache_on);
	cr_expect_eq(s->conntrack_max, 131072);
	cr_expect_eq(s->n_asks, 301);
	cr_expect_str_eq(s->ask[0].name, "web");
	cr_expect_str_eq(s->ask[256].name, "svc-256");
	cr_expect_str_eq(s->record[255].text, "svc-256.default.svc.k8s.test. 60 A 10.97.1.0");
	scenario_free(s);
}

Test(scenario, search_list_follows_the_domain)
{
	char text[512];
	snprintf(text, sizeof(text), "%scluster: {domain: k8s.test}\n", least);
	struct scenario *s = parse_ok(text);
	cr_expect_eq(s->n_search, 3);
	cr_expect_str_eq(s->search[0], "default.svc.k8s.test");
	cr_expect_str_eq(s->search[2], "k8s.test");
	scenario_free(s);
}

/* A piece of `least` is replaced; the diagnostic must say this. Fixed-size
 * copies, because parameters cross a fork. */
struct bad_case {
	char from[64], to[96], says[128];
};

ParameterizedTestParameters(scenario, faults_name_place_and_remedy)
{
	static struct bad_case cases[] = {
		{ "pods:", "pod:", "x.yaml:4:1: unknown key 'pod' (did you mean 'pods'?); accepted: scenario, name, about," },
		{ "per_node: 2", "per_nodes: 2", "x.yaml:4:8: unknown key 'per_nodes' (did you mean 'per_node'?)" },
		{ "duration: 10s", "duration: 10", "x.yaml:3:11: duration is '10': expected a duration with its unit" },
		{ "duration: 10s", "duration: [10s]", "x.yaml:3:11: expected a duration such as 250ms or 10s, found a list" },
		{ "duration: 10s", "duration: 0s", "x.yaml:3:11: duration is 0s: from 0.1s to 604800s is accepted" },
		{ "duration: 10s\n", "", "x.yaml:1:1: key 'duration' is missing" },
		{ "name: t", "name: t\nname: u", "x.yaml:3:1: key 'name' is given twice" },
		{ "100/s", "100", "x.yaml:5:46: rate is '100': expected a rate with its unit: 100/s, 30/m, 2/h" },
		{ "100/s", "0/s", "rate is 0/s" },
		{ "100/s", "nan/s", "expected a rate" },
		{ "100/s", "0x10/s", "expected a rate" },
		{ "new-port", "newport", "transport is 'newport' (did you mean 'new-port'?); accepted: new-port, same-socket, tcp" },
		{ "scenario: 1", "scenario: 2", "x.yaml:1:11: scenario is '2': this program reads version 1" },
		{ "name: u,", "name: all,", "load name 'all'" },
		{ "name: u,", "name: U/..,", "load name 'U/..'" },
		{ "per_node: 2", "per_node: -2", "expected a whole number" },
		{ "per_node: 2", "per_node: 99999999999999999999", "per_node is too large" },
		{ "per_node: 2", "per_node: 2, search: [a..b]", "'a..b' is not a domain name" },
		{ "per_node: 2", "per_node: 2, ndots: 16", "ndots is 16: from 0 to 15 is accepted" },
		{ "[web]", "[]", "no name to look up" },
		{ "[web]", "[{name: web, weight: 0}]", "all names have weight 0" },
		{ "[web]", "[{weight: 1}]", "key 'name' is missing" },
		{ "[web]", "web", "ask: expected a list, found a single value" },
		{ "names:", "cluster: {loss: 0.1}\nnames:", "x.yaml:6:17: loss is '0.1': expected a share in percent: 0.1%" },
		{ "names:", "cluster: {loss: 101%}\nnames:", "loss is 101%: from 0% to 100% is accepted" },
		{ "names:", "cluster: {ttl: 1500ms}\nnames:", "a TTL is whole seconds" },
		{ "names:", "cluster: {local_dns: 10.96.0.10}\nnames:", "must be three addresses" },
		{ "names:", "cluster: {local_dns: fd00-1}\nnames:", "expected an IPv4 address" },
		{ "names:", "cluster: {backend_delay: {median: 2ms, p99: 1ms}}\nnames:", "p99 is below the median" },
		{ "names:", "cells: {proxy: [iptables, iptables]}\nnames:", "'iptables' is given twice" },
		{ "names:", "cells: {cache: []}\nnames:", "cache is an empty list" },
		{ "names:", "cells: {cache: sometimes}\nnames:", "accepted: off, on" },
		{ "names:", "{", "not YAML" },
		{ "names: {ask: [web]}", "names: {ask: [web]}\n---\nb: 1", "a second document" },
		{ "scenario: 1", "- scenario: 1", "not YAML" },
	};
	return cr_make_param_array(struct bad_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad_case *c, scenario, faults_name_place_and_remedy)
{
	char text[1024];
	const char *at = strstr(least, c->from);
	struct scenario *s = NULL;
	struct diag d = { "" };
	cr_assert(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - least), least, c->to, at + strlen(c->from));
	cr_expect_lt(scenario_parse(&s, "x.yaml", text, strlen(text), &d), 0, "accepted: %s", c->to);
	cr_expect_null(s);
	cr_expect(strstr(d.text, c->says), "said: %s\nshould say: %s", d.text, c->says);
}

Test(scenario, two_loads_of_one_name)
{
	const char *text = "scenario: 1\nname: t\nduration: 1s\npods: {per_node: 1}\n"
			   "loads:\n- {name: a, transport: tcp, rate: 1/s}\n- {name: a, transport: tcp, rate: 1/s}\n"
			   "names: {ask: [web]}\n";
	struct scenario *s = NULL;
	struct diag d = { "" };
	cr_expect_eq(scenario_parse(&s, "x", text, strlen(text), &d), ERR_EXISTS);
	cr_expect(strstr(d.text, "x:7:10: load 'a' is given twice"), "%s", d.text);
}

Test(scenario, empty_missing_and_binary_files)
{
	struct scenario *s = NULL;
	struct diag d = { "" };
	cr_expect_eq(scenario_parse(&s, "x", "", 0, &d), ERR_SYNTAX);
	cr_expect(strstr(d.text, "empty"), "%s", d.text);
	cr_expect_eq(scenario_parse(&s, "x", "\xff\xfe\x01", 3, &d), ERR_SYNTAX);
	cr_expect_eq(scenario_parse(&s, "x", "a: \"b\\0c\"\n", 10, &d), ERR_SYNTAX);
	cr_expect(strstr(d.text, "NUL"), "%s", d.text);
	cr_expect_eq(scenario_load(&s, "/nonexistent/x.yaml", &d), ERR_SYS);
	cr_expect(strstr(d.text, "/nonexistent/x.yaml"), "%s", d.text);
	cr_expect_eq(scenario_load(&s, "/", &d), ERR_SYS);
}

Test(scenario, committed_examples_load)
{
	glob_t g;
	struct diag d = { "" };
	cr_assert_eq(glob("kind-e2e/scenarios/*.yaml", 0, NULL, &g), 0);
	cr_expect_geq(g.gl_pathc, 4);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct scenario *s = NULL;
		cr_expect_eq(scenario_load(&s, g.gl_pathv[i], &d), 0, "%s", d.text);
		scenario_free(s);
	}
	globfree(&g);
}

Test(scenario, words)
{
	char buf[32];
	cr_expect_str_eq(scen_cell_str(SCEN_IPTABLES, false, buf), "iptables-nocache");
	cr_expect_str_eq(scen_cell_str(SCEN_NFTABLES, true, buf), "nftables-cache");
	cr_expect_str_eq(scen_transport_str(SCEN_SAME_SOCKET), "same-socket");
	cr_expect_str_eq(scen_stub_str(SCEN_MUSL), "musl");
}
