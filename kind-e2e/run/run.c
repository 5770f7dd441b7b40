/* SPDX-License-Identifier: Apache-2.0 */
/* From a scenario to the list of its cells, and through them in one sandbox. */
#include "kind-e2e/run/run.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kind-e2e/cell/cell_image.h"
#include "kind-e2e/check/record.h"
#include "kind-e2e/lab/sandbox.h"
#include "kind-e2e/run/collect.h"
#include "kind-e2e/run/outdir.h"
#include "kind-e2e/run/probe.h"
#include "kind-e2e/run/progress.h"
#include "kind-e2e/run/report.h"
#include "kind-e2e/run/run_vm.h"
#include "kind-e2e/run/select.h"
#include "kind-e2e/run/table.h"
#include "lib/base/log.h"

#define NICE (-10)

struct run {
	struct lab lab;
	const struct run_options *opt;
	struct selection sel;
	struct probe_report probes;
	struct progress progress;
	struct cell_spec cell[CELLS_MAX];
	unsigned n_cells;
	struct findings *found;	  /* [CELLS_MAX], memory that the lab shares */
	struct result *record;	  /* of the cell that runs */
	char sabotage_id[80];
	bool told; /* the guest has said it all */
};

void run_bin_dir(char *ret, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret, size - 1);

	ret[n > 0 ? n : 0] = '\0';
	if (strrchr(ret, '/'))
		*strrchr(ret, '/') = '\0';
}

/* --- in the sandbox ---------------------------------------------------------------- */

static bool wanted(const struct check *x, void *arg)
{
	const struct run *r = arg;

	return select_check(&r->sel, x->id);
}

static void measured(struct cell *c, const struct totals *t, void *arg)
{
	struct run *r = arg;

	record_load_numbers(r->record, c, t);
}

static void found(const struct finding *f, void *arg)
{
	report_line(stdout, f);
	(void)arg;
}

static void judge_cell(struct run *r, struct cell *c, struct findings *ret)
{
	const char *what = r->opt->sabotage ? strchr(r->opt->sabotage, ':') : NULL;
	struct judge_conf conf = {.wanted = wanted,
				  .arg = r,
				  .tries = (unsigned)r->opt->tries,
				  .sabotage_id = what ? r->sabotage_id : NULL,
				  .sabotage = what ? what + 1 + strspn(what + 1, " ") : NULL,
				  .measured = measured,
				  .found = found};

	judge(c, &conf, ret);
	if (r->opt->collect || findings_verdict(ret) == VERDICT_FAILED)
		collect_state(c, "end");
}

/* One cell, its checks and its record. */
static void run_one(struct run *r, const struct cell_spec *spec, struct findings *ret)
{
	static struct cell c;
	uint64_t begin = clock_mono_ns();
	struct diag d = {""};
	int code = record_cell_open(&r->record, &r->lab, spec, &d);

	if (!code) {
		code = cell_init(&c, &r->lab, spec, &d);
		code = code ? code : cell_up(&c, &d);
		if (!code)
			judge_cell(r, &c, ret);
		cell_hold(&c);
		cell_down(&c);
		cell_release(&c);
	}
	if (code)
		snprintf(ret->broke, sizeof ret->broke, "%s", d.text);
	ret->took_s = (double)(clock_mono_ns() - begin) / 1e9;
	ret->done = true;
	if (r->record && record_cell_close(r->record, ret, &d) && !ret->broke[0])
		snprintf(ret->broke, sizeof ret->broke, "%s", d.text);
	r->record = NULL;
}

static void skip_one(struct run *r, const struct cell_spec *spec, struct findings *ret,
		     const char *why)
{
	struct result *record = NULL;
	struct diag d = {""};
	int code;

	snprintf(ret->skipped, sizeof ret->skipped, "%s", why);
	ret->done = true;
	code = record_cell_open(&record, &r->lab, spec, &d);
	code = code ? code : record_cell_close(record, ret, &d);
	if (code) {
		ret->skipped[0] = '\0';
		snprintf(ret->broke, sizeof ret->broke, "%s", d.text);
	}
}

static bool is_good(const struct run *r, const struct findings *f)
{
	enum verdict v = findings_verdict(f);

	return v != VERDICT_FAILED && !(v == VERDICT_FLAKY && r->opt->strict);
}

