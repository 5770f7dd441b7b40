/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child that nobody outlives. prctl(2), PR_SET_PDEATHSIG: the signal comes when the thread
 * that forked ends, is not inherited by children of the child, and is forgotten when the
 * process's credentials change.
 */
#ifndef NODENS_BASE_PARENT_H
#define NODENS_BASE_PARENT_H

#include <stdbool.h>
#include <sys/types.h>

/* In the child of `parent` (its getpid() from before the fork): from here on SIGKILL comes
 * when that one ends. false: it has ended already, or the kernel does not do it (errno). */
bool parent_tie(pid_t parent);

#endif
