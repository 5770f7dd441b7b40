/* SPDX-License-Identifier: Apache-2.0 */
/* A Corefile for a world that is made up sees nothing of the machine that reads it. */
#include "resolver/corefile/sealed.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct corefile_plan *sealed(const char *text, struct diag *d)
{
	struct corefile_plan *p = NULL;

	d->text[0] = 0;
	return corefile_compile_sealed(&p, "what", text, d) == 0 ? p : NULL;
}

/* There is one of each on this machine. */
Test(sealed, files_interfaces_names_and_variables_are_none)
{
	static const char *const refused[][2] = {
		{". {\n forward . %s\n}\n", "there are no files here"},
		{". {\n forward . localhost\n}\n", "not an IP address or file"},
		{". {\n bind lo\n}\n", "'lo'"},
		{". {\n import %s\n}\n", "File to import not found: /tmp/sealed-"},
		{". {\n forward . {$SEALED}\n}\n", "invalid address: ''"},
	};
	char path[] = "/tmp/sealed-XXXXXX", text[200];
	static const char lines[] = "nameserver 192.0.2.1\n192.0.2.9 x\n";
	struct corefile_plan *p;
	int fd = mkstemp(path);
	struct diag d;

	setenv("SEALED", "192.0.2.1", 1);
	cr_assert_eq(write(fd, lines, sizeof(lines) - 1), (ssize_t)sizeof(lines) - 1);
	close(fd);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *mark = strstr(refused[i][0], "%s");

		if (mark)
			snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - refused[i][0]), refused[i][0], path, mark + 2);
		else
			snprintf(text, sizeof(text), "%s", refused[i][0]);
		p = sealed(text, &d);
		cr_expect_null(p, "%s", text);
		cr_expect(strstr(d.text, refused[i][1]), "%s: '%s'", text, d.text);
	}
	snprintf(text, sizeof(text), ". {\n hosts %s\n}\n", path);
	p = sealed(text, &d);
	cr_assert(p, "%s", d.text);
	cr_expect_eq(p->n_hosts_entries, 0);
	cr_expect(p->n_warnings == 1 && strstr(p->warning[0], "there are no files here"));
	corefile_plan_free(p);
	unlink(path);
}

Test(sealed, the_manifest_s_config_map)
{
	struct corefile_stock s = {.domain = "cluster.local", .bind = "169.254.20.10", .upstream = "10.96.0.10", .resolver = "192.0.2.53",
				   .success = 9984, .denial = 9983, .ttl_s = 30, .negative_ttl_s = 5};
	struct corefile_plan *p;
	struct diag d;

	for (int path = 0; path < 2; path++) {
		char *text;

		s.search_path = path ? "off" : NULL;
		text = corefile_stock_text(&s);
		cr_assert(text);
		p = sealed(text, &d);
		cr_assert(p, "%s", d.text);
		cr_assert_eq(p->conf.n_zones, 4);
		cr_expect_eq(p->conf.n_listeners, 1);
		cr_expect_eq(p->conf.n_upstreams, 2);
		cr_expect(p->conf.zone[0].is_cluster);
		cr_expect_eq(p->conf.zone[0].shield_off, path);
		cr_expect_eq(p->conf.zone[0].cache.pos_capacity, 9984);
		cr_expect_eq(p->conf.zone[0].cache.neg_capacity, 9983);
		cr_expect_eq(p->conf.zone[0].cache.pos_max_s, 30);
		cr_expect_eq(p->conf.zone[0].cache.neg_max_s, 5);
		for (size_t i = 0; i < 4; i++) {
			cr_expect(p->conf.zone[i].has_errors);
			cr_expect_str_eq(p->conf.zone[i].nsid, "node-cache");
			cr_expect_eq(p->conf.zone[i].forward[0].force_tcp, i < 3);
			cr_expect_eq(p->conf.zone[i].forward[0].to[0], i < 3 ? 0 : 1);
			cr_expect_eq(p->conf.zone[i].cache.pos_max_s, 30);
		}
		corefile_plan_free(p);
		free(text);
	}
}

/* A fault says whose text it is, and where. */
Test(sealed, faults_name_the_text)
{
	struct diag d;

	cr_expect_null(sealed(". {\n cahce\n}\n", &d));
	cr_expect(strstr(d.text, "what:2:2: Unknown directive 'cahce'"), "%s", d.text);
	cr_expect_null(sealed(". {\n", &d));
	cr_expect(strstr(d.text, "what:1:3: "), "%s", d.text);
}
