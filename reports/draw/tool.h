/* SPDX-License-Identifier: Apache-2.0 */
/* A program of the distribution as a child: nothing of our environment, its words in a
 * file, no waiting for ever. */
#ifndef NODENS_REPORTS_TOOL_H
#define NODENS_REPORTS_TOOL_H

#include "lib/base/err.h"

struct tool {
	char *const *argv;    /* argv[0] is looked for in PATH unless it holds a slash */
	const char *dir;      /* where it runs */
	const char *home;     /* its HOME */
	const char *log;      /* its words, appended; a name in `dir` */
	unsigned limit_s;
};

/* 0 when it ended well in time; ERR_UNSUPPORTED: it cannot be run; ERR_TIMEOUT; ERR_PEER: it
 * ended otherwise. */
int tool_run(const struct tool *c, struct diag *d);

#endif
