/* SPDX-License-Identifier: Apache-2.0 */
/* The language: tokens, blocks, snippets, imports, environment, and its faults. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fixtures/corefile_util.h"

static struct corefile *parse(const char *text)
{
	struct corefile_env e = test_env();
	struct corefile *c;
	struct diag d;

	cr_assert_eq(corefile_parse_text(&c, "f", text, strlen(text), &e, &d), 0, "%s", d.text);
	return c;
}

Test(corefile, keys_directives_blocks)
{
	struct corefile *c = parse("a.org:53 b.org,\n c.org {\n  errors\n  cache 30 {\n    success "
				   "1 2\n  }\n}\n. { log }\n");

	cr_assert_eq(c->n_servers, 2);
	cr_assert_eq(c->server[0].n_keys, 3);
	cr_assert_str_eq(c->server[0].key[1].text, "b.org");
	cr_assert_eq(c->server[0].key[2].line, 2);
	cr_assert_eq(c->server[0].n_nodes, 2);
	const struct cf_node *cache = &c->server[0].node[1];

	cr_assert_str_eq(cache->tok[1].text, "30");
	cr_assert_eq(cache->tok[1].line, 4);
	cr_assert_eq(cache->tok[1].col, 9);
	cr_assert_eq(cache->node[0].n, 3);
	cr_assert_eq(c->server[1].n_nodes, 1);
	corefile_free(c);
}

Test(corefile, comma_without_blank_separates_keys)
{
	static const struct {
		const char *text;
		unsigned line, col;
	} want[] = {{"a.org", 1, 2}, {"b", 1, 8}, {"c.org:53", 1, 11}, {"d", 2, 1}, {"e", 2, 3}};
	struct corefile *c = parse(" a.org,b,,c.org:53,\nd,e {\n}\n");

	cr_assert_eq(c->server[0].n_keys, 5);
	for (size_t i = 0; i < 5; i++) {
		const struct cf_token *k = &c->server[0].key[i];

		cr_expect_str_eq(k->text, want[i].text);
		cr_expect(k->line == want[i].line && k->col == want[i].col, "%s is at %u:%u", k->text, k->line, k->col);
	}
	corefile_free(c);
}

Test(corefile, comments_quotes_escapes_bom)
{
	struct corefile *c = parse("\xef\xbb\xbf. { # first\r\n log \"a \\\"b\\\" \\d # no "
				   "comment\nsecond line\" x#y z\n}\n");
	const struct cf_node *log = &c->server[0].node[0];

	cr_assert_eq(log->n, 3);
	cr_assert_str_eq(log->tok[1].text, "a \"b\" \\d # no comment\nsecond line");
	cr_assert(log->tok[1].quoted);
	cr_assert_str_eq(log->tok[2].text, "x");
	corefile_free(c);
}

Test(corefile, braces_may_be_left_out_for_one_block)
{
	struct corefile *c = parse(".:53\nerrors\nlog\n");

	cr_assert_eq(c->n_servers, 1);
	cr_assert_eq(c->server[0].n_nodes, 2);
	corefile_free(c);
}

Test(corefile, environment_is_put_in_and_never_split)
{
	struct corefile *c = parse("{$IP}:53 {\n bind {%IP%} x{$TWO}y {$NONE} \"{$IP}\"\n}\n");
	const struct cf_node *bind = &c->server[0].node[0];

	cr_assert_str_eq(c->server[0].key[0].text, "192.0.2.7:53");
	cr_assert_eq(bind->n, 5);
	cr_assert_str_eq(bind->tok[1].text, "192.0.2.7");
	cr_assert_str_eq(bind->tok[2].text, "xa by");
	cr_assert_str_eq(bind->tok[3].text, "");
	cr_assert_str_eq(bind->tok[4].text, "192.0.2.7");
	corefile_free(c);
}

/* What a variable holds is text, whatever it looks like; 64 are put into a token. */
Test(corefile, what_is_put_in_is_not_looked_at_again)
{
	struct corefile *c = parse("x {\n log {$REF} a{$REF}{$IP}b c{$NONE}{$IP}d\n}\n");
	const struct cf_node *log = &c->server[0].node[0];
	char text[700] = "x {\n log ", *at;

	cr_assert_str_eq(log->tok[1].text, "{$REF}{$IP}");
	cr_assert_str_eq(log->tok[2].text, "a{$REF}{$IP}192.0.2.7b");
	cr_assert_str_eq(log->tok[3].text, "c192.0.2.7d", "nothing was put in, so nothing is passed over");
	corefile_free(c);
	for (int i = 0; i < 65; i++)
		strcat(text, "{$IP}");
	strcat(text, "\n}\n");
	c = parse(text);
	at = strstr(c->server[0].node[0].tok[1].text, "{$IP}");
	cr_assert(at);
	cr_assert_str_eq(at, "{$IP}");
	cr_assert_eq(at - c->server[0].node[0].tok[1].text, 64 * 9);
	corefile_free(c);
}

