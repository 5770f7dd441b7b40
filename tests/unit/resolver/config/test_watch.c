/* SPDX-License-Identifier: Apache-2.0 */
/* Files that change the way ConfigMaps do, by links that are swapped, are seen once each. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/config/watch.h"

static struct loop loop;
static struct watch watch;
static int n_changes;
static char dir[] = "/tmp/test-watch-XXXXXX";

static void changed(void *ctx)
{
	(void)ctx;
	n_changes++;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");
	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
	cr_assert_eq(loop_init(&loop, NULL), 0);
	cr_assert_eq(watch_init(&watch, &loop, changed, NULL, NULL), 0);
}

static void teardown(void)
{
	char cmd[64];
	watch_release(&watch);
	loop_release(&loop);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	cr_assert_eq(system(cmd), 0);
}

static void until(int n)
{
	while (n_changes < n)
		cr_assert_eq(loop_step(&loop, T_NEVER), 0);
}

TestSuite(watch, .init = setup, .fini = teardown, .timeout = 100);

Test(watch, a_configmap_swap_counts_once)
{
	const char *path[] = { "cm/Corefile" };
	mkdir("cm", 0755);
	mkdir("cm/..v1", 0755);
	mkdir("cm/..v2", 0755);
	put("cm/..v1/Corefile", "old");
	put("cm/..v2/Corefile", "new");
	cr_assert_eq(symlink("..v1", "cm/..data"), 0);
	cr_assert_eq(symlink("..data/Corefile", "cm/Corefile"), 0);
	watch_set(&watch, path, 1);
	cr_assert_eq(symlink("..v2", "cm/..tmp"), 0); /* as kubelet does it */
	cr_assert_eq(rename("cm/..tmp", "cm/..data"), 0);
	until(1);
	uint64_t quiet = loop.now_ns + 150 * NS_PER_MS;
	while (loop.now_ns < quiet)
		loop_step(&loop, quiet);
	cr_assert_eq(n_changes, 1);
}

Test(watch, the_target_of_a_link_counts)
{
	const char *path[] = { "resolv.conf" };
	mkdir("run", 0755);
	put("run/real.conf", "nameserver 10.0.0.1\n");
	cr_assert_eq(symlink("run/real.conf", "resolv.conf"), 0);
	watch_set(&watch, path, 1);
	put("run/real.conf", "nameserver 10.0.0.2\n");
	until(1);
}

Test(watch, neighbours_do_not_count_and_a_file_may_come_later)
{
	const char *path[] = { "hosts" };
	watch_set(&watch, path, 1);
	put("unrelated", "x");
	uint64_t quiet = loop.now_ns + 150 * NS_PER_MS;
	while (loop.now_ns < quiet)
		loop_step(&loop, quiet);
	cr_assert_eq(n_changes, 0);
	put("hosts", "127.0.0.1 x\n");
	until(1);
}

Test(watch, anything_in_a_directory_counts)
{
	const char *path[] = { "kube-dns" };
	mkdir("kube-dns", 0755);
	watch_set(&watch, path, 1);
	put("kube-dns/stubDomains", "{}");
	until(1);
	unlink("kube-dns/stubDomains");
	until(2);
}

/* As a reload does that ends while the next change is on its way. */
Test(watch, a_change_is_not_lost_to_a_new_list)
{
	const char *path[] = { "conf/a", "other/b" };
	mkdir("conf", 0755);
	mkdir("other", 0755);
	cr_expect(watch_set(&watch, path, 1));
	put("conf/a", "new");
	cr_expect_not(watch_set(&watch, path, 1), "watched before");
	until(1);
	put("conf/a", "newer");
	cr_expect(watch_set(&watch, path, 2), "other is new");
	until(2);
	put("other/b", "new");
	cr_expect_not(watch_set(&watch, path + 1, 1));
	until(3);
	put("conf/a", "of no concern now");
	uint64_t quiet = loop.now_ns + 150 * NS_PER_MS;
	while (loop.now_ns < quiet)
		loop_step(&loop, quiet);
	cr_expect_eq(n_changes, 3);
}

