/* SPDX-License-Identifier: Apache-2.0 */
/* One row a file or a tool; interfaces and sysctls, of which many make one text, by hand. */
#include "kind-e2e/doctor/gather.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kind-e2e/lab/proc.h"
#include "lib/base/file.h"

static const struct file_row {
	const char *name, *path;
	bool counter; /* read again afterwards */
} files[] = {
	{"nf_conntrack.stat", "/proc/net/stat/nf_conntrack", true},
	{"netdev", "/proc/net/dev", true},
	{"snmp", "/proc/net/snmp", true},
	{"softnet", "/proc/net/softnet_stat", true},
	{"ip_vs", "/proc/net/ip_vs", false},
};

static const char *const tools[][5] = {
	{"iptables", "iptables-save"},
	{"iptables-legacy", "iptables-legacy-save"},
	{"ip6tables", "ip6tables-save"},
	{"nft", "nft", "-s", "list", "ruleset"},
};

static const char *const sysctls[] = {
	"net/netfilter/nf_conntrack_max",
	"net/netfilter/nf_conntrack_count",
	"net/netfilter/nf_conntrack_udp_timeout",
	"net/netfilter/nf_conntrack_udp_timeout_stream",
	"net/ipv4/ip_forward",
	"net/core/rmem_default",
};

static void take_file(struct texts *s, const char *name, const char *path)
{
	struct diag d = {""};
	char *body;

	if (file_read(path, TEXT_SIZE_MAX, &body, NULL, &d))
		texts_lack(s, name, d.text);
	else
		texts_take(s, name, body);
}

/* Of its output no more is kept, in memory as it is, than a text may have: then the tool is ended.
 */
static void take_tool(struct texts *s, const char *const row[5])
{
	const char *argv[5] = {row[1], row[2], row[3], row[4], NULL};
	struct rlimit was, now;
	struct diag d = {""};
	char *body = NULL;
	int rc;

	getrlimit(RLIMIT_FSIZE, &was);
	now = was;
	if (now.rlim_cur > TEXT_SIZE_MAX)
		now.rlim_cur = TEXT_SIZE_MAX;
	setrlimit(RLIMIT_FSIZE, &now);
	rc = proc_run(argv, NULL, &body, &d);
	setrlimit(RLIMIT_FSIZE, &was);
	if (rc)
		texts_lack(s, row[0], d.text);
	else
		texts_take(s, row[0], body);
}

static void take_sysctls(struct texts *s)
{
	char *body = NULL, *value, path[128];
	size_t len = 0;
	FILE *out = open_memstream(&body, &len);

	if (!out)
		return texts_lack(s, "sysctl", "no memory");
	for (size_t i = 0; i < sizeof sysctls / sizeof sysctls[0]; i++) {
		snprintf(path, sizeof path, "/proc/sys/%s", sysctls[i]);
		if (!file_read(path, 4096, &value, NULL, NULL)) {
			fprintf(out, "%s %s", strrchr(sysctls[i], '/') + 1, value);
			free(value);
		}
	}
	fclose(out);
	texts_take(s, "sysctl", body);
}

static int mtu_of(int fd, const char *link)
{
	struct ifreq r = {{{0}}};

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", link);
	return ioctl(fd, SIOCGIFMTU, &r) ? 0 : r.ifr_mtu;
}

/* "link NAME MTU up|down", "addr NAME ADDRESS" */
static void take_links(struct texts *s)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifaddrs *list = NULL;
	char *body = NULL, text[INET6_ADDRSTRLEN];
	size_t len = 0;
	FILE *out = open_memstream(&body, &len);

	if (fd < 0 || !out || getifaddrs(&list)) {
		texts_lack(s, "links", strerror(errno));
	} else {
		for (struct ifaddrs *a = list; a; a = a->ifa_next) {
			int family = a->ifa_addr ? a->ifa_addr->sa_family : AF_PACKET;
			const void *at =
				family == AF_INET
					? (const void *)&((struct sockaddr_in *)a->ifa_addr)
						  ->sin_addr
					: (const void *)&((struct sockaddr_in6 *)a->ifa_addr)
						  ->sin6_addr;

			if (family == AF_PACKET)
				fprintf(out, "link %s %d %s\n", a->ifa_name,
					mtu_of(fd, a->ifa_name),
					a->ifa_flags & IFF_UP ? "up" : "down");
			else if ((family == AF_INET || family == AF_INET6) &&
				 inet_ntop(family, at, text, sizeof text))
				fprintf(out, "addr %s %s\n", a->ifa_name, text);
		}
		freeifaddrs(list);
	}
	if (fd >= 0)
		close(fd);
	if (!out)
		return;
	fclose(out);
	if (texts_find(s, "links"))
		free(body);
	else
		texts_take(s, "links", body);
}

static void take_kernel(struct texts *s)
{
	struct utsname u;
	char *body;

	if (uname(&u) || asprintf(&body, "%s\n", u.release) < 0)
		texts_lack(s, "kernel", "uname failed");
	else
		texts_take(s, "kernel", body);
}

/* That it is there makes this a node; of its configuration only one line, for the rest is none of
 * ours. */
static void take_kubelet(struct texts *s)
{
	char *conf, *body = NULL, *line;

	if (access("/var/lib/kubelet", F_OK))
		return;
	if (!file_read("/var/lib/kubelet/config.yaml", TEXT_SIZE_MAX, &conf, NULL, NULL)) {
		line = strstr(conf, "resolvConf:");
		if (line && (line == conf || line[-1] == '\n'))
			body = strndup(line, strcspn(line, "\n"));
		free(conf);
	}
	texts_take(s, "kubelet", body ? body : strdup("its folder is there"));
}

/* The file is what the kernel prints where it is built in; the tool asks by netlink. */
static void take_table(struct texts *s)
{
	static const char *const tool[5] = {"conntrack", "conntrack", "-L"};

	take_file(s, "conntrack", "/proc/net/nf_conntrack");
	if (access("/proc/net/nf_conntrack", F_OK))
		take_tool(s, tool);
}

void gather(struct texts *s, const struct gather_conf *c)
{
	take_kernel(s);
	take_file(s, "resolv.conf", c->resolv_conf);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		take_file(s, files[i].name, files[i].path);
	take_sysctls(s);
	take_links(s);
	for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++)
		take_tool(s, tools[i]);
	take_kubelet(s);
	if (c->dump)
		take_table(s);
}

void gather_again(struct texts *s)
{
	char name[TEXT_NAME_MAX];

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		if (!files[i].counter)
			continue;
		snprintf(name, sizeof name, "%s" GATHER_AFTER, files[i].name);
		take_file(s, name, files[i].path);
	}
}
