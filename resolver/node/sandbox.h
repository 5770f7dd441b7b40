/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each process can still ask of the kernel once it has settled: filters of
 * system calls, by list and for what is dangerous by argument, and Landlock as a second
 * line for files. None of it can be taken back, and whoever is forked or executed
 * later has it too. What is not allowed fails with EPERM. Sanitized builds have none
 * of it, because the sanitizers' run-time needs more.
 *
 * A worker reads what anybody sends. It opens files to read and for nothing else, asks
 * for sockets of the IP families, netlink's addresses and unix streams, works with
 * its own descriptors, memory that is never executable anew, time, and itself.
 *
 * The supervisor and the process in front read HTTP requests and what a successor
 * says. They fork, write some files, speak netlink. Who runs programs of others
 * (iptables, which may be a script) cannot have a list of what these need: it has
 * a list of what nobody does.
 */
#ifndef NODENS_NODE_SANDBOX_H
#define NODENS_NODE_SANDBOX_H

#include <stdbool.h>

#include "lib/base/err.h"

enum sandbox_programs {
	SANDBOX_NO_PROGRAM,
	SANDBOX_LAST_PROGRAM, /* may run one, in an emergency, which gets by with what is allowed here */
	SANDBOX_ANY_PROGRAM,  /* only what nobody needs is forbidden */
};

#define SANDBOX_NOBODY 60053 /* the user that a worker may become, and nobody else */
bool sandbox_none(void); /* a sanitized build */
/* Both need no_new_privs. */
int sandbox_worker(struct diag *d);
int sandbox_supervisor(enum sandbox_programs programs, struct diag *d);

/* --- landlock.c --- */
/* From now on nothing is made, written, removed or executed in the file system,
 * and no signal or abstract unix socket reaches a process outside. As much of it as
 * the kernel knows; returns the version of its interface, 0 for none. */
int landlock_readonly(void);

#endif
