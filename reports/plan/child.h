/* SPDX-License-Identifier: Apache-2.0 */
/* The programs beside this one, run to their end, but not for ever. */
#ifndef NODENS_REPORTS_CHILD_H
#define NODENS_REPORTS_CHILD_H

#include <stdint.h>

#include "lib/base/err.h"

/* The folder of this program. */
int child_beside(char ret[4096], struct diag *d);
/* Runs BIN/argv[0] in `dir`; what it says goes to the end of plan.log there. 0 when it ended with
 * status 0 within the time; otherwise the diag has its last line. */
int program_run(const char *bin, char *const argv[], const char *dir, uint64_t limit_ns, struct diag *d);

#endif
