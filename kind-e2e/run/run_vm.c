/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a run as they are in the guest. */
#include "kind-e2e/run/run_vm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kind-e2e/lab/proc.h"
#include "kind-e2e/lab/vm/image.h"
#include "kind-e2e/lab/vm/vm.h"
#include "kind-e2e/run/run.h"
#include "lib/base/clock.h"

#define JUNIT "junit.xml"
#define TAP "e2e.tap"
#define KERNEL_BESIDE "/../vm/kernel" /* where `make vm-kernel` puts it */

int run_vm_options(const struct run_options *o, struct diag *d)
{
	if (o->clock && strcmp(o->clock, "real") && strcmp(o->clock, "counted"))
		return diag_set(d, ERR_UNKNOWN, "--clock '%s': one of real, counted", o->clock);
	if (o->keep)
		return diag_set(d, ERR_RANGE,
				"--keep is for --lab netns: nobody can enter the guest");
	return 0;
}

static struct vm_conf conf_of(const struct run_options *o, const char *bin, const char *out,
			      char kernel[4200])
{
	snprintf(kernel, 4200, "%s%s", o->kernel ? o->kernel : bin, o->kernel ? "" : KERNEL_BESIDE);
	return (struct vm_conf){.bin = bin,
				.kernel = kernel,
				.scenario = o->scenario,
				.out = out,
				.original = o->original,
				.image = o->image,
				.counted = o->clock ? !strcmp(o->clock, "counted") : !vm_is_fast(kernel),
				.limit_ns = o->limit_ns};
}

void run_vm_probe(const struct run_options *o, const char *bin, struct probe *ret)
{
	char kernel[4200];
	const struct vm_conf c = conf_of(o, bin, "", kernel);
	struct diag d = {""};

	ret->ok = vm_probe(&c, &d) == 0;
	snprintf(ret->why, sizeof ret->why, "%.190s", d.text);
}

struct words { /* the guest's command line */
	const char *arg[8 * OPT_LIST_MAX];
	size_t n;
};

static void put(struct words *w, const char *option, const char *value)
{
	w->arg[w->n++] = option;
	if (value)
		w->arg[w->n++] = value;
}

static void put_list(struct words *w, const char *option, const struct opt_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		put(w, option, l->item[i]);
}

/* What the guest wrote among its records, to where it was asked for. */
static int deliver(const char *out, const char *name, const char *to, struct diag *d)
{
	char from[4200], *text;
	FILE *f;
	int bad;

	if (!to || !strcmp(to, "-"))
		return 0;
	snprintf(from, sizeof from, "%s/%s", out, name);
	text = proc_slurp(from);
	if (!text)
		return diag_errno(d, "%s", from);
	f = fopen(to, "we");
	bad = !f || fputs(text, f) < 0;
	bad = (f && fclose(f)) || bad;
	free(text);
	unlink(from);
	return bad ? diag_errno(d, "%s", to) : 0;
}

int run_vm(const struct run_options *o, const char *bin, const char *out, struct diag *d)
{
	char kernel[4200], duration[32], tries[32];
	struct vm_conf c = conf_of(o, bin, out, kernel);
	static struct words w;
	int rc, code;

	put_list(&w, "--cell", &o->cells);
	put_list(&w, "--include", &o->include);
	put_list(&w, "--exclude", &o->exclude);
	snprintf(tries, sizeof tries, "%" PRIu64, o->tries);
	put(&w, "--tries", tries);
	if (o->strict)
		put(&w, "--strict", NULL);
	if (o->original)
		put(&w, "--original", IMAGE_ORIGINAL);
	if (o->image)
		put(&w, "--image", IMAGE_ARCHIVE);
	if (o->sabotage)
		put(&w, "--sabotage", o->sabotage);
	if (o->junit)
		put(&w, "--junit", "/out/" JUNIT);
	if (o->tap)
		put(&w, "--tap", strcmp(o->tap, "-") ? "/out/" TAP : "-");
	snprintf(duration, sizeof duration, "%" PRIu64 "ms", o->duration_ns / NS_PER_MS);
	if (o->duration_ns)
		put(&w, "--duration", duration);
	w.arg[w.n] = NULL;
	c.args = w.arg;
	rc = vm_run(&c, d);
	if (rc != 0 && rc != 1)
		return rc;
	code = deliver(out, JUNIT, o->junit, d);
	code = code ? code : deliver(out, TAP, o->tap, d);
	return code ? code : rc;
}
