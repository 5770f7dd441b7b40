/* SPDX-License-Identifier: Apache-2.0 */
/* process_*: this process as /proc shows it, under the names Go's client uses. What it does not show,
 * for there is none or no descriptor to read it by, is not told: a 0 would be a counter that began anew. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "resolver/observe/metrics_int.h"

/* Something of /proc did not open. Without memory the page is not to be had either; whoever is short
 * of descriptors is to see the rest. */
static void failed(const struct metrics_page *p)
{
	*p->no_memory |= errno == ENOMEM;
}

/* Field n of /proc/PID/stat, from the third on: those behind the command's
 * parenthesis. 0 when the process is gone; NAN when nobody can tell. */
static double stat_field(const struct metrics_page *page, const char *pid, int n)
{
	char path[40], text[1024], *p;
	bool own = strcmp(pid, "self") == 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%s/stat", pid);
	f = fopen(path, "re");
	if (!f) {
		failed(page);
		return errno == ENOENT && !own ? 0 : NAN;
	}
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	p = strrchr(text, ')');
	for (int i = 2; p && i < n; i++)
		p = strchr(p + 1, ' ');
	return p ? strtod(p, NULL) : own ? NAN : 0;
}

/* Over this process and its workers. */
static double stat_sum(const struct metrics_page *p, int n)
{
	double sum = stat_field(p, "self", n);
	char pid[16];

	for (size_t i = 0; i < p->in->n_pids; i++) {
		snprintf(pid, sizeof pid, "%d", p->in->pid[i]);
		sum += stat_field(p, pid, n);
	}
	return sum;
}

static void number(const struct metrics_page *p, const struct metrics_family *f, double v)
{
	if (!isnan(v))
		fprintf(p->out, "%s %.10g\n", f->name, v);
}

/* utime and stime, and those of workers that ended: cutime and cstime of ours. */
static void emit_cpu(const struct metrics_page *p, const struct metrics_family *f)
{
	double ticks = stat_sum(p, 14) + stat_sum(p, 15) + stat_field(p, "self", 16) + stat_field(p, "self", 17);

	number(p, f, ticks / (double)sysconf(_SC_CLK_TCK));
}

static void emit_max_fds(const struct metrics_page *p, const struct metrics_family *f)
{
	struct rlimit r;

	number(p, f, getrlimit(RLIMIT_NOFILE, &r) ? 0 : (double)r.rlim_cur);
}

static void emit_open_fds(const struct metrics_page *p, const struct metrics_family *f)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = -3; /* "." and "..", and the one that reads */

	if (!dir) {
		failed(p);
		return;
	}
	while (readdir(dir))
		n++;
	closedir(dir);
	number(p, f, n);
}

static void emit_rss(const struct metrics_page *p, const struct metrics_family *f)
{
	number(p, f, stat_sum(p, 24) * (double)sysconf(_SC_PAGESIZE));
}

static void emit_vsize(const struct metrics_page *p, const struct metrics_family *f)
{
	number(p, f, stat_field(p, "self", 23));
}

static void emit_vmax(const struct metrics_page *p, const struct metrics_family *f)
{
	struct rlimit r;

	number(p, f, getrlimit(RLIMIT_AS, &r) ? 0 : (double)r.rlim_cur);
}

static double boot_s(const struct metrics_page *p)
{
	char line[256];
	double s = NAN;
	FILE *f = fopen("/proc/stat", "re");

	while (f && fgets(line, sizeof line, f)) {
		if (!strncmp(line, "btime ", 6))
			s = strtod(line + 6, NULL);
	}
	if (f)
		fclose(f);
	else
		failed(p);
	return s;
}

static void emit_start(const struct metrics_page *p, const struct metrics_family *f)
{
	if (p->in->start_s)
		number(p, f, (double)p->in->start_s);
	else
		number(p, f, boot_s(p) + stat_field(p, "self", 22) / (double)sysconf(_SC_CLK_TCK));
}

const struct metrics_family metrics_process[] = {
	{"process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", emit_cpu, 0, 0, NULL},
	{"process_max_fds", "gauge", "Maximum number of open file descriptors.", emit_max_fds, 0, 0, NULL},
	{"process_open_fds", "gauge", "Number of open file descriptors.", emit_open_fds, 0, 0, NULL},
	{"process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", emit_rss, 0, 0, NULL},
	{"process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", emit_start, 0, 0, NULL},
	{"process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", emit_vsize, 0, 0, NULL},
	{"process_virtual_memory_max_bytes", "gauge", "Maximum amount of virtual memory available in bytes.", emit_vmax, 0, 0, NULL},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};
