/* SPDX-License-Identifier: Apache-2.0 */
/* Which files make a guest, and the script that is its first process. */
#include "kind-e2e/lab/vm/image.h"

#include <dirent.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kind-e2e/lab/proc.h"
#include "kind-e2e/lab/vm/cpio.h"

#define XTABLES_DIRS "/usr/lib/*/xtables"

static const char *const programs[] = {"kind-e2e", "node-cache", "pcap-replay", NULL};
static const char *const tools[] = {"busybox",
				    "ip",
				    "tc",
				    "nft",
				    "iptables",
				    "iptables-save",
				    "iptables-restore",
				    "ip6tables",
				    "ip6tables-save",
				    "ip6tables-restore",
				    "ipset",
				    "ipvsadm",
				    "conntrack",
				    "sysctl",
				    NULL};
/* All of netfilter comes along and is loaded as it is asked for; but not the old
 * iptables tables: iptables is nf_tables' here, as on a node. */
static const char *const module_dirs[] = {"kernel/net/netfilter/", "kernel/net/ipv4/netfilter/",
					  "kernel/net/ipv6/netfilter/", NULL};
static const char *const old_tables[] = {"ip_tables", "iptable_", "ip6_tables", "ip6table_", NULL};
/* These nothing asks for. */
static const char *const modules[] = {
	"virtio_pci", "virtio_blk", "dummy",	 "veth",       "bridge",
	"ip_vs",      "ip_vs_rr",   "nf_tables", "nft_compat", "nf_conntrack_netlink",
	"sch_netem",  "sch_tbf",    NULL};
