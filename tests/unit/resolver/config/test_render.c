/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendering against tests/golden/render: template x upstreams x stub domains.
 * GOLDEN_UPDATE=1 writes what is produced; read the difference before trusting it.
 */
#include "resolver/config/render.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "resolver/config/kubedns.h"
#include "resolver/config/kubedns_text.h"
#include "resolver/config/target.h"

#define DIR_ "tests/golden/render/"

static const char *const no_ip[] = {"169.254.20.10"};

static const struct {
	const char *name, *ip[2], *cluster;
	size_t n_ips;
} template_row[] = {
	{"iptables-v4", {"169.254.20.10", "10.96.0.10"}, "10.96.0.200", 2},
	{"iptables-v6", {"fd00:90::10", "fd00:10:96::a"}, "fd00:10:96::c8", 2},
	{"ipvs-v4", {"169.254.20.10", NULL}, NULL, 1},
	{"ipvs-v6", {"fd00:90::10", NULL}, NULL, 1},
	{"untouched", {"169.254.20.10", "10.96.0.10"}, "10.96.0.200", 2},
};
static const char *const upstreams[] = {"8.8.8.8", "8.8.4.4:5353", "[2001:4860:4860::8888]:53"};
static const char *const acme[] = {"10.1.1.1", "10.1.1.2:5300"}, *const corp[] = {"fd00::53"};
/* Out of order on purpose: the result is sorted. */
static const struct render_stub stubs[] = {{"corp.example", 1, corp}, {"acme.local", 2, acme}};

static void compare(const char *path, const char *text)
{
	char *want = NULL;
	struct diag d = {""};

	if (getenv("GOLDEN_UPDATE"))
		cr_assert_eq(file_write_atomic(path, text, strlen(text), &d), 0, "%s", d.text);
	cr_assert_eq(file_read(path, 1 << 20, &want, NULL, &d), 0, "%s", d.text);
	cr_expect_str_eq(text, want, "%s differs", path);
	free(want);
}

static void render_case(size_t t, size_t n_upstreams, size_t n_stubs)
{
	char path[200], *template, *text;
	struct diag d = {""};

	snprintf(path, sizeof path, DIR_ "%s.template", template_row[t].name);
	cr_assert_eq(file_read(path, 1 << 20, &template, NULL, &d), 0, "%s", d.text);
	struct render_input in = {
		.template = template,
		.n_localips = template_row[t].n_ips,
		.localip = template_row[t].ip,
		.cluster_dns = template_row[t].cluster,
		.n_upstreams = n_upstreams,
		.upstream = upstreams,
		.n_stubs = n_stubs,
		.stub = stubs,
		.local_port = 53,
		.prometheus_listen = ":9253",
	};
	cr_assert_eq(render_corefile(&in, &text, &d), 0, "%s", d.text);
	snprintf(path, sizeof path, DIR_ "%s-up%zu-stub%zu.corefile", template_row[t].name, n_upstreams, n_stubs);
	compare(path, text);
	free(text);
	free(template);
}

Test(render, golden)
{
	static const size_t n_upstreams[] = {0, 1, 3};

	for (size_t t = 0; t < sizeof template_row / sizeof *template_row; t++) {
		for (size_t u = 0; u < 3; u++) {
			render_case(t, n_upstreams[u], 0);
			render_case(t, n_upstreams[u], 2);
		}
	}
}

static char *render(const char *template, const char *const *ip, size_t n_ips, const char *cluster, size_t n_up)
{
	struct render_input in = {
		.template = template, .localip = ip, .n_localips = n_ips, .cluster_dns = cluster,
		.n_upstreams = n_up, .upstream = upstreams, .local_port = 53,
	};
	struct diag d = {""};
	char *text = NULL;

	cr_assert_eq(render_corefile(&in, &text, &d), 0, "%s", d.text);
	return text;
}

static void renders(const char *template, const char *const *ip, size_t n_ips, size_t n_up, const char *want)
{
	char *text = render(template, ip, n_ips, "10.0.0.1", n_up);

	cr_expect_str_eq(text, want);
	free(text);
}

/* Blocks of stub domains begin on a line of their own; a text without them stays as it is. */
Test(render, a_template_without_a_last_line_end)
{
	struct render_input in = {.template = "a {\n}", .n_localips = 1, .localip = no_ip, .local_port = 53};
	struct diag d = {""};
	char *text = NULL;

	cr_assert_eq(render_corefile(&in, &text, &d), 0, "%s", d.text);
	cr_expect_str_eq(text, "a {\n}");
	free(text);
	in.stub = stubs;
	in.n_stubs = 1;
	cr_assert_eq(render_corefile(&in, &text, &d), 0, "%s", d.text);
	cr_expect_eq(strncmp(text, "a {\n}\ncorp.example:53 {\n", 24), 0, "%s", text);
	free(text);
	in.template = "";
	cr_assert_eq(render_corefile(&in, &text, &d), 0, "%s", d.text);
	cr_expect_eq(strncmp(text, "corp.example:53 {\n", 18), 0, "%s", text);
	free(text);
}

