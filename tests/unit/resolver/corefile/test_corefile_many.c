/* SPDX-License-Identifier: Apache-2.0 */
/* As many as can be of everything that a Corefile may hold, and one more; files that cannot be had. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fixtures/corefile_util.h"

/* The text of n things, printed by `put`. */
static char *text_of(void (*put)(FILE *f, unsigned i), unsigned n, const char *before, const char *after)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fputs(before, f);
	for (unsigned i = 0; i < n; i++)
		put(f, i);
	fputs(after, f);
	fclose(f);
	return text;
}

static void most_check(void (*put)(FILE *f, unsigned i), unsigned most, const char *before, const char *after, const char *words)
{
	char *text = text_of(put, most, before, after);
	struct diag d;
	struct corefile_plan *p = plan_try(text, &d);

	cr_expect(p, "%u are refused: %s", most, d.text);
	if (p)
		corefile_plan_free(p);
	free(text);
	text = text_of(put, most + 1, before, after);
	p = plan_try(text, &d);
	cr_expect_null(p, "%u are taken", most + 1);
	cr_expect(strstr(d.text, words), "'%s' is not in: %s", words, d.text);
	free(text);
}

static void put_port(FILE *f, unsigned i)
{
	fprintf(f, "a:%u {\n whoami\n}\n", i + 1);
}
static void put_block(FILE *f, unsigned i)
{
	fprintf(f, "z%u {\n whoami\n}\n", i);
}
static void put_key(FILE *f, unsigned i)
{
	fprintf(f, "z%u ", i);
}
/* Fifteen a block, which is what one may have. */
static void put_forward(FILE *f, unsigned i)
{
	if (i % 15 == 0)
		fprintf(f, "%sz%u {\n forward .", i ? "\n}\n" : "", i / 15);
	fprintf(f, " 192.0.%u.%u", i / 200, i % 200 + 1);
}
static void put_letter(FILE *f, unsigned i)
{
	(void)i;
	fputc('a', f);
}
static void put_path(FILE *f, unsigned i)
{
	fprintf(f, "/x%u\n", i);
}
static void put_word(FILE *f, unsigned i)
{
	(void)i;
	fputs("x ", f);
}

Test(corefile_many, to_the_last_one)
{
	most_check(put_port, CORE_LISTENERS_MAX, "", "", "more than 64 addresses to listen on");
	most_check(put_block, CORE_ZONES_MAX, "", "", "more than 256 zones in all");
	most_check(put_key, CORE_ZONES_MAX, "", "{\n whoami\n}\n", "more than 256 zones");
	most_check(put_forward, CORE_UPSTREAMS_MAX, "", "\n}\n", "more than 256 upstreams in all");
	most_check(put_letter, 10000, ". {\n rewrite name regex ", " b\n}\n", "regular expression longer than 10000 octets");
	most_check(put_letter, 254, ". {\n forward . https://192.0.2.1/", "\n}\n", "is longer than 255 octets");
	most_check(put_word, 99993, "(s) {\n", "\n}\n. {\n whoami\n}\n", "larger than 4194304 octets or 100000 words");
}

/* 128 zones of a mask are as many as if they were written down. */
Test(corefile_many, zones_of_masks)
{
	struct corefile_plan *p = plan_of("10.0.0.0/9 11.128.0.0/9 {\n whoami\n}\n");

	cr_expect_eq(p->conf.n_zones, 256);
	corefile_plan_free(p);
	assert_refused("10.0.0.0/9 11.0.0.0/9 12.0.0.0/8 {\n whoami\n}\n", "more than 256 zones");
	p = plan_of(". {\n forward . 192.0.2.1 {\n except 10.0.0.0/9 11.0.0.0/9\n }\n}\n");
	cr_expect_eq(p->conf.zone[0].forward[0].n_except, 256);
	corefile_plan_free(p);
	assert_refused(". {\n forward . 192.0.2.1 {\n except 10.0.0.0/9 11.0.0.0/9 12.0.0.0/9\n }\n}\n",
		       "'12.0.0.0/9' gives more than 256 zones");
	assert_refused(". {\n forward . 192.0.2.1 {\n except 10.0.0.0/9 11.0.0.0/9 a\n }\n}\n", "more than 256 zones");
	p = plan_of("a/b {\n whoami\n}\n");
	assert_warned(p, "'a/b' is not a CIDR block and is taken as a name");
	corefile_plan_free(p);
}

/* --- imports --- */

static const char *file_text; /* of each file; NULL: cannot be read */
static int glob_status;
static const char *glob_paths = "/x\n";

static int file_read(void *ctx, const char *path, bool secret, char **ret_text, size_t *ret_len, struct diag *d)
{
	(void)ctx;
	(void)secret;
	if (!file_text)
		return diag_set(d, ERR_SYS, "%s: no such luck", path);
	*ret_text = strdup(file_text);
	*ret_len = strlen(file_text);
	return 0;
}

