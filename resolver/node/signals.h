/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that nobody sends us for a reason. */
#ifndef NODENS_SIGNALS_H
#define NODENS_SIGNALS_H

/* Of the signals that end a process unless it says otherwise, those nobody here
 * sends for a reason: a stray one ends nothing. Not the ones that tell of a fault
 * of our own (SIGSEGV, SIGABRT, SIGSYS, ...), nor SIGXCPU, a limit's. */
void signals_ignore_rest(void);

#endif