/* What else the machine does should show as little as it may. Where the kernel shares out by session
 * (sched_autogroup_enabled) a process's own nice value counts within its session alone; the sandbox is
 * one by itself. */
static void stand_out(void)
{
	FILE *group;

	setpriority(PRIO_PROCESS, 0, NICE);
	group = fopen("/proc/self/autogroup", "we");
	if (group) {
		fprintf(group, "%d\n", NICE);
		fclose(group);
	}
}

static int run_cells(void *arg)
{
	struct run *r = arg;
	bool good = true;
	struct diag d = {""};

	stand_out();
	if (r->lab.image && cell_image_unpack(r->lab.image, &d)) {
		log_error("--image: %s", d.text);
		return 3;
	}

	for (unsigned i = 0; i < r->n_cells; i++) {
		const struct cell_spec *spec = &r->cell[i];
		const char *why = probe_cell(&r->probes, spec);

		r->progress.name = r->found[i].cell;
		if (why)
			skip_one(r, spec, &r->found[i], why);
		else
			run_one(r, spec, &r->found[i]);
		progress_done(&r->progress, verdict_str(findings_verdict(&r->found[i])));
		good = is_good(r, &r->found[i]) && good;
	}
	return good ? 0 : 1;
}

/* --- outside ---------------------------------------------------------------------- */

static int choose(struct run *r, struct diag *d)
{
	const char *colon = r->opt->sabotage ? strchr(r->opt->sabotage, ':') : NULL;
	int n;

	r->sel = (struct selection){&r->opt->cells, &r->opt->include, &r->opt->exclude,
				    r->opt->original != NULL};
	n = select_cells(&r->sel, r->lab.s, r->cell, d);
	if (n < 0)
		return n;
	r->n_cells = (unsigned)n;
	for (unsigned i = 0; i < r->n_cells; i++)
		cell_spec_str(&r->cell[i], r->found[i].cell);
	if (r->opt->sabotage && !colon)
		return diag_set(d, ERR_SYNTAX, "--sabotage '%s': expected CHECK: WHAT",
				r->opt->sabotage);
	if (colon)
		snprintf(r->sabotage_id, sizeof r->sabotage_id, "%.*s",
			 (int)(colon - r->opt->sabotage), r->opt->sabotage);
	return 0;
}

static int prepare(struct run *r, struct zone **ret_zone, struct diag *d)
{
	struct scenario *s = NULL;
	struct topo t;
	int code = scenario_load(&s, r->opt->scenario, d);

	if (code)
		return code;
	r->lab.s = s;
	if (r->opt->duration_ns)
		s->duration_ns = r->opt->duration_ns;
	r->found = mmap(NULL, CELLS_MAX * sizeof r->found[0], PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->found == MAP_FAILED)
		return diag_errno(d, "memory");
	code = topo_plan(&t, s, SCEN_IP4, d);
	code = code ? code : choose(r, d);
	code = code ? code : fixture_add(s, d);
	code = code ? code : zone_new(ret_zone, s, d);
	r->lab.zone = *ret_zone;
	return code;
}

/* --- labs: where cells run, a row each --- */

struct lab_kind {
	const char *name;
	int (*options)(const struct run_options *o, struct diag *d); /* that exclude each other */
	void (*probe)(struct run *r);
	/* As sandbox_run; `told`: what was found is said in there already. */
	int (*go)(struct run *r, const char *out, struct diag *d);
	bool told;
};

static int netns_options(const struct run_options *o, struct diag *d)
{
	return o->kernel || o->clock ? diag_set(d, ERR_RANGE, "--kernel and --clock are for --lab vm") : 0;
}

static void netns_probe(struct run *r)
{
	probe_all(&r->probes, r->lab.bin);
}

static int netns_go(struct run *r, const char *out, struct diag *d)
{
	(void)out;
	return sandbox_run(run_cells, r, d);
}

static void vm_probe_run(struct run *r)
{
	run_vm_probe(r->opt, r->lab.bin, &r->probes.p[PROBE_SANDBOX]);
}

static int vm_go(struct run *r, const char *out, struct diag *d)
{
	return run_vm(r->opt, r->lab.bin, out, d);
}