/* Around a node there is little else; protocols are for ipset, which looks them up. */
static const struct {
	const char *name, *text;
} texts[] = {
	{"etc/passwd", "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"},
	{"etc/group", "root:x:0:\nnogroup:x:65534:\n"},
	{"etc/protocols", "ip 0 IP\nicmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\nsctp 132 SCTP\n"},
	{"etc/services", "domain 53/tcp\ndomain 53/udp\n"},
	{"etc/nsswitch.conf", "hosts: files dns\n"},
	{"etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
	{"etc/resolv.conf", ""},
	{"etc/hostname", "e2e\n"},
};
static const char init[] =
	"#!/bin/busybox sh\n"
	"/bin/busybox --install -s /bin\n"
	"export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/\n"
	"mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev\n"
	"mount -t tmpfs tmp /tmp; mount -t tmpfs run /run; mount -t tmpfs out /out\n"
	"mkdir -p /dev/shm /run/netns; mount -t tmpfs shm /dev/shm\n"
	"ln -s /proc/self/fd /dev/fd\n"
	"ip link set lo up; hostname e2e\n"
	"for m in $(cat /e2e/modules); do modprobe $m || echo \"no module $m\"; done\n"
	"stty -F /dev/ttyS1 raw\n"
	"echo \"guest: $(uname -r) is up after $(cut -d' ' -f1 /proc/uptime) s\"\n"
	"sh /e2e/script </dev/null >/dev/console 2>/dev/ttyS1\n"
	"echo $? >/out/.status\n"
	"echo \"guest: ends after $(cut -d' ' -f1 /proc/uptime) s\"\n"
	"tar -C /out -cf /dev/vda . && sync || echo 'guest: the records do not fit'\n"
	"poweroff -f\n";

/* --- files of this machine --------------------------------------------------------- */

/* Where a tool is, or an empty string. */
static void find_tool(const char *name, char ret[PATH_MAX])
{
	static const char *const dirs[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin"};

	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
		snprintf(ret, PATH_MAX, "%s/%s", dirs[i], name);
		if (access(ret, X_OK) == 0)
			return;
	}
	*ret = '\0';
}

/* The guest's /lib, /lib64, /bin and /sbin are links into /usr, as Debian's are. */
static void guest_name(const char *path, char ret[PATH_MAX])
{
	bool merged = strncmp(path, "/usr/", 5) != 0 &&
		      (!strncmp(path, "/lib", 4) || !strncmp(path, "/bin/", 5) ||
		       !strncmp(path, "/sbin/", 6));

	snprintf(ret, PATH_MAX, "%s%s", merged ? "usr/" : "", path + 1);
}

/* The libraries a program asks for, as its own loader finds them. */
static void put_libraries(struct cpio *c, const char *path)
{
	const char *const ldd[] = {"ldd", path, NULL};
	char *text = NULL, name[PATH_MAX], *save = NULL;
	struct diag d = {""};

	if (proc_run(ldd, NULL, &text, &d))
		return; /* a static one */
	for (char *word = strtok_r(text, " \t\n", &save); word;
	     word = strtok_r(NULL, " \t\n", &save))
		if (*word == '/') {
			guest_name(word, name);
			cpio_file(c, name, word);
		}
	free(text);
}

/* A tool under its name; one of many names is a link to the program it is. */
static int put_tool(struct cpio *c, const char *name, struct diag *d)
{
	char path[PATH_MAX], real[PATH_MAX], in_guest[PATH_MAX], link[PATH_MAX];

	find_tool(name, path);
	if (!*path || !realpath(path, real))
		return diag_set(d, ERR_UNSUPPORTED, "no program %s on this machine", name);
	guest_name(real, in_guest);
	cpio_file(c, in_guest, real);
	guest_name(path, link);
	if (strcmp(link, in_guest)) {
		char target[PATH_MAX + 1];

		snprintf(target, sizeof target, "/%s", in_guest);
		cpio_link(c, link, target);
	}
	put_libraries(c, real);
	return 0;
}

static int put_xtables(struct cpio *c, struct diag *d)
{
	char path[PATH_MAX];
	struct dirent *e;
	glob_t found;
	DIR *dir = NULL;

	if (glob(XTABLES_DIRS, 0, NULL, &found) == 0)
		dir = opendir(found.gl_pathv[0]);
	if (!dir)
		return diag_set(d, ERR_UNSUPPORTED, "no iptables extensions in " XTABLES_DIRS);
	while ((e = readdir(dir)))
		if (strstr(e->d_name, ".so")) {
			snprintf(path, sizeof path, "%s/%s", found.gl_pathv[0], e->d_name);
			cpio_file(c, path + 1, path);
		}
	closedir(dir);
	globfree(&found);
	return 0;
}

/* --- modules ----------------------------------------------------------------------- */

/* "kernel/net/veth.ko.xz" is module "veth", "nft-x.ko" module "nft_x". */
static bool is_module(const char *file, size_t len, const char *name)
{
	size_t at = len;

	while (at && file[at - 1] != '/')
		at--;
	for (; *name && at < len; at++, name++)
		if (file[at] != *name && !(file[at] == '-' && *name == '_'))
			return false;
	return !*name && len - at >= 3 && !memcmp(file + at, ".ko", 3);
}

static void put_module(struct cpio *c, const char *kernel, const char *release, const char *line)
{
	const char *end = line + strcspn(line, "\n");

	for (const char *at = line; at < end; at += strspn(at, ": ")) {
		size_t len = strcspn(at, ": \n");
		char from[PATH_MAX], name[PATH_MAX];

		snprintf(name, sizeof name, "usr/lib/modules/%s/%.*s", release, (int)len, at);
		snprintf(from, sizeof from, "%s/%s", kernel, name + strlen("usr/"));
		cpio_file(c, name, from);
		at += len;
	}
}

static int find_release(const char *kernel, char ret[NAME_MAX + 1], struct diag *d)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof path, "%s/lib/modules", kernel);
	dir = opendir(path);
	*ret = '\0';
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			snprintf(ret, NAME_MAX + 1, "%s", e->d_name);
	if (dir)
		closedir(dir);
	return *ret ? 0
		    : diag_set(d, ERR_UNSUPPORTED,
			       "no kernel in %s (kind-e2e/lab/vm/kernel fetches one)", kernel);
}

static bool is_wanted(const char *line)
{
	size_t len = strcspn(line, ":\n");
	const char *file = line + len;

	while (file > line && file[-1] != '/')
		file--;
	for (const char *const *old = old_tables; *old; old++)
		if (!strncmp(file, *old, strlen(*old)))
			return false;
	for (const char *const *dir = module_dirs; *dir; dir++)
		if (!strncmp(line, *dir, strlen(*dir)))
			return true;
	for (const char *const *m = modules; *m; m++)
		if (is_module(line, len, *m))
			return true;
	return false;
}

