/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a program to its end, bounded in time. Input and output are memory files,
 * not pipes: nobody can block on anybody, and the only thing to wait for is the
 * exit.
 */
#ifndef NODENS_NODE_CHILD_H
#define NODENS_NODE_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct child_result {
	int status;      /* exit status, or 128 + signal */
	char *out, *err; /* what it wrote, NUL-terminated; freed by child_release */
};

/* `argv[0]` is looked up in PATH. Fails with ERR_MISSING when there is no such
 * program, and with ERR_TIMEOUT after killing it. A non-zero exit status is no
 * failure here. The caller may not reap with waitpid(-1). */
int child_run(const char *const *argv, const char *input, uint64_t timeout_ns, struct child_result *ret,
	      struct diag *d);
/* Set by a signal handler: what runs is killed soon, as if late. */
extern volatile sig_atomic_t child_stop;
void child_release(struct child_result *r);

/* Whether child_run would find it. */
bool child_in_path(const char *program);

#endif