static int file_glob(void *ctx, const char *pattern, char **ret)
{
	(void)ctx;
	(void)pattern;
	errno = EACCES;
	if (!glob_status)
		*ret = strdup(glob_paths);
	return glob_status;
}

static const char *parsed(const char *text, size_t len)
{
	static struct diag d;
	struct corefile_env e = test_env();
	struct corefile *c = NULL;

	e.read_file = file_read;
	e.glob_files = file_glob;
	d.text[0] = 0;
	if (corefile_parse_text(&c, "f", text, len, &e, &d) == 0)
		corefile_free(c);
	return d.text;
}

static void parse_refused(const char *text, const char *words)
{
	const char *said = parsed(text, strlen(text));

	cr_expect(strstr(said, words), "'%s' is not in '%s' of %.60s", words, said, text);
}

Test(corefile_many, imports)
{
	char *text;

	file_text = "import /x\n";
	parse_refused(". {\n import /x\n}\n", "more than 10000 imports: does a file or snippet import itself?");
	file_text = "";
	for (unsigned n = 9999; n <= 10000; n++) { /* and the statement itself */
		glob_paths = text = text_of(put_path, n, "", "");
		if (n == 9999)
			cr_expect_str_eq(parsed(". {\n import x*\n}\n", 16), "");
		else
			parse_refused(". {\n import x*\n}\n", "more than 10000 imports: does a file import itself?");
		free(text);
	}
	glob_paths = "/x\n";
	file_text = NULL;
	parse_refused(". {\n import /x\n}\n", "cannot import: /x: no such luck");
	glob_status = GLOB_ABORTED;
	parse_refused(". {\n import /x\n}\n", "cannot import /x: Permission denied");
	glob_status = GLOB_NOMATCH;
	parse_refused(". {\n import ./x\n}\n", "File to import not found: ./x");
	parse_refused(". {\n import x.y\n}\n", "File to import not found: x.y");
	parse_refused(". {\n import x\n}\n", "(and no snippet (x) is defined above)");
	cr_expect_str_eq(parsed(". {\n import x*\n}\n", 16), "", "only a warning");
	cr_expect_str_eq(parsed(". {\n import x?\n}\n", 16), "", "only a warning");
	text = text_of(put_word, 33000, "(s) {\n", "\n}\n. {\n import s\n import s\n}\n");
	cr_expect_str_eq(parsed(text, strlen(text)), "");
	free(text);
	text = text_of(put_word, 33334, "(s) {\n", "\n}\n. {\n import s\n import s\n}\n");
	parse_refused(text, "imports grow the file past 100000 words");
	free(text);
}

Test(corefile_many, what_the_text_lacks)
{
	static const char nul[] = ". {\n log \"a\0b\"\n}\n";

	cr_expect(strstr(parsed(nul, sizeof(nul) - 1), "NUL in a quoted text"));
	parse_refused("a.org,", "expected another zone after ',', found the end of the file");
	parse_refused("a.org {\n whoami\n} b.org {\n}\n", "'b.org' after '}': expected the end of the line");
	parse_refused("(s)\n. {\n}\n", "snippet (s): expected '{' after its name");
	parse_refused("(s)", "snippet (s): expected '{' after its name");
	assert_refused(". {\n search_path\n}\n", "search_path needs a block with cluster, autopath or shield");
	assert_refused(". {\n rewrite name exact a. b. foo c.\n}\n", "unexpected 'foo': expected 'answer' or the end of the rule");
}

/* --- a listener of our own --- */

static size_t listeners_of(const char *text, uint16_t private_port, struct in6_addr *ret_last, uint16_t *ret_port)
{
	struct corefile_env e = test_env();
	struct corefile_plan *p = NULL;
	struct corefile *c;
	struct diag d;
	size_t n;

	e.private_port = private_port;
	cr_assert_eq(corefile_parse_text(&c, "f", text, strlen(text), &e, &d), 0);
	cr_assert_eq(corefile_compile(&p, c, &e, &d), 0, "%s", d.text);
	n = p->conf.n_listeners;
	*ret_last = p->conf.listener[n - 1].addr;
	*ret_port = p->conf.listener[n - 1].port;
	corefile_plan_free(p);
	corefile_free(c);
	return n;
}