static int put_modules(struct cpio *c, const char *kernel, struct diag *d)
{
	static const char *const indexes[] = {"dep", "alias", "symbols", "builtin", "order", NULL};
	char release[NAME_MAX + 1], path[PATH_MAX], name[PATH_MAX], list[1024] = "", *dep;
	int code = find_release(kernel, release, d);

	if (code)
		return code;
	snprintf(path, sizeof path, "%s/lib/modules/%s/modules.dep", kernel, release);
	dep = proc_slurp(path);
	if (!dep)
		return diag_errno(d, "%s", path);
	for (const char *line = dep; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (is_wanted(line))
			put_module(c, kernel, release, line);
	}
	free(dep);
	for (const char *const *i = indexes; *i; i++) {
		snprintf(name, sizeof name, "usr/lib/modules/%s/modules.%s", release, *i);
		snprintf(path, sizeof path, "%s/%s", kernel, name + strlen("usr/"));
		if (access(path, R_OK) == 0)
			cpio_file(c, name, path);
	}
	for (const char *const *m = modules; *m; m++)
		strcat(strcat(list, *m), "\n");
	cpio_text(c, "e2e/modules", 0644, list);
	return 0;
}

/* --- all --------------------------------------------------------------------------- */

static int fill(struct cpio *c, const struct image_parts *parts, struct diag *d)
{
	static const char *const merged[] = {"lib", "lib64", "bin", "sbin", NULL};
	static const char *const dirs[] = {"proc", "sys", "dev", "tmp", "run", "out", "e2e", NULL};
	char path[PATH_MAX], name[PATH_MAX];
	int code = 0;

	for (const char *const *m = merged; *m; m++) {
		snprintf(name, sizeof name, "usr/%s", *m);
		cpio_dir(c, name);
		cpio_link(c, *m, name);
	}
	for (const char *const *dir = dirs; *dir; dir++)
		cpio_dir(c, *dir);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		cpio_text(c, texts[i].name, 0644, texts[i].text);
	cpio_link(c, "usr/sbin/modprobe", "/bin/busybox");
	cpio_text(c, "init", 0755, init);
	cpio_text(c, "e2e/script", 0644, parts->script);
	snprintf(name, sizeof name, IMAGE_SCENARIO_DIR "%s", basename(parts->scenario));
	cpio_file(c, name + 1, parts->scenario);
	for (const char *const *t = tools; !code && *t; t++)
		code = put_tool(c, *t, d);
	for (const char *const *p = programs; !code && *p; p++) {
		snprintf(path, sizeof path, "%s/%s", parts->bin, *p);
		snprintf(name, sizeof name, "e2e/bin/%s", *p);
		cpio_file(c, name, path);
		put_libraries(c, path);
	}
	if (parts->original) {
		cpio_file(c, &IMAGE_ORIGINAL[1], parts->original);
		put_libraries(c, parts->original);
	}
	if (parts->image)
		cpio_file(c, &IMAGE_ARCHIVE[1], parts->image);
	code = code ? code : put_xtables(c, d);
	return code ? code : put_modules(c, parts->kernel, d);
}

int image_write(const char *path, const struct image_parts *p, struct diag *d)
{
	struct diag later = {""};
	struct cpio *c;
	int code = cpio_open(&c, path, d), closed;

	if (code)
		return code;
	code = fill(c, p, d);
	closed = cpio_close(c, code ? &later : d);
	return code ? code : closed;
}

int image_probe(const char *bin, const char *kernel, struct diag *d)
{
	char path[PATH_MAX];
	int code;

	for (const char *const *t = tools; *t; t++) {
		find_tool(*t, path);
		if (!*path)
			return diag_set(d, ERR_UNSUPPORTED,
					"no program %s (tools/deps packages-vm.txt)", *t);
	}
	for (const char *const *p = programs; *p; p++) {
		snprintf(path, sizeof path, "%s/%s", bin, *p);
		if (access(path, X_OK))
			return diag_set(d, ERR_UNSUPPORTED, "%s is not beside kind-e2e", *p);
	}
	code = find_release(kernel, path, d);
	if (code)
		return code;
	snprintf(path, sizeof path, "%s/vmlinuz", kernel);
	return access(path, R_OK) ? diag_set(d, ERR_UNSUPPORTED, "no %s", path) : 0;
}
