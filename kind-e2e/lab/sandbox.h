/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world a lab runs in: its own process, mount and network namespaces (and
 * user namespace when not root), so that nothing it makes can outlive it or be
 * seen by the machine. Whoever dies, and however, the kernel takes the rest
 * down: the parent's death kills the sandbox's first process, whose death kills
 * every process in it, and with the last process go namespaces, interfaces,
 * rules, mounts.
 */
#ifndef NODENS_KIND_E2E_SANDBOX_H
#define NODENS_KIND_E2E_SANDBOX_H

#include "lib/base/err.h"

/* Runs body(arg) in a fresh sandbox as the child of its first process, and
 * waits. Returns body's result (0..125), 128 + signal when a signal to this
 * process or in the sandbox ended it, or a negative code when no sandbox could
 * be made. SIGINT, SIGTERM and SIGHUP end the sandbox at once. */
int sandbox_run(int (*body)(void *), void *arg, struct diag *d);

#endif
