/* SPDX-License-Identifier: Apache-2.0 */
/* Flags as the original takes them: what is accepted, refused, warned of, and what it means. */
#include "resolver/config/flags.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

static struct node_flags f;
static struct diag d;

/* Splits a command line at blanks; '' stands for an empty argument. */
static int parse(const char *line)
{
	static char text[512];
	static char *argv[32];
	int argc = 1;

	snprintf(text, sizeof text, "%s", line);
	argv[0] = (char *)(uintptr_t)"node-cache";
	for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
		argv[argc++] = strcmp(w, "''") ? w : w + 2;
	argv[argc] = NULL;
	d.text[0] = '\0';
	return flags_parse(&f, argc, argv, &d);
}

static void refused(const char *line, int exit_code, const char *words)
{
	cr_assert(parse(line) < 0, "%s was accepted", line);
	cr_expect_eq(f.exit_code, exit_code, "%s: exit %d", line, f.exit_code);
	cr_expect(strstr(d.text, words) != NULL, "%s: \"%s\" lacks \"%s\"", line, d.text, words);
}

Test(flags, stock_manifest)
{
	cr_assert_eq(parse("-localip 169.254.20.10,10.96.0.10 -conf /etc/Corefile -upstreamsvc kube-dns-upstream "
			   "-pidfile /tmp/node-cache.pid"), 0, "%s", d.text);
	cr_expect_eq(f.n_localips, 2);
	cr_expect_str_eq(f.localip[1].text, "10.96.0.10");
	cr_expect_str_eq(f.conf, "/etc/Corefile");
	cr_expect_str_eq(f.upstream_svc, "kube-dns-upstream");
	cr_expect(f.setup_interface && f.setup_iptables && !f.skip_teardown);
	cr_expect_eq(f.sync_interval_ns, 60 * NS_PER_S);
	cr_expect_eq(f.n_warnings, 0);
	cr_expect_eq(f.dns_port, 53);
	cr_expect_eq(f.health_port, 8080);
	cr_expect_eq(f.rules, RULES_AUTO);
}

Test(flags, every_flag_of_the_original_in_go_spellings)
{
	cr_assert_eq(parse("--localip=127.0.0.1 -setupinterface=false -interfacename nld0 -syncinterval=30ns "
			   "-metrics-listen-address 127.0.0.1:9353 -setupiptables=false -basecorefile /b -corefile /dead "
			   "-conf /c -kubednscm /k -upstreamsvc x -health-port 8081 -skipteardown -reloadwithsignal=true "
			   "-prometheus-listen-address :1 -pidfile /p -dns.port 5353 -quiet"), 0, "%s", d.text);
	cr_expect(!f.setup_interface && !f.setup_iptables && f.skip_teardown && f.reload_with_signal && f.quiet);
	cr_expect_str_eq(f.interface_name, "nld0");
	cr_expect_eq(f.sync_interval_ns, 30 * NS_PER_S);
	cr_expect_eq(f.health_port, 8081);
	cr_expect_eq(f.dns_port, 5353);
	cr_assert_eq(parse("-localip 127.0.0.1 -p 54"), 0);
	cr_expect_eq(f.dns_port, 54);
}

Test(flags, sync_interval_spellings)
{
	static const struct {
		const char *text;
		uint64_t s10; /* tenths of a second */
	} row[] = {{"60", 600}, {"60ns", 600}, {"30ns", 300}, {"30s", 300}, {"1m", 600}, {"1m30s", 900}, {"500ms", 5}};
	uint64_t ns;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		cr_expect_eq(flags_sync_interval(row[i].text, &ns), 0, "%s", row[i].text);
		cr_expect_eq(ns, row[i].s10 * NS_PER_S / 10, "%s", row[i].text);
	}
	for (const char *const *bad = (const char *const[]){"0", "-1", "", "x", "60x", "0s", "1us", NULL}; *bad; bad++)
		cr_expect(flags_sync_interval(*bad, &ns) < 0, "%s", *bad);
}

Test(flags, words_and_exit_codes_of_failures)
{
	refused("", 1, "invalid localip specified");
	refused("-localip ''", 1, "invalid localip specified");
	refused("-localip 169.254.20", 1, "invalid localip specified");
	refused("-localip 1.2.3.4 -health-port x", 1, "invalid health-port");
	refused("-localip 1.2.3.4 -dns.port 0", 1, "invalid dns.port");
	refused("-localip 1.2.3.4 extra", 1, "extra command line arguments");
	refused("-localip 1.2.3.4 -nosuch 3", 2, "nosuch");
	refused("-localip 1.2.3.4 -syncinterval soon", 2, "syncinterval");
	refused("-localip 1.2.3.4 -rules ipchains", 2, "auto, iptables, nftables, none");
	refused("-localip 1.2.3.4 -interfacename a/b", 1, "interfacename");
	refused("-localip 1.2.3.4 -failopen 10ms", 1, "failopen");
}

Test(flags, help_is_no_failure)
{
	cr_expect_eq(parse("-h"), 0);
	cr_expect(f.help);
	cr_expect_eq(f.exit_code, 0);
}

Test(flags, sloppy_localip_is_forgiven_aloud)
{
	cr_assert_eq(parse("-localip 169.254.20.10,"), 0, "%s", d.text);
	cr_expect_eq(f.n_localips, 1);
	cr_expect_eq(f.n_warnings, 1);
	cr_expect(strstr(f.warning[0], "trailing comma") != NULL);
	cr_assert_eq(parse("-localip 169.254.20.10,,fd00::0a,169.254.20.10"), 0, "%s", d.text);
	cr_expect_eq(f.n_localips, 2);
	cr_expect_eq(f.n_warnings, 2);
	cr_expect_str_eq(f.localip[1].text, "fd00::a");
}

Test(flags, both_families_at_once)
{
	cr_assert_eq(parse("-localip fd00::10,169.254.20.10"), 0, "%s", d.text);
	cr_expect(!f.localip[0].is_v4);
	cr_expect(f.localip[1].is_v4);
	cr_expect(IN6_IS_ADDR_V4MAPPED(&f.localip[1].addr));
}

Test(flags, modes_that_need_no_address)
{
	cr_expect_eq(parse("-check -conf /c"), 0, "%s", d.text);
	cr_expect_eq(parse("-cleanup"), 0, "%s", d.text);
	cr_expect_eq(parse("-version"), 0, "%s", d.text);
}

Test(flags, rewrite_needs_an_address_of_its_own)
{
	unsetenv("KUBE_DNS_SERVICE_HOST");
	refused("-localip 169.254.20.10,169.254.20.11 -intercept rewrite", 1, "-intercept-ip");
	refused("-localip 169.254.20.10 -intercept rewrite -intercept-ip 10.96.0.10", 1, "two -localip");
	refused("-localip 169.254.20.10,10.96.0.10 -intercept rewrite -intercept-ip 10.96.0.10", 1, "may not be");
	setenv("KUBE_DNS_SERVICE_HOST", "10.96.0.10", 1);
	cr_assert_eq(parse("-localip 169.254.20.10,169.254.20.11 -intercept rewrite"), 0, "%s", d.text);
	cr_expect_eq(f.n_intercept_vips, 1);
	cr_expect_str_eq(f.intercept_vip[0].text, "10.96.0.10");
}

Test(flags, rules_none_means_no_rules)
{
	cr_assert_eq(parse("-localip 1.2.3.4 -rules none"), 0);
	cr_expect(!f.setup_iptables);
}
