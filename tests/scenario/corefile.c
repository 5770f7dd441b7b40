/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario's Corefile compiled as the daemon compiles it, with no variable and no
 * file to read.
 */
#include <stdio.h>
#include <string.h>

#include "resolver/corefile/corefile.h"
#include "tests/scenario/corefile.h"

static const char *corefile_no_var(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return NULL;
}

static bool corefile_no_file(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	return false;
}

static void corefile_take(struct world *w, const struct core_conf *c)
{
	struct core_forward usual;

	if (c->n_listeners > 4 || c->n_zones > 16 || c->n_upstreams > 16) {
		script_fail(&w->s, "at most 4 listeners, 16 zones, 16 upstreams");
		return;
	}
	core_conf_forward_defaults(&usual);
	memcpy(w->listener, c->listener, c->n_listeners * sizeof(*c->listener));
	if (c->n_upstreams)
		memcpy(w->upstream, c->upstream, c->n_upstreams * sizeof(*c->upstream));
	memcpy(w->zone, c->zone, c->n_zones * sizeof(*c->zone));
	w->conf.n_listeners = c->n_listeners;
	w->conf.n_upstreams = c->n_upstreams;
	w->conf.n_zones = c->n_zones;
	for (size_t i = 0; i < c->n_upstreams; i++)
		snprintf(w->text[i], sizeof(w->text[i]), "u%zu", i + 1);
	for (size_t i = 0; i < c->n_zones; i++) {
		for (size_t k = 0; k < c->zone[i].n_forward && k < 4; k++) {
			w->forward[i][k] = c->zone[i].forward[k];
			if (w->forward[i][k].hedge_percent == usual.hedge_percent)
				w->forward[i][k].hedge_percent = 0;
		}
		w->zone[i].forward = w->forward[i];
	}
}

static void config_corefile(struct world *w, const char *text)
{
	struct corefile_env e = {.dns_port = 53,
				 .hostname = "node",
				 .get_var = corefile_no_var,
				 .readable = corefile_no_file};
	struct corefile *tree;
	struct diag d;

	if (w->n_plans == 4) {
		script_fail(&w->s, "at most 4 Corefiles");
		return;
	}
	if (corefile_parse_text(&tree, "corefile", text, strlen(text), &e, &d) != 0) {
		script_fail(&w->s, "%s", d.text);
		return;
	}
	if (corefile_compile(&w->plan[w->n_plans], tree, &e, &d) != 0)
		script_fail(&w->s, "%s", d.text);
	else
		corefile_take(w, &w->plan[w->n_plans++]->conf);
	corefile_free(tree);
}

void config_corefile_read(struct world *w, FILE *f)
{
	static char text[16384];
	size_t n = 0;

	text[0] = 0;
	while (fgets(w->s.text, sizeof(w->s.text), f)) {
		size_t len = strlen(w->s.text);

		w->s.line++;
		if (strcmp(w->s.text, "end\n") == 0) {
			config_corefile(w, text);
			return;
		}
		if (n + len >= sizeof(text))
			break;
		memcpy(text + n, w->s.text, len + 1);
		n += len;
	}
	script_fail(&w->s, "corefile: no line `end`, or too long");
}
