/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process and its descendants cost, from /proc: the scheduler's own
 * nanoseconds where the kernel keeps them (schedstat), else clock ticks.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kind-e2e/lab/proc.h"
#include "lib/base/clock.h"

static uint64_t thread_ns(const char *path)
{
	char *text = proc_slurp(path);
	uint64_t ns = text ? strtoull(text, NULL, 10) : 0;

	free(text);
	return ns;
}

static uint64_t ticks_ns(pid_t pid)
{
	char path[64], *text, *at;
	unsigned long utime = 0, stime = 0;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	text = proc_slurp(path);
	at = text ? strrchr(text, ')') : NULL; /* the name may hold blanks */
	if (at)
		sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &utime, &stime);
	free(text);
	return (utime + stime) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t thread_sleeps(const char *path)
{
	char *text = proc_slurp(path), *at = text ? strstr(text, "\nvoluntary_ctxt_switches:") : NULL;
	uint64_t n = at ? strtoull(strchr(at, ':') + 1, NULL, 10) : 0;

	free(text);
	return n;
}

static uint64_t sum_threads(pid_t pid, const char *file, uint64_t (*of)(const char *path))
{
	char path[300];
	uint64_t sum = 0;
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%s/%s", pid, e->d_name, file);
		sum += of(path);
	}
	if (dir)
		closedir(dir);
	return sum;
}

static uint64_t own_cpu_ns(pid_t pid)
{
	uint64_t sum = sum_threads(pid, "schedstat", thread_ns);

	return sum ? sum : ticks_ns(pid);
}

static uint64_t own_sleeps(pid_t pid)
{
	return sum_threads(pid, "status", thread_sleeps);
}

static uint64_t own_rss_bytes(pid_t pid)
{
	char path[64], *text;
	unsigned long pages = 0;

	snprintf(path, sizeof path, "/proc/%d/statm", pid);
	text = proc_slurp(path);
	if (text)
		sscanf(text, "%*u %lu", &pages);
	free(text);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t sum_tree(pid_t pid, uint64_t (*own)(pid_t))
{
	pid_t all[64];
	unsigned n = proc_tree(pid, all, 64);
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += own(all[i]);
	return sum;
}

uint64_t proc_cpu_ns(pid_t pid)
{
	return sum_tree(pid, own_cpu_ns);
}

uint64_t proc_sleeps(pid_t pid)
{
	return sum_tree(pid, own_sleeps);
}

uint64_t proc_machine_ns(const char *schedstat, unsigned *ret_processors)
{
	char *text = proc_slurp(schedstat);
	uint64_t sum = 0, ns;

	*ret_processors = 0;
	for (const char *at = text; at; at = strstr(at + 1, "\ncpu"))
		if (sscanf(at, "\ncpu%*u %*u %*u %*u %*u %*u %*u %" SCNu64, &ns) == 1) {
			sum += ns;
			(*ret_processors)++;
		}
	free(text);
	return sum;
}

uint64_t proc_rss_bytes(pid_t pid)
{
	return sum_tree(pid, own_rss_bytes);
}
