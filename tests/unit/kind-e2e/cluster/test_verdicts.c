/* SPDX-License-Identifier: Apache-2.0 */
/* A lab script's checks as exit status, record and JUnit XML. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kind-e2e/lab/cluster/verdicts.h"
#include "lib/base/log.h"
#include "lib/record/result.h"

static char dir[64];

static void enter(void)
{
	strcpy(dir, "/tmp/verdicts.XXXXXX");
	cr_assert(mkdtemp(dir) && !chdir(dir));
	cr_assert(freopen("said", "w", stdout));
	log_setup("test", LOG_STYLE_TOOL, LOG_LVL_FATAL);
}
static void leave(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}
TestSuite(verdicts, .init = enter, .fini = leave);

static int run(const char *text, const char *out, const char *junit)
{
	static char name[] = "verdicts", *argv[] = {name, NULL};
	struct verdicts_options o = {
		.checks = "checks", .out = out, .junit = junit, .argc = 1, .argv = argv};
	FILE *f = fopen("checks", "w");

	cr_assert(f && fputs(text, f) >= 0 && !fclose(f));
	return verdicts_main(&o);
}

static char *slurp(const char *path)
{
	static char text[8192];
	FILE *f = fopen(path, "r");
	size_t n;

	cr_assert(f, "%s", path);
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = 0;
	fclose(f);
	return text;
}

Test(verdicts, one_failure_fails_the_run)
{
	cr_assert_eq(run("passed\t1.5\ta\tfine\n", NULL, NULL), 0);
	cr_assert_eq(run("passed\t1.5\ta\tfine\nfailed\t2\tb\tlost 3\n", NULL, NULL), 1);
	cr_assert_eq(run("passed\t1\ta\t\nflaky\t2\tb\t2/3\nskipped\t0\tc\tno IPVS\n", NULL, NULL),
		     0);
}

Test(verdicts, nothing_that_passed_is_no_success)
{
	cr_assert_eq(run("", NULL, NULL), 1);
	cr_assert_eq(run("skipped\t0\tall\tnot here\n", NULL, NULL), 1);
}

Test(verdicts, a_wrong_line_is_refused)
{
	cr_assert_eq(run("good\t1\ta\tb\n", NULL, NULL), 3);
	cr_assert_eq(run("passed\tsoon\ta\tb\n", NULL, NULL), 3);
	cr_assert_eq(run("passed\n", NULL, NULL), 3);
	cr_assert_eq(run("= metric\n", NULL, NULL), 3);
}

Test(verdicts, the_record_has_checks_numbers_and_skips)
{
	struct record *r;
	struct diag d = {""};
	const char *a, *b;
	bool passed;
	double v;

	cr_assert_eq(run("passed\t1\ta\tfine\nfailed\t2\tb\tlost 3\nskipped\t0\tipvs\tnot in this "
			 "kernel\n= load.lost\t3\n@ mode\tnftables\n",
			 "record", NULL),
		     1);
	cr_assert_eq(record_load(&r, "record", &d), 0, "%s", d.text);
	cr_assert(record_num(r, "load.lost", &v) && v == 3);
	cr_assert(record_num(r, "checks.failed", &v) && v == 1);
	cr_assert_str_eq(record_label(r, "mode"), "nftables");
	cr_assert(record_check(r, 1, &a, &passed, &b) && !passed && !strcmp(b, "lost 3"));
	cr_assert(record_remark(r, 0, &a, &b) && !strcmp(a, "skip") &&
		  strstr(b, "not in this kernel"));
	record_free(r);
}

Test(verdicts, a_cell_has_a_verdict_of_its_own)
{
	const char *text;

	cr_assert_eq(run("passed\t1\tstart\tfine\n"
			 "passed\t1\ta\tfine\tiptables-cache\nflaky\t2\tb\t2/3\tiptables-nocache\n"
			 "failed\t2.5\tc\tlost 3\tiptables-cache\nskipped\t0\td\twhy\tipvs-cache\n",
			 NULL, "junit.xml"),
		     1);
	fflush(stdout);
	text = slurp("said");
	cr_assert(strstr(text, "\niptables-cache: FAILED: 1 proved, 1 failed, 0 flaky (3.5 s)\n"
			       "iptables-nocache: flaky: 0 proved, 0 failed, 1 flaky (2.0 s)\n"
			       "ipvs-cache: skipped: 0 proved, 0 failed, 0 flaky, 1 skipped (0.0 s)\n"),
		  "%s", text);
	text = slurp("junit.xml");
	cr_assert(strstr(text, "classname=\"cluster.iptables-cache\" name=\"c\""), "%s", text);
	cr_assert(strstr(text, "classname=\"cluster\" name=\"start\""), "%s", text);
}

Test(verdicts, junit_is_escaped)
{
	const char *text;

	cr_assert_eq(
		run("passed\t1\ta <b> & \"c\"\tfine\nfailed\t2\td\t1 < 2\nskipped\t0\te\twhy\n",
		    NULL, "junit.xml"),
		1);
	text = slurp("junit.xml");
	cr_assert(strstr(text, "tests=\"3\" failures=\"1\" skipped=\"1\""), "%s", text);
	cr_assert(strstr(text, "name=\"a &lt;b&gt; &amp; &quot;c&quot;\" time=\"1.0\""), "%s",
		  text);
	cr_assert(strstr(text, "<failure message=\"1 &lt; 2\"/>"), "%s", text);
	cr_assert(strstr(text, "<skipped message=\"why\"/>"), "%s", text);
}
