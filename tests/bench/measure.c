/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench measure: runs a generator and says what it cost others. The CPU clocks
 * of the server's processes (all descendants of one) and of the upstream are
 * read before and after, to the nanosecond; the machine's other processes are
 * added up from /proc, so that a disturbed run can be left out: tick counters of
 * a core are wrong by a fifth at rates with many short sleeps, process times are
 * not. Prints the generator's line with ours added.
 *
 *   measure SERVER_PID UPSTREAM_PID COMMAND [ARGUMENT...]
 *
 * With a number of seconds in place of a command it just waits. PROC names this
 * process namespace's /proc when /proc is the machine's.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GROUP_MAX 512

struct group { /* processes that are measured as one */
	size_t n;
	int pid[GROUP_MAX];
};

struct usage {
	double cpu_s;
	uint64_t user, system, switches, rss_kib, rss_max_kib, pss_kib, anon_kib; /* ticks; voluntary context switches */
};

static const char *own_proc = "/proc";

/* --- /proc --- */

struct stat_line {
	int pid, parent;
	uint64_t user, system, children;
};

static bool stat_read(const char *proc, const char *pid, struct stat_line *ret)
{
	char path[300], line[1024], *p;
	unsigned long long u, s, cu, cs;
	FILE *f;
	snprintf(path, sizeof(path), "%s/%s/stat", proc, pid);
	f = fopen(path, "r");
	p = f ? fgets(line, sizeof(line), f) : NULL;
	if (f)
		fclose(f);
	p = p ? strrchr(p, ')') : NULL;
	if (!p || sscanf(p + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &ret->parent, &u, &s, &cu, &cs) != 5)
		return false;
	*ret = (struct stat_line){atoi(pid), ret->parent, u, s, cu + cs};
	return true;
}

static bool is_in(const struct group *g, int pid)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->pid[i] == pid)
			return true;
	return false;
}

/* One pass over the process list; false when nobody new was found. */
static bool group_grow(struct group *g)
{
	DIR *d = opendir(own_proc);
	size_t before = g->n;
	struct stat_line s;
	for (struct dirent *e; d && (e = readdir(d));)
		if (isdigit(*e->d_name) && stat_read(own_proc, e->d_name, &s) && is_in(g, s.parent) && !is_in(g, s.pid) && g->n < GROUP_MAX)
			g->pid[g->n++] = s.pid;
	if (d)
		closedir(d);
	return g->n > before;
}

static void group_of(struct group *g, int root)
{
	g->n = 1;
	g->pid[0] = root;
	while (group_grow(g))
		;
}

/* Busy ticks of all ordinary processes of the machine, reaped children included.
 * Kernel threads are left out: their work is that of whoever sends and receives. */
static uint64_t machine_ticks(void)
{
	DIR *d = opendir("/proc");
	uint64_t sum = 0;
	struct stat_line s;
	for (struct dirent *e; d && (e = readdir(d));)
		if (isdigit(*e->d_name) && stat_read("/proc", e->d_name, &s) && s.pid != 2 && s.parent != 2)
			sum += s.user + s.system + s.children;
	if (d)
		closedir(d);
	return sum;
}

static uint64_t field_read(int pid, const char *file, const char *field)
{
	char path[300], line[256];
	unsigned long long v = 0;
	FILE *f;
	snprintf(path, sizeof(path), "%s/%d/%s", own_proc, pid, file);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			v = strtoull(line + strlen(field), NULL, 10);
	if (f)
		fclose(f);
	return v;
}

/* Voluntary switches of all threads: how often somebody went to sleep. */
static uint64_t switches_of(int pid)
{
	char path[300];
	uint64_t sum = 0;
	snprintf(path, sizeof(path), "%s/%d/task", own_proc, pid);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (!isdigit(*e->d_name))
			continue;
		char file[64];
		snprintf(file, sizeof(file), "task/%.16s/status", e->d_name);
		sum += field_read(pid, file, "voluntary_ctxt_switches:");
	}
	if (d)
		closedir(d);
	return sum;
}

