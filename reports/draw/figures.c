/* SPDX-License-Identifier: Apache-2.0 */
/* All pictures of a report: written by those who know their data, then drawn. */
#include "reports/draw/figure.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/draw/tool.h"

#define GNUPLOT_LIMIT_S 60

int figures_write(struct drawing *w, const char *dir)
{
	static int (*const all[])(struct drawing * w) = {
		traffic_write, latency_write, heat_write,  compare_write, conntrack_write,
		cache_write,   bars_write,    trend_write, tornado_write,
	};
	struct figures *fs = w->fs;
	int rc = 0;
	fs->n = 0;
	fs->problem[0] = '\0';
	if (strlen(dir) >= sizeof(fs->dir))
		return diag_set(w->d, ERR_LIMIT, "%.60s...: the path is too long", dir);
	strcpy(fs->dir, dir);
	if (mkdir(dir, 0777) && errno != EEXIST)
		return diag_errno(w->d, "%s", dir);
	for (size_t i = 0; !rc && i < sizeof(all) / sizeof(all[0]); i++)
		rc = all[i](w);
	return rc;
}

static int gnuplot_run(const char *gnuplot, const char *dir, const char *script, bool narrow, struct diag *d)
{
	char *const wide[] = { (char *)gnuplot, (char *)"-d", (char *)script, NULL };
	char *const slim[] = { (char *)gnuplot, (char *)"-d", (char *)"-e", (char *)"narrow=1", (char *)script, NULL };
	struct tool c = { narrow ? slim : wide, dir, "/nonexistent", "gnuplot.log", GNUPLOT_LIMIT_S };
	int rc = tool_run(&c, d);
	if (rc == ERR_UNSUPPORTED)
		diag_set(d, rc, "%s cannot be run; Debian's package is gnuplot-nox", gnuplot);
	if (rc == ERR_PEER || rc == ERR_TIMEOUT)
		diag_set(d, rc, "%s failed on %s; its words are in %s/gnuplot.log", gnuplot, script, dir);
	return rc;
}

/* An earlier report's picture must not stand for one that fails now. */
static void picture_path(char path[4096], const struct figures *fs, const struct figure *f, bool narrow)
{
	snprintf(path, 4096, "%s/%s%s.svg", fs->dir, f->id, narrow ? "n" : "");
}

static int draw(struct figures *fs, struct figure *f, const char *gnuplot, bool narrow, struct diag *d)
{
	char script[32], path[4096];
	snprintf(script, sizeof(script), "%s.gp", f->id);
	picture_path(path, fs, f, narrow);
	unlink(path);
	int rc = gnuplot_run(gnuplot, fs->dir, script, narrow, d);
	bool drawn = !rc && access(path, R_OK) == 0;
	*(narrow ? &f->drawn_narrow : &f->drawn) = drawn;
	if (rc)
		snprintf(fs->problem, sizeof(fs->problem), "%.250s", d->text);
	else if (!drawn)
		snprintf(fs->problem, sizeof(fs->problem), "%.200s drew nothing from %s", gnuplot, script);
	return rc;
}

void figures_draw(struct figures *fs, const char *gnuplot)
{
	struct diag d = { "" };
	char log[4096];
	snprintf(log, sizeof(log), "%s/gnuplot.log", fs->dir);
	unlink(log); /* an earlier report's */
	for (size_t i = 0; i < fs->n; i++) {
		struct figure *f = &fs->fig[i];
		int rc = draw(fs, f, gnuplot, false, &d);
		if (!rc && figure_is_large(f->kind))
			rc = draw(fs, f, gnuplot, true, &d);
		if (rc == ERR_UNSUPPORTED)
			return;
	}
}
