/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ctrl-C, a terminal that goes, a Job that is deleted: the signal ends a tool as it would anyway, so that a shell knows of it, but
 * with a line on standard error that says what was done and what was not, and without the files that were half written.
 * A program has one of these, as it has one such end.
 */
#ifndef NODENS_INTERRUPT_H
#define NODENS_INTERRUPT_H

#include "lib/base/err.h"

#define INTERRUPT_FILES 16

/* From here on: "PROGRAM: ended by SIGINT: nothing was written". A signal that was ignored stays so (nohup). */
void interrupt_begin(const char *program);
/* In place of "nothing was written". */
void interrupt_left(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* This file goes as well, at most so many; interrupt_files_forget when all are whole, or gone. */
int interrupt_file(const char *path, struct diag *d);
void interrupt_files_forget(void);
/* In between, what is asked for waits: a record is written, or a file gets its name. Of the calling thread, which should be
 * the only one. */
void interrupt_hold(void);
void interrupt_release(void);

#endif
