/* SPDX-License-Identifier: Apache-2.0 */
#include "reports/figure.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define GNUPLOT_LIMIT_S 60

const char *cell_colour(size_t i)
{
	/* each at least 3:1 on white, told apart by all common kinds of colour
	 * vision; the first four also in lightness */
	static const char *const colours[CELL_COLOURS] = { "#d55e00", "#0072b2", "#aa3377", "#009e73" };
	return colours[i % CELL_COLOURS];
}

FILE *figure_file(const struct figures *fs, const char *name, struct diag *d)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", fs->dir, name);
	FILE *f = fopen(path, "we");
	if (!f)
		diag_errno(d, "%s", path);
	return f;
}

struct figure *figure_add(struct figures *fs, enum figure_kind kind)
{
	if (fs->n == FIGURES_MAX)
		return NULL;
	struct figure *f = &fs->fig[fs->n++];
	*f = (struct figure){ .kind = kind };
	snprintf(f->id, sizeof(f->id), "f%zu", fs->n);
	return f;
}

FILE *figure_script(const struct figures *fs, const struct figure *f, struct diag *d)
{
	static const int height[] = { 430, 300, 300, 380, 300 };
	static const int width[] = { 860, 560, 560, 860, 560 };
	char name[32];
	snprintf(name, sizeof(name), "%s.gp", f->id);
	FILE *out = figure_file(fs, name, d);
	if (!out)
		return NULL;
	fprintf(out,
		"# Drawn by capacity-report; run gnuplot on it in this folder to draw it again.\n"
		"set encoding utf8\n"
		"if (!exists(\"pdf\")) {\n"
		"  set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,%d' linewidth 1.5 rounded name '%s'\n"
		"  set output '%s.svg'\n"
		"} else {\n"
		"  set title 'Picture %s'\n"
		"}\n"
		"set border 3 lc rgb '" COLOUR_AXIS "' lw 0.7\n"
		"set tics nomirror out scale 0.4 textcolor rgb '" COLOUR_INK "'\n"
		"set grid lc rgb '" COLOUR_GRID "' lw 0.6 dt 1\n"
		"set key outside top left horizontal Left reverse noenhanced samplen 3 textcolor rgb '" COLOUR_INK "'\n"
		"set lmargin 9\nset rmargin 3\n",
		width[f->kind], height[f->kind], width[f->kind] > 600 ? 12 : 14, f->id, f->id, f->id + 1);
	return out;
}

int figures_write(struct figures *fs, const struct book *b, const char *dir, struct diag *d)
{
	*fs = (struct figures){ .n = 0 };
	if (strlen(dir) >= sizeof(fs->dir))
		return diag_set(d, ERR_LIMIT, "%.60s...: the path is too long", dir);
	strcpy(fs->dir, dir);
	if (mkdir(dir, 0777) && errno != EEXIST)
		return diag_errno(d, "%s", dir);
	int rc = latency_write(fs, b, d);
	if (!rc)
		rc = conntrack_write(fs, b, d);
	if (!rc)
		rc = bars_write(fs, b, d);
	return rc;
}

static bool has_svg(const struct figures *fs, const struct figure *f)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s.svg", fs->dir, f->id);
	return access(path, R_OK) == 0;
}

static void __attribute__((noreturn)) exec_gnuplot(const char *gnuplot, const char *dir, const char *script)
{
	static char *const env[] = { (char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"LC_ALL=C.UTF-8",
				     (char *)"HOME=/nonexistent", NULL };
	char *const argv[] = { (char *)"gnuplot", (char *)"-d", (char *)script, NULL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (chdir(dir))
		_exit(126);
	int log = open("gnuplot.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(126);
	execvpe(gnuplot, argv, env);
	_exit(127);
}

/* Waits for the child, but not for ever. */
static int wait_child(pid_t pid, int *ret_status)
{
	uint64_t end = clock_mono_ns() + GNUPLOT_LIMIT_S * NS_PER_S;
	for (;;) {
		pid_t got = waitpid(pid, ret_status, WNOHANG);
		if (got == pid)
			return 0;
		if (got < 0 && errno != EINTR)
			return ERR_SYS;
		if (clock_mono_ns() > end) {
			kill(pid, SIGKILL);
			waitpid(pid, ret_status, 0);
			return ERR_TIMEOUT;
		}
		clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	}
}

int gnuplot_run(const char *gnuplot, const char *dir, const char *script, struct diag *d)
{
	int status = 0;
	pid_t pid = fork();
	if (pid < 0)
		return diag_errno(d, "fork");
	if (!pid)
		exec_gnuplot(gnuplot, dir, script);
	int rc = wait_child(pid, &status);
	if (rc)
		return diag_set(d, rc, "gnuplot did not end within %d s on %s", GNUPLOT_LIMIT_S, script);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return diag_set(d, ERR_UNSUPPORTED, "%s cannot be run; Debian's package is gnuplot-nox", gnuplot);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return diag_set(d, ERR_PEER, "gnuplot failed on %s; its words are in %s/gnuplot.log", script,
				dir);
	return 0;
}

void figures_draw(struct figures *fs, const char *gnuplot)
{
	struct diag d = { "" };
	char script[32], log[4096];
	snprintf(log, sizeof(log), "%s/gnuplot.log", fs->dir);
	unlink(log); /* an earlier report's */
	for (size_t i = 0; i < fs->n; i++) {
		snprintf(script, sizeof(script), "%s.gp", fs->fig[i].id);
		int rc = gnuplot_run(gnuplot, fs->dir, script, &d);
		fs->fig[i].drawn = !rc && has_svg(fs, &fs->fig[i]);
		if (!rc && !fs->fig[i].drawn)
			snprintf(fs->problem, sizeof(fs->problem), "%s drew nothing", gnuplot);
		if (rc)
			snprintf(fs->problem, sizeof(fs->problem), "%.250s", d.text);
		if (rc == ERR_UNSUPPORTED)
			return;
	}
}
