/* SPDX-License-Identifier: Apache-2.0 */
/* From a scenario to the list of its cells, and through them in one sandbox. */
#include "kind-e2e/run/run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kind-e2e/cell/cell.h"
#include "kind-e2e/run/outdir.h"
#include "kind-e2e/run/probe.h"
#include "kind-e2e/run/progress.h"
#include "kind-e2e/lab/sandbox.h"
#include "kind-e2e/run/run_vm.h"
#include "kind-e2e/run/table.h"
#include "lib/base/log.h"

#define CELLS_MAX 6
#define NICE (-10)

struct wanted {
	enum scen_proxy proxy;
	bool with_cache;
	char name[32];
};

struct run {
	struct lab lab;
	struct probe_report probes;
	struct progress progress;
	struct wanted cell[CELLS_MAX];
	unsigned n_cells;
	bool told; /* the table is printed: the guest did */
};

void run_bin_dir(char *ret, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret, size - 1);

	ret[n > 0 ? n : 0] = '\0';
	if (strrchr(ret, '/'))
		*strrchr(ret, '/') = '\0';
}

/* --- which cells ----------------------------------------------------------------- */

static void list_cells(struct run *r)
{
	static const enum scen_proxy modes[] = {SCEN_IPTABLES, SCEN_NFTABLES, SCEN_IPVS};
	const struct scenario *s = r->lab.s;

	for (unsigned m = 0; m < 3; m++)
		for (unsigned cache = 0; cache < 2; cache++) {
			struct wanted *w = &r->cell[r->n_cells];

			if (!(s->proxy_modes & modes[m]) || !(cache ? s->cache_on : s->cache_off))
				continue;
			w->proxy = modes[m];
			w->with_cache = cache;
			scen_cell_str(w->proxy, w->with_cache, w->name);
			r->n_cells++;
		}
}

static int choose_cells(struct run *r, const struct opt_list *names, struct diag *d)
{
	const char *all[CELLS_MAX + 1] = {NULL}, *near;
	struct wanted chosen[CELLS_MAX];
	unsigned n = 0, k;

	for (k = 0; k < r->n_cells; k++)
		all[k] = r->cell[k].name;
	for (size_t i = 0; i < names->n; i++) {
		for (k = 0; k < r->n_cells && strcmp(names->item[i], all[k]); k++)
			;
		near = err_suggest(names->item[i], all);
		if (k == r->n_cells)
			return diag_set(d, ERR_UNKNOWN,
					"--cell %s: the scenario has no such cell%s%s; it has "
					"%s%s%s%s%s%s%s",
					names->item[i], near ? "; did you mean " : "",
					near ? near : "", all[0], all[1] ? ", " : "",
					all[1] ? all[1] : "", all[1] && all[2] ? ", " : "",
					all[1] && all[2] ? all[2] : "",
					all[1] && all[2] && all[3] ? ", " : "",
					all[1] && all[2] && all[3] ? all[3] : "");
		if (n < CELLS_MAX)
			chosen[n++] = r->cell[k];
	}
	if (n) {
		memcpy(r->cell, chosen, n * sizeof chosen[0]);
		r->n_cells = n;
	}
	return 0;
}

/* --- in the sandbox ---------------------------------------------------------------- */

/* One cell and its record; true when it is as it should be. */
static bool run_one(struct run *r, const struct wanted *w)
{
	static struct cell c;
	struct diag d = {""}, why = {""};
	bool good = false;
	int failed = cell_init(&c, &r->lab, w->proxy, w->with_cache, &why);

	failed = failed ? failed : cell_run(&c, &why);
	if (cell_record(&c, failed ? why.text : NULL, &good, &d)) {
		good = false;
		why = d;
		failed = 1;
	}
	cell_release(&c);
	progress_done(&r->progress, failed ? why.text : good ? "good" : "some checks failed");
	return good;
}

static bool skip_one(struct run *r, const struct wanted *w, const char *why)
{
	struct diag d = {""};
	char text[300];
	int code = cell_record_skip(&r->lab, w->proxy, w->with_cache, why, &d);

	snprintf(text, sizeof text, "skipped: %s", code ? d.text : why);
	progress_done(&r->progress, text);
	return code == 0;
}

static int run_cells(void *arg)
{
	struct run *r = arg;
	bool good = true;

	/* what else the machine does should show as little as it may */
	setpriority(PRIO_PROCESS, 0, NICE);

	for (unsigned i = 0; i < r->n_cells; i++) {
		const struct wanted *w = &r->cell[i];
		const char *why = probe_cell(&r->probes, w->proxy, w->with_cache);

		r->progress.name = w->name;
		good = (why ? skip_one(r, w, why) : run_one(r, w)) && good;
	}
	return good ? 0 : 1;
}

/* --- outside ---------------------------------------------------------------------- */

static int prepare(struct run *r, const struct run_options *o, struct zone **ret_zone,
		   struct diag *d)
{
	struct scenario *s = NULL;
	struct topo t;
	int code = scenario_load(&s, o->scenario, d);

	if (code)
		return code;
	r->lab.s = s;
	if (o->duration_ns)
		s->duration_ns = o->duration_ns;
	code = topo_plan(&t, s, d);
	list_cells(r);
	code = code ? code : choose_cells(r, &o->cells, d);
	code = code ? code : zone_new(ret_zone, s, d);
	r->lab.zone = *ret_zone;
	return code;
}

static int run_in(struct run *r, const struct run_options *o, const struct outdir *out)
{
	struct diag d = {""};
	int rc;

	r->lab.out = out->path;
	r->lab.progress = progress_show;
	r->lab.progress_arg = &r->progress;
	if (run_is_vm(o))
		run_vm_probe(o, r->lab.bin, &r->probes.p[PROBE_SANDBOX]);
	else
		probe_all(&r->probes, r->lab.bin);
	progress_init(&r->progress, stderr, r->n_cells);
	if (!r->probes.p[PROBE_SANDBOX].ok) {
		log_warn("no lab on this machine: %s", r->probes.p[PROBE_SANDBOX].why);
		return run_cells(r); /* a skip each, in their records */
	}
	r->told = run_is_vm(o);
	rc = r->told ? run_vm(o, r->lab.bin, out->path, &d) : sandbox_run(run_cells, r, &d);
	if (rc < 0)
		log_error("%s", d.text);
	else if (rc > 1)
		log_error("the lab was ended from outside (%d)", rc);
	return rc < 0 ? 1 : rc;
}

int run_main(const struct run_options *o, int argc, char **argv)
{
	static struct run r;
	char bin[4096];
	struct zone *zone = NULL;
	struct outdir out;
	struct diag d = {""};
	int rc;

	run_bin_dir(bin, sizeof bin);
	r.lab = (struct lab){.scenario_path = o->scenario,
			     .bin = bin,
			     .argc = argc,
			     .argv = argv,
			     .keep_fd = o->keep ? fcntl(0, F_DUPFD_CLOEXEC, 3) : -1};
	if (run_vm_options(o, &d) || prepare(&r, o, &zone, &d) || outdir_open(&out, o->out, &d)) {
		log_error("%s", d.text);
		rc = 3;
	} else {
		outdir_sweep(&out);
		rc = run_in(&r, o, &out);
		outdir_sweep(&out);
		if (rc <= 1 && !r.told)
			for (unsigned i = 0; i < r.n_cells; i++)
				table_row(out.path, r.cell[i].name, i == 0);
		outdir_close(&out);
	}
	zone_free(zone);
	scenario_free((struct scenario *)r.lab.s);
	return rc;
}
