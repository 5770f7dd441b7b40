/* SPDX-License-Identifier: Apache-2.0 */
/* Which files are the newest configuration, and where the cluster's address comes from. */
#include "resolver/config/newest.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

static char dir[64], base[80], conf[80], cm[80];
static struct node_flags flags;
static struct config_source source;
static struct config_newest n;

static void put(const char *path, const char *text)
{
	struct diag d = {""};

	cr_assert_eq(file_write_atomic(path, text, strlen(text), &d), 0, "%s", d.text);
}

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/nodens-newest.%d", (int)getpid());
	snprintf(base, sizeof(base), "%s/base", dir);
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	snprintf(cm, sizeof(cm), "%s/cm", dir);
	cr_assert_eq(mkdir(dir, 0700), 0);
	flags = (struct node_flags){.conf = conf, .base_corefile = base, .kubedns_cm = cm, .upstream_svc = "kube-dns-upstream"};
	unsetenv("KUBE_DNS_UPSTREAM_SERVICE_HOST");
	config_source_init(&source, &flags);
}

static void teardown(void)
{
	char cmd[80];

	config_source_release(&source);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	cr_expect_eq(system(cmd), 0);
}

TestSuite(newest, .init = setup, .fini = teardown);

Test(newest, the_cluster_s_address)
{
	cr_expect_str_eq(source.cluster_dns_env, "KUBE_DNS_UPSTREAM_SERVICE_HOST");
	cr_expect_null(source.cluster_dns);
	setenv("KUBE_DNS_UPSTREAM_SERVICE_HOST", "10.96.0.200", 1);
	config_source_init(&source, &flags);
	cr_expect_str_eq(source.cluster_dns, "10.96.0.200");
	flags.upstream_svc = "10.96.0.201"; /* said outright */
	config_source_init(&source, &flags);
	cr_expect_str_eq(source.cluster_dns, "10.96.0.201");
	flags.upstream_svc = "fd00::1";
	config_source_init(&source, &flags);
	cr_expect_str_eq(source.cluster_dns, "fd00::1");
}

static void read_newest(bool rendered_before)
{
	config_newest_release(&n);
	config_newest_read(&source, rendered_before, &n);
}

/* A template where there is one, or was; else the Corefile itself. */
Test(newest, template_or_corefile)
{
	read_newest(false);
	cr_expect(n.corefile_rc < 0 && !n.rendered && !n.corefile);
	put(conf, "conf\n");
	read_newest(false);
	cr_expect(n.corefile_rc == 0 && !n.rendered && strcmp(n.corefile, "conf\n") == 0 && strcmp(n.name, conf) == 0);
	read_newest(true);
	cr_expect(n.corefile_rc < 0 && n.rendered, "what was made of it is not read in its place");
	put(base, "base\n");
	read_newest(false);
	cr_expect(n.corefile_rc == 0 && n.rendered && strcmp(n.corefile, "base\n") == 0 && strcmp(n.name, conf) == 0);
	cr_expect(n.kubedns_rc == 0 && !n.kubedns.stubs);
	cr_assert_eq(mkdir(cm, 0700), 0);
	char path[100];

	snprintf(path, sizeof(path), "%s/stubDomains", cm);
	put(path, "{}");
	read_newest(false);
	cr_expect_str_eq(n.kubedns.stubs, "{}");
	unlink(path);
	cr_assert_eq(mkdir(path, 0700), 0);
	read_newest(false);
	cr_expect(n.kubedns_rc < 0 && n.kubedns_why.text[0] && n.corefile_rc == 0, "one does not hide the other");
	unlink(base);
	read_newest(false);
	cr_expect(n.kubedns_rc == 0 && !n.rendered, "the ConfigMap is for templates");
	flags.conf = ""; /* in memory only */
	put(base, "base\n");
	read_newest(false);
	cr_expect(n.rendered && strcmp(n.name, base) == 0);
	unlink(base);
	read_newest(false);
	cr_expect_str_eq(n.name, "Corefile");
	config_newest_release(&n);
}

/* Read once: it is at its end afterwards. */
Test(newest, standard_input)
{
	int fd = memfd_create("in", MFD_CLOEXEC);

	put(base, "base\n");
	flags.conf = "stdin";
	cr_assert_eq(write(fd, "from stdin\n", 11), 11);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	dup2(fd, 0);
	for (int i = 0; i < 2; i++) {
		read_newest(false);
		cr_assert_eq(n.corefile_rc, 0, "%s", n.corefile_why.text);
		cr_expect_str_eq(n.corefile, "from stdin\n");
		cr_expect_not(n.rendered);
		cr_assert_eq(ftruncate(fd, 0), 0);
	}
	config_newest_release(&n);
	close(fd);
}
