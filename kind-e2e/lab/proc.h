/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: run a tool to its end, start one that stays, stop it, ask
 * what it costs. Every child dies with its parent (PR_SET_PDEATHSIG).
 */
#ifndef NODENS_KIND_E2E_PROC_H
#define NODENS_KIND_E2E_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

/* A tool in the current namespaces, to its end: `input` (may be NULL) on its
 * standard input; its output, when `ret_out`, into text that the caller frees.
 * A non-zero exit is ERR_SYS with the tool's last words in the diag. */
int proc_run(const char *const argv[], const char *input, char **ret_out, struct diag *d);

/* Runs `body(arg)` in a child and exits with its result; the child is in the
 * current namespaces, named `name`, and has standard input closed. Its pid, or
 * a negative code. */
pid_t proc_fork(const char *name, int (*body)(void *), void *arg, struct diag *d);

/* Replaces the current process (in a child made by proc_fork) with a program
 * whose output goes to `log_path`. Returns only on failure. */
int proc_exec_logged(const char *const argv[], const char *log_path);

/* Has it ended? Fills the wait status then. */
bool proc_gone(pid_t pid, int *ret_status);
/* Signal, wait up to `limit_ns`, then SIGKILL. True when it ended by itself in
 * time; `ret_status` as from waitpid. pid <= 0 is nothing. */
bool proc_stop(pid_t pid, int sig, uint64_t limit_ns, int *ret_status);
/* "exit 3", "signal 9". */
const char *proc_status_str(int status, char buf[32]);

/* The process, then its descendants: how many there are, at most `max` of them in `ret`. */
unsigned proc_tree(pid_t pid, pid_t *ret, unsigned max);
bool proc_named(pid_t pid, const char *name); /* by /proc/PID/comm */
pid_t proc_find(pid_t pid, const char *name); /* the first of the tree that is named so; 0: none */

/* Processor time of a process, its threads and all living descendants. */
uint64_t proc_cpu_ns(pid_t pid);
uint64_t proc_sleeps(pid_t pid);    /* likewise, how often they went to sleep */
uint64_t proc_rss_bytes(pid_t pid); /* likewise, summed */
/* That of all processes since the machine began, by PROC_SCHEDSTAT, and of how many processors; none where its kernel does not say. */
#define PROC_SCHEDSTAT "/proc/schedstat"
uint64_t proc_machine_ns(const char *schedstat, unsigned *ret_processors);

/* A whole small file as text (caller frees), or NULL. */
char *proc_slurp(const char *path);
/* One short text into an existing file, such as a sysctl. */
int proc_put(const char *path, const char *text, struct diag *d);

#endif
