/* SPDX-License-Identifier: Apache-2.0 */
/* What is done with a configuration that was taken: the rendered file, and which files are watched. */
#include "resolver/config/beside.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

static char dir[64], conf[80], cm[80];
static struct node_flags flags;
static struct config_source source;

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/nodens-beside.%d", (int)getpid());
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	snprintf(cm, sizeof(cm), "%s/cm", dir);
	cr_assert_eq(mkdir(dir, 0700), 0);
	flags = (struct node_flags){.conf = conf, .base_corefile = "/base", .kubedns_cm = cm};
	source = (struct config_source){.flags = &flags};
}

static void teardown(void)
{
	char cmd[80];

	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	cr_expect_eq(system(cmd), 0);
}

TestSuite(beside, .init = setup, .fini = teardown);

static ino_t inode(void)
{
	struct stat st;

	return stat(conf, &st) == 0 ? st.st_ino : 0;
}

static int written(const char *text, bool rendered)
{
	struct config c = {.text = (char *)(uintptr_t)text, .len = strlen(text), .rendered = rendered};
	struct diag d;

	return config_rendered_write(&source, &c, &d);
}

static bool conf_is(const char *want)
{
	struct diag d;
	char *text = NULL;
	bool is = file_read(conf, 1000, &text, NULL, &d) == 0 && strcmp(text, want) == 0;

	free(text);
	return is;
}

Test(beside, what_is_served_is_written)
{
	cr_expect_eq(written("one\n", false), 0);
	cr_expect_eq(inode(), 0, "nothing was rendered: the file is its owner's");
	cr_expect_eq(written("one\n", true), 0);
	cr_expect(conf_is("one\n"));
	ino_t first = inode();

	cr_expect_eq(written("one\n", true), 0);
	cr_expect_eq(inode(), first, "it is what it should be");
	cr_expect_eq(written("two\n", true), 0);
	cr_expect(conf_is("two\n"));
	flags.conf = "";
	cr_expect_eq(written("three\n", true), 0, "nowhere");
	flags.conf = "stdin";
	cr_expect_eq(written("three\n", true), 0, "nor there");
	cr_expect_eq(access("stdin", F_OK), -1);
	flags.conf = "/no/such/directory/conf";
	cr_expect_lt(written("three\n", true), 0);
	cr_expect(conf_is("two\n"));
}

Test(beside, files_that_are_watched)
{
	static struct corefile_file file[] = {{.path = "/hosts"}, {.path = "/weights"}};
	static struct corefile_plan plan = {.n_files = 2, .file = file};
	static struct config_text absent[] = {{.key = "/later"}};
	struct config c = {.rendered = true, .name = conf, .plan = &plan};
	struct config_refused why = {.missing = {.entry = absent, .n = 1}};
	const char *path[16];

	cr_assert_eq(config_files(&source, &c, &why, path, 16), 5);
	cr_expect_str_eq(path[0], "/base", "the template, not what is made of it");
	cr_expect_str_eq(path[1], cm);
	cr_expect_str_eq(path[2], "/hosts");
	cr_expect_str_eq(path[3], "/weights");
	cr_expect_str_eq(path[4], "/later");
	cr_expect_null(path[5]);
	c.rendered = false;
	cr_assert_eq(config_files(&source, &c, &why, path, 16), 5);
	cr_expect_str_eq(path[0], conf);
	c.name = NULL;
	config_files(&source, &c, &why, path, 16);
	cr_expect_str_eq(path[0], "/base", "before the first there is no name");
	c.plan = NULL;
	cr_assert_eq(config_files(&source, &c, &why, path, 16), 3);
	flags.conf = "stdin";
	cr_assert_eq(config_files(&source, &c, &why, path, 16), 2);
	cr_expect_str_eq(path[0], cm);
	cr_expect_str_eq(path[1], "/later");
	c.plan = &plan;
	for (size_t max = 1; max < 6; max++) {
		path[max] = "untouched";
		cr_expect_eq(config_files(&source, &c, &why, path, max), max - 1 < 4 ? max - 1 : 4);
		cr_expect_str_eq(path[max], "untouched");
		cr_expect_null(path[max - 1 < 4 ? max - 1 : 4]);
	}
}
