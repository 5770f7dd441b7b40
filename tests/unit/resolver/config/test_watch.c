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

TestSuite(watch, .init = setup, .fini = teardown, .timeout = 20);

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
