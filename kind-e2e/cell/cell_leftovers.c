/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cache may leave behind on a node, as lines that say the same whatever order things
 * were made in: each line is "what: text", counters, handles and the empty base chains that
 * iptables makes by being asked are left out, and the whole is sorted.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/cell/cell.h"
#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"

#define LINES_MAX 8192

static const struct look {
	const char *what;
	const char *argv[8];
} looks[] = {
	{"iptables", {"iptables-save", NULL}},
	{"ip6tables", {"ip6tables-save", NULL}},
	{"nft", {"nft", "-s", "list", "ruleset", NULL}},
	{"ipset", {"ipset", "save", NULL}},
	{"ipvs", {"ipvsadm", "-Sn", NULL}},
	{"addr", {"ip", "-br", "addr", NULL}},
	{"rule", {"ip", "rule", NULL}},
	{"rule6", {"ip", "-6", "rule", NULL}},
	{"route", {"ip", "route", "show", "table", "all", NULL}},
	{"route6", {"ip", "-6", "route", "show", "table", "all", NULL}},
};
static const char *const sysctls[] = {
	"net/ipv4/ip_forward",
	"net/ipv4/conf/all/route_localnet",
	"net/ipv4/conf/all/rp_filter",
	"net/ipv4/conf/all/arp_ignore",
	"net/ipv4/ip_nonlocal_bind",
	"net/ipv6/conf/all/forwarding",
	"net/ipv6/ip_nonlocal_bind",
	"net/netfilter/nf_conntrack_tcp_be_liberal",
};

/* Base chains are not the cache's doing, nor are iptables' own tables of nf_tables, which the
 * lines of iptables-save cover. */
static bool counts(const char *what, const char *line, bool *in_iptables_table)
{
	if (!strncmp(what, "ip", 2) && strstr(what, "tables")) {
		const char *policy = line[0] == ':' ? strchr(line, ' ') : NULL;

		return line[0] == '-' || (policy && policy[1] == '-');
	}
	if (!strcmp(what, "nft")) {
		if (!strncmp(line, "table ", 6))
			*in_iptables_table = strstr(line, " raw {") || strstr(line, " filter {") ||
					     strstr(line, " nat {") || strstr(line, " mangle {");
		return !*in_iptables_table && line[0] != '#';
	}
	return line[0] != '\0';
}

static void add_lines(FILE *out, const char *what, char *text)
{
	bool in_iptables_table = false;

	for (char *line = text, *next; line && *line; line = next) {
		size_t len = strcspn(line, "\n");

		next = line[len] ? line + len + 1 : NULL;
		line[len] = '\0';
		if (line[0] == ':')
			line[strcspn(line, "[")] = '\0';
		while (len && isspace((unsigned char)line[len - 1]))
			line[--len] = '\0';
		if (counts(what, line, &in_iptables_table))
			fprintf(out, "%s: %s\n", what, line);
	}
}

/* Listening TCP and unconnected UDP sockets, by /proc. */
static void add_sockets(FILE *out)
{
	static const char *const tables[] = {"tcp", "tcp6", "udp", "udp6"};

	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		char path[64], *text;

		snprintf(path, sizeof path, "/proc/self/net/%s", tables[i]);
		text = proc_slurp(path);
		for (char *line = text; line && (line = strchr(line, '\n')); line++) {
			char local[64];
			unsigned state;

			if (sscanf(line, " %*u: %63s %*s %x", local, &state) == 2 &&
			    state == (tables[i][0] == 't' ? 0x0a : 0x07))
				fprintf(out, "%s: listens at %s\n", tables[i], local);
		}
		free(text);
	}
}

/* UNIX sockets with a name; those of the abstract namespace, too, belong to a network namespace. */
static void add_unix_sockets(FILE *out)
{
	char *text = proc_slurp("/proc/self/net/unix");

	for (char *line = text, *next; line && *line; line = next) {
		char *path = line;

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		for (int field = 0; path && field < 7; field++) {
			path = strchr(path, ' '); /* the table's head has none in the last place */
			path = path ? path + strspn(path, " ") : NULL;
		}
		if (path && *path && strcmp(path, "Path") != 0)
			fprintf(out, "unix: %s\n", path);
	}
	free(text);
}

static void add_sysctls(FILE *out)
{
	for (size_t i = 0; i < sizeof sysctls / sizeof sysctls[0]; i++) {
		char path[160], *text;

		snprintf(path, sizeof path, "/proc/sys/%s", sysctls[i]);
		text = proc_slurp(path);
		if (text)
			fprintf(out, "sysctl: %s = %.*s\n", sysctls[i], (int)strcspn(text, "\n"),
				text);
		free(text);
	}
}

static void add_files(FILE *out, const struct cell *c)
{
	static const char *const argv[] = {"ls", "-A", "/run/nodelocaldns", NULL};
	struct diag d;
	char *text = NULL;

	if (proc_run(argv, NULL, &text, &d) == 0)
		add_lines(out, "run", text);
	free(text);
	for (unsigned i = 1; i <= c->cache_started; i++) {
		char path[4200];

		snprintf(path, sizeof path, "%s/node-cache.%u.pid", c->dir, i);
		text = proc_slurp(path);
		if (text)
			fprintf(out, "pid file: node-cache.%u.pid\n", i);
		free(text);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of `text` (which it cuts up), in order; their number. */
static size_t sorted(char *text, char **ret)
{
	size_t n = 0;

	for (char *line = strtok(text, "\n"); line && n < LINES_MAX; line = strtok(NULL, "\n"))
		ret[n++] = line;
	qsort(ret, n, sizeof ret[0], by_text);
	return n;
}

int leftovers_look(const struct cell *c, char **ret, struct diag *d)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int code = out ? netns_enter(NETNS_NODE, d) : diag_set(d, ERR_NOMEM, "no memory");

	if (code) {
		if (out)
			fclose(out);
		free(text);
		return code;
	}
	for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
		struct diag why; /* a tool that is not there has left nothing either */
		char *said = NULL;

		if (proc_run(looks[i].argv, NULL, &said, &why) == 0)
			add_lines(out, looks[i].what, said);
		free(said);
	}
	add_sockets(out);
	add_unix_sockets(out);
	add_sysctls(out);
	netns_leave();
	add_files(out, c);
	fclose(out);
	*ret = text;
	return text ? 0 : diag_set(d, ERR_NOMEM, "no memory");
}

unsigned leftovers_diff(const char *before, const char *after, char *words, size_t size)
{
	static char *x[LINES_MAX], *y[LINES_MAX];
	char *a = strdup(before), *b = strdup(after);
	size_t n = a ? sorted(a, x) : 0, m = b ? sorted(b, y) : 0, i = 0, k = 0, used = 0;
	unsigned found = 0;

	words[0] = '\0';
	while (i < n || k < m) {
		int order = i == n ? 1 : k == m ? -1 : strcmp(x[i], y[k]);
		const char *line = order < 0 ? x[i] : y[k];

		i += order <= 0;
		k += order >= 0;
		if (!order)
			continue;
		if (used < size)
			used += (size_t)snprintf(words + used, size - used, "%s%s \"%s\"",
						 found ? ", " : "", order < 0 ? "gone:" : "left:",
						 line);
		found++;
	}
	free(a);
	free(b);
	return found;
}
