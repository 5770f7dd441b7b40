/* SPDX-License-Identifier: Apache-2.0 */
/* A bar that is drawn over where somebody looks, lines where nobody does. */
#include "kind-e2e/run/progress.h"

#include <string.h>
#include <unistd.h>

#define WIDTH 30

void progress_init(struct progress *p, FILE *out, unsigned n_cells)
{
	*p = (struct progress){.out = out, .tty = isatty(fileno(out)), .n_cells = n_cells};
}

static void show_bar(struct progress *p, double share, const char *phase)
{
	double all = ((double)p->cell + share) / (double)p->n_cells;
	int full = (int)(all * WIDTH + 0.5);
	char bar[WIDTH + 1];

	for (int i = 0; i < WIDTH; i++)
		bar[i] = i < full ? '#' : '.';
	bar[WIDTH] = '\0';
	fprintf(p->out, "\r\033[K[%s] %3.0f%%  cell %u of %u  %s: %s", bar, all * 100, p->cell + 1,
		p->n_cells, p->name, phase);
	fflush(p->out);
}

void progress_show(void *progress, double share, const char *phase)
{
	struct progress *p = progress;

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	if (p->tty) {
		show_bar(p, share, phase);
	} else if (strcmp(p->last, phase)) {
		snprintf(p->last, sizeof p->last, "%s", phase);
		fprintf(p->out, "cell %u of %u  %s: %s\n", p->cell + 1, p->n_cells, p->name, phase);
		fflush(p->out);
	}
}

void progress_done(struct progress *p, const char *verdict)
{
	fprintf(p->out, "%scell %u of %u  %s: %s\n", p->tty ? "\r\033[K" : "", p->cell + 1,
		p->n_cells, p->name, verdict);
	fflush(p->out);
	p->last[0] = '\0';
	p->cell++;
}
