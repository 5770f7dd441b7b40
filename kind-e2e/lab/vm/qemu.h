/* SPDX-License-Identifier: Apache-2.0 */
/* One virtual machine, from power-on to its end. */
#ifndef NODENS_KIND_E2E_VM_QEMU_H
#define NODENS_KIND_E2E_VM_QEMU_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct qemu_conf {
	const char *kernel; /* vmlinuz */
	const char *initrd;
	const char *disk;    /* what the guest writes its records to */
	const char *console; /* file for the kernel's words */
	bool counted;	     /* time is a count of instructions: always emulated */
	uint64_t limit_ns;   /* and not longer */
};

/* 0 when there is a qemu for this processor, or ERR_UNSUPPORTED. */
int qemu_probe(struct diag *d);
/* Runs it to its end; the second serial line goes to standard error. 0, 128 + the
 * number of the signal that ended it, or a negative code. */
int qemu_run(const struct qemu_conf *q, struct diag *d);
/* Does this kernel (vmlinuz) run at the machine's own speed? Tried once: a second or two where
 * it does, 20 s where /dev/kvm is there and hangs. */
bool qemu_has_kvm(const char *kernel);

#endif