/* The way to a file may break off and be mended anywhere: the list is set anew after each call, as by a reload. */
static void step(const char *path, const char *cmd)
{
	const char *const list[] = { path };
	int before = n_changes;
	watch_set(&watch, list, 1);
	cr_assert_eq(system(cmd), 0);
	until(before + 1);
}

Test(watch, what_is_gone_may_come_back_at_any_place_of_the_way)
{
	cr_assert_eq(system("mkdir -p a/b/..v1 && echo 1 >a/b/..v1/f && ln -s ..v1 a/b/..data && ln -s ..data/f a/b/f"), 0);
	step("a/b/f", "rm a/b/..v1/f"); /* the link dangles */
	step("a/b/f", "echo 2 >a/b/..v1/f");
	step("a/b/f", "rm -r a/b/..v1");
	step("a/b/f", "mkdir a/b/..v1");
	step("a/b/f", "echo 3 >a/b/..v1/f");
	step("a/b/f", "rm a/b/..data");
	step("a/b/f", "ln -s ..v1 a/b/..data");
	step("a/b/f", "mv a gone");
	step("a/b/f", "mkdir a");
	step("a/b/f", "cp -a gone/b a/b");
	step("a/b/f", "rm -r a");
	step("a/b/f", "echo a file >a");
	step("a/b/f", "rm a");
	step("a/b/f", "mv gone a");
}

Test(watch, a_link_in_the_middle_may_lead_elsewhere)
{
	cr_assert_eq(system("mkdir -p v1/d v2/d && echo 1 >v1/d/f && echo 2 >v2/d/f && ln -s v1 now && ln -s $PWD/now/d d"), 0);
	step("d/f", "ln -s v2 next && mv -T next now");
	step("d/f", "echo 3 >v2/d/f");
	step("d/../d/f", "ln -s v1 next && mv -T next now");
	step("d/f", "rm d && ln -s d d"); /* and nowhere */
	step("d/f", "rm d && ln -s now/d d");
	step("d", "echo 4 >now/d/another"); /* a directory by a link: whatever is in it */
}

/* What a list names that it did not name before may have changed since somebody read it. */
Test(watch, a_name_more_in_a_directory_that_is_watched_is_looked_at_once_more)
{
	const char *path[] = { "a", "b" };
	put("a", "x");
	cr_expect(watch_set(&watch, path, 1));
	cr_expect_not(watch_set(&watch, path, 1));
	cr_expect(watch_set(&watch, path, 2));
	cr_expect_not(watch_set(&watch, path, 2));
	cr_expect_not(watch.partial);
}

Test(watch, more_than_can_be_watched_is_told)
{
	static char text[WATCH_DIRS_MAX][32];
	const char *path[WATCH_DIRS_MAX];
	for (size_t i = 0; i < WATCH_DIRS_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "d%zu", i);
		mkdir(text[i], 0755);
		path[i] = text[i];
	}
	watch_set(&watch, path, WATCH_DIRS_MAX);
	cr_expect(watch.partial);
	watch_set(&watch, path, 1);
	cr_expect_not(watch.partial);
}

/* All of it goes, and once is enough. */
Test(watch, released)
{
	const char *path[] = { "file" };
	struct watch none = { 0 };
	put("file", "x");
	watch_set(&watch, path, 1);
	int fd = watch.fd.fd;
	watch_release(&watch);
	cr_expect_eq(watch.fd.fd, -1);
	cr_expect_eq(fcntl(fd, F_GETFD), -1, "closed");
	watch_release(&watch);
	watch_set(&watch, path, 1);
	cr_expect_eq(watch.n_names, 0);
	watch_release(&none);
}

