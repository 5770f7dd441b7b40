/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a run as they are in the guest. */
#include "kind-e2e/run/run_vm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kind-e2e/lab/vm/vm.h"
#include "kind-e2e/run/run.h"
#include "lib/base/clock.h"

#define KERNEL_BESIDE "/../vm/kernel" /* where `make vm-kernel` puts it */

bool run_is_vm(const struct run_options *o)
{
	return !strcmp(o->lab, "vm");
}

int run_vm_options(const struct run_options *o, struct diag *d)
{
	if (!run_is_vm(o) && strcmp(o->lab, "netns"))
		return diag_set(d, ERR_UNKNOWN, "--lab '%s': one of netns, vm", o->lab);
	if (!run_is_vm(o) && (o->kernel || o->clock))
		return diag_set(d, ERR_RANGE, "--kernel and --clock are for --lab vm");
	if (o->clock && strcmp(o->clock, "real") && strcmp(o->clock, "counted"))
		return diag_set(d, ERR_UNKNOWN, "--clock '%s': one of real, counted", o->clock);
	if (run_is_vm(o) && o->keep)
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
				.counted = o->clock ? !strcmp(o->clock, "counted") : !vm_is_fast(),
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

int run_vm(const struct run_options *o, const char *bin, const char *out, struct diag *d)
{
	const char *args[2 * OPT_LIST_MAX + 3];
	char kernel[4200], duration[32];
	struct vm_conf c = conf_of(o, bin, out, kernel);
	size_t n = 0;

	for (size_t i = 0; i < o->cells.n; i++) {
		args[n++] = "--cell";
		args[n++] = o->cells.item[i];
	}
	if (o->duration_ns) {
		snprintf(duration, sizeof duration, "%" PRIu64 "ms", o->duration_ns / NS_PER_MS);
		args[n++] = "--duration";
		args[n++] = duration;
	}
	args[n] = NULL;
	c.args = args;
	return vm_run(&c, d);
}
