/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process that parses captures can still do: it asked for everything it needs,
 * and from then on a fault in a parser finds no program to run, no socket, no other
 * process and no capability. None of it can be taken back.
 */
#ifndef NODENS_CONFINE_H
#define NODENS_CONFINE_H

#include <stdbool.h>

#include "lib/base/err.h"

/* Capabilities go, but for reading files of others, and with `writes_folder` for
 * writing into folders of others (a result record has its files made at the end).
 * 0 or an error; sanitized builds and unknown processors go without the filter. */
int confine_parser(bool writes_folder, struct diag *d);
/* Only the capabilities: live capture, once its socket is open. */
int confine_capture(struct diag *d);

#endif
