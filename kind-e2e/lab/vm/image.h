/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest is made of: this machine's own tools with the libraries they
 * ask for, our programs, and the kernel's modules, in one initramfs; and the
 * guest's first process.
 */
#ifndef NODENS_KIND_E2E_VM_IMAGE_H
#define NODENS_KIND_E2E_VM_IMAGE_H

#include <stddef.h>

#include "lib/base/err.h"

#define IMAGE_SCENARIO_DIR "/e2e/scenario/" /* in the guest; the file's own name follows */
#define IMAGE_PROGRAM "/e2e/bin/kind-e2e"
#define IMAGE_ORIGINAL "/e2e/original/node-cache"
#define IMAGE_ARCHIVE "/e2e/node-cache.tar"

/* Why no guest can be made here (a tool or the kernel is missing): 0, or
 * ERR_UNSUPPORTED. */
int image_probe(const char *bin, const char *kernel, struct diag *d);
/* `kernel` as lab/vm/kernel leaves it. `script` is what the guest runs, in sh;
 * its standard error is the second serial line, and what it leaves in /out
 * comes back. */
struct image_parts {
	const char *bin, *kernel, *scenario, *script;
	const char *original; /* or NULL */
	const char *image;    /* of the cache, as `make image` writes it; or NULL */
};
int image_write(const char *path, const struct image_parts *p, struct diag *d);

#endif
