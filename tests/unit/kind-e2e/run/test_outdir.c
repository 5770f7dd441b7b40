/* SPDX-License-Identifier: Apache-2.0 */
/* The output folder: one run at a time, leftovers swept, results kept. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kind-e2e/run/outdir.h"

static char dir[] = "/tmp/kind-e2e-outdir-XXXXXX";

static void set_up(void)
{
	cr_assert(mkdtemp(dir));
}

static void tear_down(void)
{
	char cmd[100];

	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	cr_assert_eq(system(cmd), 0);
}

TestSuite(outdir, .init = set_up, .fini = tear_down);

static void touch(const char *name)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	cr_assert(f, "%s", path);
	fclose(f);
}

static int there(const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

Test(outdir, a_second_run_is_refused_until_the_first_is_over)
{
	struct outdir a, b;
	struct diag d = {""};

	cr_assert_eq(outdir_open(&a, dir, &d), 0, "%s", d.text);
	cr_expect_eq(outdir_open(&b, dir, &d), ERR_EXISTS);
	cr_expect(strstr(d.text, "another run"), "%s", d.text);
	outdir_close(&a);
	cr_expect_eq(outdir_open(&b, dir, &d), 0);
	outdir_close(&b);
	cr_expect(!there(".lock"));
}

Test(outdir, folders_are_made)
{
	struct outdir o;
	struct diag d = {""};
	char deep[100];

	snprintf(deep, sizeof deep, "%s/a/b/c", dir);
	cr_assert_eq(outdir_open(&o, deep, &d), 0, "%s", d.text);
	cr_expect(there("a/b/c/.lock"));
	outdir_close(&o);
}

Test(outdir, run_cannot_be_seen_from_the_lab)
{
	struct outdir o;
	struct diag d = {""};

	if (access("/run", W_OK))
		cr_skip_test("/run is not writable");
	cr_expect_eq(outdir_open(&o, "/run/kind-e2e-test", &d), ERR_RANGE);
	rmdir("/run/kind-e2e-test");
}

Test(outdir, only_temporary_files_are_swept)
{
	struct outdir o;
	struct diag d = {""};
	char path[200];

	cr_assert_eq(outdir_open(&o, dir, &d), 0);
	snprintf(path, sizeof path, "%s/cell", dir);
	cr_assert_eq(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/cell/.partial", dir);
	cr_assert_eq(mkdir(path, 0755), 0);
	touch("cell/.partial/run.json");
	touch("cell/.pod1.qs");
	touch("cell/run.json");
	touch("cell/queries.qs");
	touch("other");
	cr_expect_eq(outdir_sweep(&o), 2);
	cr_expect(!there("cell/.partial") && !there("cell/.pod1.qs"));
	cr_expect(there("cell/run.json") && there("cell/queries.qs") && there("other"));
	outdir_close(&o);
}