/* Where each address may be some service's, there is one more that cannot be. */
Test(corefile_many, a_private_listener)
{
	struct in6_addr last, want = addr_of("127.0.0.1");
	uint16_t port;

	cr_expect_eq(listeners_of(". {\n bind 192.0.2.1 192.0.2.2\n}\n", 0, &last, &port), 2);
	cr_expect_eq(listeners_of(". {\n bind 192.0.2.1 192.0.2.2\n}\n", 5300, &last, &port), 3);
	cr_expect(memcmp(&last, &want, sizeof(last)) == 0 && port == 5300);
	cr_expect_eq(listeners_of(". {\n bind 169.254.20.10 192.0.2.2\n}\n", 5300, &last, &port), 2);
	cr_expect_eq(listeners_of(". {\n bind 192.0.2.2 169.254.20.10\n}\n", 5300, &last, &port), 2);
	cr_expect_eq(listeners_of(". {\n whoami\n}\n", 5300, &last, &port), 1, "everywhere is there too");
}

/* --- systemd's resolv.conf --- */

static const char *etc_text, *run_text;

static bool run_readable(void *ctx, const char *path)
{
	(void)ctx;
	return strcmp(path, "/run/systemd/resolve/resolv.conf") || run_text;
}

static int resolv_read(void *ctx, const char *path, bool secret, char **ret_text, size_t *ret_len, struct diag *d)
{
	const char *text = strcmp(path, "/run/systemd/resolve/resolv.conf") ? etc_text : run_text;

	(void)ctx;
	(void)secret;
	(void)d;
	*ret_text = strdup(text);
	*ret_len = strlen(text);
	return 0;
}

static bool keeps; /* what was good before */
static char kept_why[200];

static int resolv_kept(void *ctx, const char *path, const char *why, char **ret_text, size_t *ret_len)
{
	(void)ctx;
	(void)path;
	snprintf(kept_why, sizeof(kept_why), "%s", why);
	if (!keeps)
		return ERR_SYS;
	*ret_text = strdup("nameserver 198.51.100.3\n");
	*ret_len = strlen(*ret_text);
	return 0;
}

/* The upstreams that `path` comes to. */
static const char *upstreams_of(const char *path, unsigned *ret_warnings)
{
	static char text[300];
	struct corefile_env e = test_env();
	struct corefile_plan *p = NULL;
	struct corefile *c;
	struct diag d;
	char file[100];

	e.readable = run_readable;
	e.read_file = resolv_read;
	e.refuse = resolv_kept;
	snprintf(file, sizeof(file), ". {\n bind 192.0.2.9\n forward . %s\n}\n", path);
	cr_assert_eq(corefile_parse_text(&c, "f", file, strlen(file), &e, &d), 0);
	cr_assert_eq(corefile_compile(&p, c, &e, &d), 0, "%s", d.text);
	text[0] = 0;
	for (size_t i = 0; i < p->conf.n_upstreams; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", p->conf.upstream[i].label);
	*ret_warnings = (unsigned)p->n_warnings;
	corefile_plan_free(p);
	corefile_free(c);
	return text;
}

/* Where /etc/resolv.conf names nobody but its own stub, the servers behind it are asked. */
Test(corefile_many, the_servers_behind_systemd_s_stub)
{
	static const char etc[] = "/etc/resolv.conf";
	unsigned n;

	etc_text = "nameserver 127.0.0.53\n";
	run_text = "nameserver 198.51.100.1\nnameserver 2001:db8::2\n";
	cr_expect_str_eq(upstreams_of(etc, &n), "198.51.100.1:53 [2001:db8::2]:53 ");
	cr_expect_eq(n, 1);
	cr_expect_str_eq(upstreams_of("/x/resolv.conf", &n), "127.0.0.53:53 ", "another file is what it says");
	etc_text = "nameserver ::1\n";
	cr_expect_str_eq(upstreams_of(etc, &n), "198.51.100.1:53 [2001:db8::2]:53 ");
	etc_text = "nameserver 127.0.0.53\nnameserver 198.51.100.7\n";
	cr_expect_str_eq(upstreams_of(etc, &n), "127.0.0.53:53 198.51.100.7:53 ", "it names another as well");
	etc_text = "nameserver 128.0.0.1\n";
	cr_expect_str_eq(upstreams_of(etc, &n), "128.0.0.1:53 ");
	etc_text = "nameserver 127.0.0.53\n";
	run_text = NULL;
	cr_expect_str_eq(upstreams_of(etc, &n), "127.0.0.53:53 ", "there is none of systemd's");
	etc_text = "search a\n";
	run_text = "nameserver 198.51.100.1\n";
	cr_expect_str_eq(upstreams_of(etc, &n), "", "nobody is named");
	cr_expect_eq(n, 1);
	cr_expect_str_eq(kept_why, "/etc/resolv.conf: expected a line 'nameserver IP'");
	keeps = true;
	cr_expect_str_eq(upstreams_of(etc, &n), "198.51.100.3:53 ", "and before somebody was");
	cr_expect_eq(n, 0);
	etc_text = "nameserver 198.51.100.7\n";
	kept_why[0] = 0;
	cr_expect_str_eq(upstreams_of(etc, &n), "198.51.100.7:53 ");
	cr_expect_str_eq(kept_why, "", "nothing is wrong with it");
}