static struct usage usage_of(const struct group *g)
{
	struct usage u = {0};
	for (size_t i = 0; i < g->n; i++) {
		struct timespec t;
		struct stat_line s;
		clockid_t id;
		char pid[16];
		snprintf(pid, sizeof(pid), "%d", g->pid[i]);
		if (clock_getcpuclockid(g->pid[i], &id) == 0 && clock_gettime(id, &t) == 0)
			u.cpu_s += (double)t.tv_sec + (double)t.tv_nsec / 1e9;
		if (stat_read(own_proc, pid, &s)) {
			u.user += s.user;
			u.system += s.system;
		}
		u.switches += switches_of(g->pid[i]);
		uint64_t rss = field_read(g->pid[i], "status", "VmRSS:");
		u.rss_kib += rss;
		if (rss > u.rss_max_kib)
			u.rss_max_kib = rss;
		u.anon_kib += field_read(g->pid[i], "status", "RssAnon:");
		u.pss_kib += field_read(g->pid[i], "smaps_rollup", "Pss:");
	}
	return u;
}

/* --- the generator --- */

/* Its output without the line end; its CPU seconds. */
static int command_run(char **argv, char *out, size_t cap, double *ret_cpu_s)
{
	struct rusage ru;
	size_t n = 0;
	int fd[2], status;
	if (pipe(fd))
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(fd[1], 1);
		close(fd[0]);
		close(fd[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(fd[1]);
	for (ssize_t k; n + 1 < cap && (k = read(fd[0], out + n, cap - n - 1)) > 0;)
		n += (size_t)k;
	close(fd[0]);
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (pid < 0 || wait4(pid, &status, 0, &ru) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		return -1;
	*ret_cpu_s = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) + (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	return 0;
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static char out[4096];
	struct group server, upstream;
	double load_cpu_s = 0;
	if (getenv("PROC"))
		own_proc = getenv("PROC");
	if (argc < 4 || atoi(argv[1]) <= 0 || atoi(argv[2]) <= 0) {
		fprintf(stderr, "usage: measure SERVER_PID UPSTREAM_PID COMMAND [ARGUMENT...]\n");
		return 3;
	}
	group_of(&server, atoi(argv[1]));
	group_of(&upstream, atoi(argv[2]));
	struct usage s0 = usage_of(&server), u0 = usage_of(&upstream);
	double hz = (double)sysconf(_SC_CLK_TCK), t0 = now_s(), idle_s = strtod(argv[3], NULL);
	uint64_t m0 = machine_ticks();
	if (idle_s > 0)
		usleep((useconds_t)(idle_s * 1e6));
	else if (command_run(argv + 3, out, sizeof(out), &load_cpu_s))
		return 1;
	uint64_t m1 = machine_ticks();
	double span = now_s() - t0;
	struct usage s1 = usage_of(&server), u1 = usage_of(&upstream);
	double cpu = s1.cpu_s - s0.cpu_s, up = u1.cpu_s - u0.cpu_s;
	double all = m1 > m0 ? (double)(m1 - m0) / hz : 0, foreign = all - cpu - up - load_cpu_s;
	printf("%s%sspan_s=%.3f server_cpu_s=%.4f server_user_s=%.2f server_sys_s=%.2f upstream_cpu_s=%.3f foreign_pct=%.1f switches=%llu "
	       "rss_kib=%llu rss_max_kib=%llu pss_kib=%llu anon_kib=%llu processes=%zu\n",
	       out, *out ? " " : "", span, cpu, (double)(s1.user - s0.user) / hz, (double)(s1.system - s0.system) / hz, up,
	       foreign > 0 ? 100 * foreign / span : 0, (unsigned long long)(s1.switches - s0.switches), (unsigned long long)s1.rss_kib,
	       (unsigned long long)s1.rss_max_kib, (unsigned long long)s1.pss_kib, (unsigned long long)s1.anon_kib, server.n);
	return 0;
}
