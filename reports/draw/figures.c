/* SPDX-License-Identifier: Apache-2.0 */
/* All pictures of a report: written by those who know their data, then drawn. */
#include "reports/draw/figure.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