Test(render, force_tcp_goes_with_custom_upstreams_only)
{
	static const char block[] = "\n    forward . __PILLAR__UPSTREAM__SERVERS__ {\n            force_tcp\n    }\n";

	renders(block, no_ip, 1, 0, "\n    forward . /etc/resolv.conf {\n            force_tcp\n    }\n");
	renders(block, no_ip, 1, 1, "\n    forward . 8.8.8.8\n");
	/* other indentation than the original's exact block means the same */
	renders("forward . __PILLAR__UPSTREAM__SERVERS__ {\n\tforce_tcp\n}\n", no_ip, 1, 1, "forward . 8.8.8.8\n");
	/* a block that says more is kept */
	renders("forward . __PILLAR__UPSTREAM__SERVERS__ {\n  force_tcp\n  max_fails 1\n}\n", no_ip, 1, 1,
		"forward . 8.8.8.8 {\n  force_tcp\n  max_fails 1\n}\n");
}

Test(render, one_address_before_a_port_with_brackets)
{
	static const char *const v4[] = {"169.254.20.10", "10.96.0.10"}, *const v6[] = {"fd00::a", "10.96.0.10"};

	renders("health __PILLAR__LOCAL__DNS__:8080\n", v4, 2, 0, "health 169.254.20.10:8080\n");
	renders("health __PILLAR__LOCAL__DNS__:8080\n", v6, 2, 0, "health [fd00::a]:8080\n");
	renders("health [__PILLAR__LOCAL__DNS__]:8080\n", v6, 2, 0, "health [fd00::a]:8080\n");
	renders("health fd00::a:8080\n", v6, 2, 0, "health [fd00::a]:8080\n");
	renders("ready fd00::a:8181\nprometheus fd00::a:9253\n", v6, 2, 0, "ready [fd00::a]:8181\nprometheus [fd00::a]:9253\n");
	renders("prometheus fd00::b:9253\n", v6, 2, 0, "prometheus fd00::b:9253\n");
	renders("health fd00::a\nbind __PILLAR__LOCAL__DNS__\n", v6, 2, 0, "health fd00::a\nbind fd00::a 10.96.0.10\n");
}

static void refused(const struct render_input *in, const char *words)
{
	struct diag d = {""};
	char *text = NULL;

	cr_assert(render_corefile(in, &text, &d) < 0);
	cr_expect_null(text);
	cr_expect(strstr(d.text, words) != NULL, "\"%s\" lacks \"%s\"", d.text, words);
}

Test(render, fatal_cases)
{
	static const char *const bad[] = {"dns.example"};
	static const struct render_stub empty = {"a.b", 0, NULL}, named = {"a.b", 1, bad};

	refused(&(struct render_input){.template = "forward . __PILLAR__CLUSTER__DNS__", .cluster_dns_env = "KUBE_DNS_SERVICE_HOST"},
		"KUBE_DNS_SERVICE_HOST is not set");
	refused(&(struct render_input){.template = "", .n_upstreams = 1, .upstream = bad}, "upstreamNameservers: \"dns.example\"");
	refused(&(struct render_input){.template = "", .n_stubs = 1, .stub = &empty}, "a.b: no servers");
	refused(&(struct render_input){.template = "", .n_stubs = 1, .stub = &named}, "\"dns.example\"");
}

Test(render, forward_targets)
{
	for (const char *const *t = (const char *const[]){"1.2.3.4", "1.2.3.4:53", "fd00::1", "[fd00::1]", "[fd00::1]:53", "dns://1.2.3.4",
	     "tls://[fd00::1]:853", "tls://1.1.1.1%cloudflare-dns.com", "fe80::1%eth0", "/etc/passwd", "1.2.3.4:1", "1.2.3.4:65535", "dns://fd00::1", NULL}; *t; t++)
		cr_expect(target_good(*t), "%s", *t);
	for (const char *const *t = (const char *const[]){"", "example", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:x", "[fd00::1", "[fd00::1]53",
	     "https://1.2.3.4", "dns://", "tls:///etc/passwd", "[1.2.3.4", "[]", "[fd00::1]:", "1.2.3.4:", ":53", "1.2.3.4:+1",
	     "1.2.3.4:53x", "fd00::1\"", "}", "a\tb",
	     "12345678901234567890123456789012345678901234567890123456789012345678901234567890", "/no/such/file", "/etc", "1.2.3.4 {", NULL}; *t; t++)
		cr_expect_not(target_good(*t), "%s", *t);
}

Test(render, service_environment)
{
	char env[64];

	cr_expect_eq(render_service_env("kube-dns-upstream", env, sizeof env), 0);
	cr_expect_str_eq(env, "KUBE_DNS_UPSTREAM_SERVICE_HOST");
	cr_expect_eq(render_service_env("kube-dns-upstream", env, 20), ERR_LIMIT);
}
