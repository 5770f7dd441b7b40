/* SPDX-License-Identifier: Apache-2.0 */
/* A process and all its living descendants. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/lab/proc.h"

#define DEPTH_MAX 8

static unsigned walk(pid_t pid, pid_t *ret, unsigned n, unsigned max, unsigned depth)
{
	char path[64], *text, *at, *end;

	if (n < max)
		ret[n++] = pid;
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
	text = depth < DEPTH_MAX ? proc_slurp(path) : NULL;
	for (at = text; at; at = end) {
		long child = strtol(at, &end, 10);

		if (end == at)
			break;
		n = walk((pid_t)child, ret, n, max, depth + 1);
	}
	free(text);
	return n;
}

unsigned proc_tree(pid_t pid, pid_t *ret, unsigned max)
{
	return pid > 0 ? walk(pid, ret, 0, max, 0) : 0;
}

bool proc_named(pid_t pid, const char *name)
{
	char path[64], *text;
	bool yes;

	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	text = proc_slurp(path);
	yes = text && !strncmp(text, name, strlen(name)) && text[strlen(name)] == '\n';
	free(text);
	return yes;
}

pid_t proc_find(pid_t pid, const char *name)
{
	pid_t all[64];
	unsigned n = proc_tree(pid, all, 64);

	for (unsigned i = 0; i < n; i++)
		if (proc_named(all[i], name))
			return all[i];
	return 0;
}
