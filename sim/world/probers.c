/* SPDX-License-Identifier: Apache-2.0 */
/* A window a pod; full ones become a value of the histogram. */
#include "sim/world/probers.h"

#include <stdlib.h>
#include <string.h>

#include "lib/record/sli.h"

struct prober {
	struct sli window;
	unsigned n_windows; /* that were full */
};
struct probers {
	unsigned load;
	struct prober pod[];
};

int probers_init(struct world *w)
{
	unsigned load = 0;

	while (load < w->s->n_loads && strcmp(w->s->load[load].name, SLI_LOAD) != 0)
		load++;
	if (load == w->s->n_loads)
		return 0;
	w->probers = calloc(1, sizeof(*w->probers) + (size_t)w->n_nodes * w->s->n_pods * sizeof(w->probers->pod[0]));
	if (!w->probers)
		return ERR_NOMEM;
	w->probers->load = load;
	return 0;
}

void probers_took(struct world *w, const struct lookup *what, uint64_t took_ns, bool lost)
{
	if (!w->probers || what->load != w->probers->load)
		return;
	struct prober *p = &w->probers->pod[(size_t)what->node * w->s->n_pods + what->pod];

	lost |= took_ns >= SLI_TIMEOUT_NS;
	sli_add(&p->window, took_ns, lost);
	w->r->sli_lookups++;
	w->r->sli_lost += lost;
	if (p->window.n == SLI_WINDOW) {
		hist_record(&w->r->sli, sli_p99_ns(&p->window));
		p->window = (struct sli){0};
		p->n_windows++;
	}
}

void probers_finish(struct world *w)
{
	for (size_t i = 0; w->probers && i < (size_t)w->n_nodes * w->s->n_pods; i++) {
		const struct prober *p = &w->probers->pod[i];
		if (!p->n_windows && p->window.n)
			hist_record(&w->r->sli, sli_p99_ns(&p->window));
	}
	free(w->probers);
	w->probers = NULL;
}
