/* SPDX-License-Identifier: Apache-2.0 */
/* `node-cache -check`: everything there is to say about a Corefile, as lines. */
#include "lib/base/log.h"
#include "resolver/corefile/compile.h"
#include "resolver/corefile/report.h"

/* What stands in a file may not move the cursor of who reads about it. */
static void line_print(FILE *out, const char *kind, const char *text)
{
	char words[4096];

	log_escape(words, sizeof(words), text);
	fprintf(out, "%s: %s\n", kind, words);
}

static void report_print(const struct cf_report *r, FILE *out, size_t *n_warnings)
{
	for (size_t i = 0; i < r->n; i++) {
		line_print(out, r->note[i].is_error ? "error" : "warning", r->note[i].text);
		*n_warnings += !r->note[i].is_error;
	}
	if (r->n >= CF_NOTES_MAX)
		fprintf(out, "note: the list ends here; more was found\n");
}

int corefile_check(const char *path, const struct corefile_env *e, FILE *out)
{
	struct corefile_env lint = *e;
	struct corefile_plan *p = NULL;
	struct cf_report *compiled = NULL;
	struct corefile *c;
	struct diag d;
	size_t n_warnings = 0, n_errors, n_zones = 0, n_listeners = 0, n_upstreams = 0;

	lint.lint = true;
	if (corefile_parse_file(&c, path, &lint, &d) != 0) {
		line_print(out, "error", d.text);
		fprintf(out, "%s: 1 error, 0 warnings\n", path);
		return 1;
	}
	n_errors = c->report->n_errors;
	/* Broken structure makes what follows from it meaningless. */
	if (n_errors == 0)
		cf_compile_report(&p, c, &lint, &compiled);
	report_print(c->report, out, &n_warnings);
	if (compiled) {
		report_print(compiled, out, &n_warnings);
		n_errors += compiled->n_errors;
	}
	if (p) {
		n_zones = p->conf.n_zones;
		n_listeners = p->conf.n_listeners;
		n_upstreams = p->conf.n_upstreams;
	}
	if (n_errors == 0)
		fprintf(out, "%s: good: %zu zones, %zu listeners, %zu upstreams; %zu warnings\n",
			path, n_zones, n_listeners, n_upstreams, n_warnings);
	else
		fprintf(out, "%s: %zu error%s, %zu warning%s\n", path, n_errors,
			n_errors == 1 ? "" : "s", n_warnings, n_warnings == 1 ? "" : "s");
	corefile_plan_free(p);
	corefile_free(c);
	return n_errors ? 1 : 0;
}