Test(corefile, snippets_stand_where_they_are_imported)
{
	struct corefile *c =
		parse("(common) {\n errors\n cache {\n  success 5\n }\n}\n"
		      "(both) {\n import common\n log\n}\n. {\n import both\n whoami\n}\n");

	cr_assert_eq(c->n_servers, 1);
	cr_assert_eq(c->server[0].n_nodes, 4);
	cr_assert_str_eq(c->server[0].node[1].tok[0].text, "cache");
	cr_assert_eq(c->server[0].node[1].n_nodes, 1);
	cr_assert_str_eq(c->server[0].node[3].tok[0].text, "whoami");
	corefile_free(c);
}

Test(corefile, import_inside_a_directive_block)
{
	struct corefile *c = parse("(opts) {\n success 5\n denial 6\n}\n. {\n cache {\n  import "
				   "opts\n  keepttl\n }\n}\n");

	cr_assert_eq(c->server[0].node[0].n_nodes, 3);
	corefile_free(c);
}

static void file_write(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	cr_assert(f);
	fputs(text, f);
	fclose(f);
}

static void dir_remove(const char *dir, const char *const *names)
{
	char path[512];

	for (; *names; names++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *names);
		unlink(path);
	}
	rmdir(dir);
}

Test(corefile, imports_are_relative_to_the_importing_file)
{
	char dir[] = "/tmp/corefile-test-XXXXXX", path[512];
	struct corefile_env e = test_env();
	struct corefile *c;
	struct diag d;

	cr_assert(mkdtemp(dir));
	file_write(dir, "Corefile", ". {\n import ./*.override\n}\nimport b.server\n");
	file_write(dir, "x.override", "errors\n");
	file_write(dir, "y.override", "log\nimport deep\n");
	file_write(dir, "deep", "whoami");
	file_write(dir, "b.server", "b.org {\n nonsense {\n }\n}\n");
	snprintf(path, sizeof(path), "%s/Corefile", dir);
	cr_assert_eq(corefile_parse_file(&c, path, &e, &d), 0, "%s", d.text);
	cr_assert_eq(c->n_servers, 2);
	cr_assert_eq(c->server[0].n_nodes, 3);
	cr_assert_eq(c->n_files, 5);
	cr_assert(strstr(c->server[1].node[0].tok[0].file, "b.server"));
	corefile_free(c);
	dir_remove(dir, (const char *const[]){"Corefile", "x.override", "y.override", "deep",
					      "b.server", NULL});
}

Test(corefile, a_file_that_imports_itself_ends)
{
	char dir[] = "/tmp/corefile-test-XXXXXX", path[512];
	struct corefile_env e = test_env();
	struct corefile *c;
	struct diag d;

	cr_assert(mkdtemp(dir));
	file_write(dir, "Corefile", ". {\n import Corefile\n}\n");
	snprintf(path, sizeof(path), "%s/Corefile", dir);
	cr_assert_neq(corefile_parse_file(&c, path, &e, &d), 0);
	dir_remove(dir, (const char *const[]){"Corefile", NULL});
	assert_refused("(a) {\n import a\n}\n. {\n import a\n}\n", "import");
	assert_refused("(a) {\n x y z\n import a\n import a\n}\n. {\n import a\n}\n", "import");
}