static const struct lab_kind lab_kinds[] = {
	{"netns", netns_options, netns_probe, netns_go, false},
	{"vm", run_vm_options, vm_probe_run, vm_go, true},
};

static const struct lab_kind *lab_named(const struct run_options *o, struct diag *d)
{
	for (size_t i = 0; i < sizeof(lab_kinds) / sizeof(lab_kinds[0]); i++)
		if (strcmp(lab_kinds[i].name, o->lab) == 0)
			return lab_kinds[i].options(o, d) == 0 ? &lab_kinds[i] : NULL;
	if (strcmp(o->lab, "here") == 0)
		diag_set(d, ERR_UNSUPPORTED, "--lab here: a node that exists is looked at, not loaded: kind-e2e doctor");
	else
		diag_set(d, ERR_UNKNOWN, "--lab '%s': one of netns, vm", o->lab);
	return NULL;
}

static int run_in(struct run *r, const struct lab_kind *lab, const struct outdir *out)
{
	struct diag d = {""};
	int rc;

	r->lab.out = out->path;
	r->lab.progress = progress_show;
	r->lab.progress_arg = &r->progress;
	lab->probe(r);
	progress_init(&r->progress, stderr, r->n_cells);
	if (!r->probes.p[PROBE_SANDBOX].ok) {
		log_warn("no lab on this machine: %s", r->probes.p[PROBE_SANDBOX].why);
		return run_cells(r); /* a skip each, in their records */
	}
	r->told = lab->told;
	rc = lab->go(r, out->path, &d);
	if (rc < 0)
		log_error("%s", d.text);
	else if (rc > 1)
		log_error("the lab was ended from outside (%d)", rc);
	return rc < 0 ? 1 : rc;
}

/* What was found, in every form that was asked for; nonzero when one could not be written. */
static int tell(struct run *r, const struct outdir *out)
{
	struct diag d = {""};
	bool head = true;
	int code = 0;

	for (unsigned i = 0; i < r->n_cells && !r->told; i++)
		report_verdict(stdout, &r->found[i]);
	for (unsigned i = 0; i < r->n_cells; i++)
		if (!r->cell[i].empty && !r->told) {
			table_row(out->path, r->found[i].cell, head);
			head = false;
		}
	if (r->opt->junit && !r->told)
		code = report_junit(r->opt->junit, r->found, r->n_cells, &d);
	if (!code && r->opt->tap && !r->told)
		code = report_tap(r->opt->tap, r->found, r->n_cells, &d);
	if (!code && r->opt->collect)
		code = collect_archive(r->opt->collect, out->path, &d);
	if (code)
		log_error("%s", d.text);
	return code;
}

int run_main(const struct run_options *o, int argc, char **argv)
{
	static struct run r;
	char bin[4096], original[PATH_MAX], image[PATH_MAX];
	struct zone *zone = NULL;
	struct outdir out;
	struct diag d = {""};
	int rc;

	run_bin_dir(bin, sizeof bin);
	r.opt = o;
	r.lab = (struct lab){.scenario_path = o->scenario,
			     .bin = bin,
			     .argc = argc,
			     .argv = argv,
			     .keep_fd = o->keep ? fcntl(0, F_DUPFD_CLOEXEC, 3) : -1};
	const struct lab_kind *lab = lab_named(o, &d);
	if (o->original) {
		/* cells start it from folders of their own */
		r.lab.original = realpath(o->original, original);
		if (lab && (!r.lab.original || access(original, X_OK)))
			diag_errno(&d, "--original %s", o->original);
	}
	if (o->image) {
		r.lab.image = realpath(o->image, image);
		if (lab && !*d.text && (!r.lab.image || access(image, R_OK)))
			diag_errno(&d, "--image %s", o->image);
	}
	if (!lab || *d.text || prepare(&r, &zone, &d) || outdir_open(&out, o->out, &d)) {
		log_error("%s", d.text);
		rc = 3;
	} else {
		outdir_sweep(&out);
		rc = run_in(&r, lab, &out);
		outdir_sweep(&out);
		if (tell(&r, &out) && rc == 0)
			rc = 1;
		outdir_close(&out);
	}
	zone_free(zone);
	scenario_free((struct scenario *)r.lab.s);
	return rc;
}
