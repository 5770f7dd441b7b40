/* SPDX-License-Identifier: Apache-2.0 */
/* What tools print of a node, file by file, and tar for the rest. */
#include "kind-e2e/run/collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"
#include "kind-e2e/load/ask.h"

static const struct look {
	const char *name;
	const char *argv[8];
} looks[] = {
	{"iptables", {"iptables-save", "-c", NULL}},
	{"ip6tables", {"ip6tables-save", "-c", NULL}},
	{"nft", {"nft", "list", "ruleset", NULL}},
	{"ipset", {"ipset", "list", NULL}},
	{"ipvs", {"ipvsadm", "-Ln", "--stats", NULL}},
	{"addresses", {"ip", "-d", "addr", NULL}},
	{"links", {"ip", "-s", "link", NULL}},
	{"routes", {"ip", "route", "show", "table", "all", NULL}},
	{"routes6", {"ip", "-6", "route", "show", "table", "all", NULL}},
	{"sockets", {"ss", "-anpi", NULL}},
	{"processes", {"ps", "-e", "-o", "pid,ppid,stat,etime,rss,args", NULL}},
};

static void save(const struct cell *c, const char *name, const char *when, const char *text)
{
	char path[4300];
	FILE *out;

	snprintf(path, sizeof path, "%s/state/%s.%s", c->dir, name, when);
	out = fopen(path, "we");
	if (!out)
		return;
	fputs(text, out);
	fclose(out);
}

static void put_entry(const struct ctnl_entry *e, void *arg)
{
	char a[ADDR_TEXT], b[ADDR_TEXT], x[ADDR_TEXT], y[ADDR_TEXT];

	fprintf(arg, "proto=%u %s:%u -> %s:%u, replies %s -> %s\n", e->proto,
		addr_str(&e->src, a), e->sport, addr_str(&e->dst, b), e->dport,
		addr_str(&e->reply_src, x), addr_str(&e->reply_dst, y));
}

static void save_table(struct cell *c, const char *when)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct diag d;

	if (!out)
		return;
	ctnl_dump(c->ct, put_entry, out, &d);
	fclose(out);
	save(c, "conntrack", when, text);
	free(text);
}

void collect_state(struct cell *c, const char *when)
{
	char dir[4200], *text = NULL;
	struct diag d;

	snprintf(dir, sizeof dir, "%s/state", c->dir);
	if (mkdir(dir, 0755) && errno != EEXIST)
		return;
	for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
		text = NULL;
		if (topo_tool(NETNS_NODE, looks[i].argv, NULL, &text, &d) == 0)
			save(c, looks[i].name, when, text);
		free(text);
	}
	if (c->ct)
		save_table(c, when);
	text = NULL;
	if (c->cache > 0 && cell_metrics(&text, &d) == 0)
		save(c, "metrics", when, text);
	free(text);
	text = ask_recent();
	if (text)
		save(c, "questions", when, text);
	free(text);
}

int collect_archive(const char *path, const char *out, struct diag *d)
{
	const char *const argv[] = {"tar", "-czf", path, "-C", out, ".", NULL};
	char real[4200], folder[4200], *slash;

	snprintf(folder, sizeof folder, "%s", path);
	slash = strrchr(folder, '/');
	snprintf(slash ? slash : folder, 2, "%s", slash ? "" : ".");
	if (!realpath(*folder ? folder : "/", real))
		return diag_errno(d, "%s", path);
	if (!strncmp(real, out, strlen(out)) && (!real[strlen(out)] || real[strlen(out)] == '/'))
		return diag_set(d, ERR_RANGE, "--collect %s: within --out, which it is to hold",
				path);
	return proc_run(argv, NULL, NULL, d);
}