/* Who writes on and on is read all the same. */
Test(watch, one_that_never_rests)
{
	const char *path[] = { "file" };
	watch_set(&watch, path, 1);
	uint64_t begin = loop.now_ns;
	while (!n_changes) {
		put("file", "x");
		cr_assert_eq(loop_step(&loop, loop.now_ns + 5 * NS_PER_MS), 0);
	}
	cr_expect_geq(loop.now_ns, begin + 50 * NS_PER_MS, "a swap is several events");
	int before = n_changes;
	put("file", "y"); /* and what comes later is a change of its own */
	until(before + 1);
}

/* A directory that goes takes what is in it along; one that comes in its place is another. */
Test(watch, a_directory_that_is_gone)
{
	const char *path[] = { "dir/file", "whole" };
	mkdir("dir", 0755);
	mkdir("whole", 0755);
	watch_set(&watch, path, 2);
	rmdir("dir");
	until(1);
	mkdir("dir", 0755);
	cr_expect(watch_set(&watch, path, 2), "it is another");
	put("dir/file", "x");
	until(2);
	chmod("dir/file", 0600);
	until(3);
	rename("dir/file", "elsewhere");
	until(4);
	rename("elsewhere", "whole/any");
	until(5);
}

/* A directory for a file and for all that is in it; a file by two names. */
Test(watch, twice)
{
	const char *path[] = { "dir/file", "dir", "dir/file", "link" };
	mkdir("dir", 0755);
	cr_assert_eq(symlink("dir/file", "link"), 0);
	put("dir/file", "x");
	watch_set(&watch, path, 4);
	put("dir/other", "x");
	until(1);
	size_t n_dirs = watch.n_dirs, n_names = watch.n_names;
	cr_expect_not(watch_set(&watch, path, 4), "the same once more");
	cr_expect(watch.n_dirs == n_dirs && watch.n_names == n_names);
	watch_set(&watch, path, 1);
	cr_expect_leq(watch.n_dirs, n_dirs);
	cr_expect_lt(watch.n_names, n_names, "but for the link");
	put("dir/other", "y");
	put("dir/file", "y");
	until(2);
	watch_set(&watch, path, 1);
	put("dir/other", "z");
	uint64_t quiet = loop.now_ns + 150 * NS_PER_MS;
	while (loop.now_ns < quiet)
		loop_step(&loop, quiet);
	cr_expect_eq(n_changes, 2);
}

/* More than there is room for: the first of them count, and it is known that others do not. */
Test(watch, as_many_as_fit)
{
	static char name[WATCH_NAMES_MAX + 10][40], dirs[WATCH_DIRS_MAX + 10][40], long_path[5000];
	const char *path[WATCH_NAMES_MAX + 10];
	memset(long_path, 'x', sizeof(long_path) - 1);
	for (int i = 0; i < WATCH_NAMES_MAX + 10; i++) {
		snprintf(name[i], sizeof(name[i]), "f%d", i);
		path[i] = name[i];
	}
	path[0] = "none/here";
	path[1] = long_path;
	watch_set(&watch, path, WATCH_NAMES_MAX + 10);
	cr_expect_eq(watch.n_names, WATCH_NAMES_MAX);
	cr_expect(watch.partial);
	put(name[2], "x");
	until(1);
	for (int i = 0; i < WATCH_DIRS_MAX + 10; i++) {
		snprintf(dirs[i], sizeof(dirs[i]), "d%d", i);
		mkdir(dirs[i], 0755);
		path[i] = dirs[i];
	}
	watch_set(&watch, path, WATCH_DIRS_MAX + 10);
	cr_expect_eq(watch.n_dirs, WATCH_DIRS_MAX);
	cr_expect(watch.partial);
	uint64_t quiet = loop.now_ns + 150 * NS_PER_MS;
	while (loop.now_ns < quiet)
		loop_step(&loop, quiet);
	int before = n_changes;
	put("d0/x", "x");
	until(before + 1);
}
