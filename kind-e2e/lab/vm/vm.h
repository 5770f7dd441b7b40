/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lab in a virtual machine: a kernel of its own (Debian's, which has IPVS
 * and all of netfilter), this machine's own tools, and in it the same program
 * with the same scenario. It needs no privileges, and nothing but qemu, a kernel
 * to boot, and time: without /dev/kvm each instruction is emulated, and then its
 * clock had better count instructions, or the guest is late for everything.
 */
#ifndef NODENS_KIND_E2E_VM_H
#define NODENS_KIND_E2E_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

#define VM_CONSOLE "vm-console.log" /* in the folder of the records */

struct vm_conf {
	const char *bin;    /* where our programs are */
	const char *kernel; /* what lab/vm/kernel made */
	const char *scenario, *out;
	const char *original; /* a program that is IMAGE_ORIGINAL in there, or NULL */
	const char *image;    /* a file that is IMAGE_ARCHIVE in there, or NULL */
	const char *const
		*args; /* of `kind-e2e run` in the guest, besides -s and -o; ends with NULL */
	bool counted;  /* the guest's time counts its instructions */
	uint64_t limit_ns;
};

/* 0, or ERR_UNSUPPORTED and what is missing. */
int vm_probe(const struct vm_conf *c, struct diag *d);
/* Can a guest with what is in this folder of lab/vm/kernel run at the machine's own speed? */
bool vm_is_fast(const char *kernel);
/* Records are in `out` afterwards, and what the run said on its standard output has
 * been said here. The exit status of the run in the guest, 128 +
 * the number of the signal that ended this one, or a negative code. */
int vm_run(const struct vm_conf *c, struct diag *d);
void vm_sweep(const char *out); /* what a killed run left there */

#endif