Test(corefile, digest_ignores_blanks_and_comments)
{
	struct corefile *a = parse(". {\n errors\n}\n"),
			*b = parse("# x\n.   {\n\n errors # y\n}\n"), *c = parse(". {\n log\n}\n");

	cr_assert_str_eq(a->digest, b->digest);
	cr_assert_str_neq(a->digest, c->digest);
	corefile_free(a);
	corefile_free(b);
	corefile_free(c);
}

Test(corefile, faults_name_place_and_expectation)
{
	static const char *const bad[][2] = {
		{". {\n cahce 30\n}\n", "f:2:2: Unknown directive 'cahce' (did you mean 'cache'?)"},
		{". {\n kubernetes x\n}\n", "f:2:2: no action found for directive 'kubernetes' "
					    "with server type 'dns' (missing a plugin?)"},
		{". {\n errors\n", "f:1:3: the '{' here is never closed"},
		{". {\n errors\n}\n}\n", "f:4:1: unexpected '}'"},
		{". {\n cache {\n  success 1\n } extra\n}\n", "f:4:4: 'extra' after '}'"},
		{". {\n log \"open\n}\n", "f:2:6: the quote opened here is never closed"},
		{"a.org, {\n}\n", "Expected another address but had '{' - check for extra comma"},
		{". {\n import\n}\n", "import needs"},
		{". {\n import a b\n}\n", "Import takes only one argument"},
		{". {\n import nowhere\n}\n", "File to import not found: nowhere"},
		{". {\n import *.a*\n}\n", "Glob pattern may only contain one wildcard"},
		{". {\n import ?.a?\n}\n", "Glob pattern may only contain one wildcard"},
		{". {\n import [a].b\n}\n", "Glob pattern may only contain one wildcard"},
		{"(a) {\n errors\n", "f:1:1: snippet (a) is not closed: expected '}'"},
		{"(a) {\n cache {\n}\n", "f:1:1: snippet (a) is not closed: expected '}'"},
		{"(a)\n", "f:1:1: snippet (a): expected '{' after its name"},
		{"(a) {\n}\n(a) {\n}\n. {\n}\n", "redeclaration of previously declared snippet a"},
		{". {\n {\n }\n}\n", "unexpected '{'"},
		{"", "f: no server block"},
		{"{\n}\n", "f:1:1: unexpected '{': expected a zone before it"},
		{"a.org {\n}\nb.org\nerrors\n", "expected '{' after 'b.org'"},
		{". {\n cache 30\n cache 40\n}\n", "f:3:2: plugin/cache: this plugin can only be "
						   "used once per Server Block (first on line 2)"},
		{". {\n forward . __PILLAR__CLUSTER__DNS__\n}\n",
		 "template token __PILLAR__CLUSTER__DNS__ was never filled"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(bad[i][0], bad[i][1]);
}

Test(corefile, check_reports_everything_and_counts)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);
	struct corefile_env e = test_env();
	char path[] = "/tmp/corefile-check-XXXXXX";
	int fd = mkstemp(path);
	static const char text[] =
		". {\n cahce\n pprof\n forward . 300.1.1.1\n health 1.2.3.4\n}\n";

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(fd);
	cr_assert_eq(corefile_check(path, &e, f), 1);
	fclose(f);
	unlink(path);
	cr_assert(strstr(out, "Unknown directive 'cahce'"));
	cr_assert(strstr(out, "warning: "));
	cr_assert(strstr(out, "'300.1.1.1'"));
	cr_assert(strstr(out, "'1.2.3.4' has no port: expected 1.2.3.4:8080"));
	cr_assert(strstr(out, "3 errors, 1 warning\n"), "%s", out);
	free(out);
}
