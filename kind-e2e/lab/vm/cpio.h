/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An initramfs as the kernel wants it (cpio, "newc", Documentation/driver-api/
 * early-userspace/buffer-format.rst), written file by file. Names have no
 * leading slash; parents are made before what is in them, by themselves. What is
 * there already is not written again. Errors stick, cpio_close tells the first.
 */
#ifndef NODENS_KIND_E2E_CPIO_H
#define NODENS_KIND_E2E_CPIO_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

struct cpio;

int cpio_open(struct cpio **ret, const char *path, struct diag *d);
bool cpio_has(const struct cpio *c, const char *name);
void cpio_dir(struct cpio *c, const char *name);
void cpio_text(struct cpio *c, const char *name, unsigned mode, const char *text);
void cpio_link(struct cpio *c, const char *name, const char *target);
void cpio_file(struct cpio *c, const char *name, const char *from); /* mode as `from` has it */
/* Ends the archive; frees `c` in any case. */
int cpio_close(struct cpio *c, struct diag *d);

#endif
