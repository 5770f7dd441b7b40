/* SPDX-License-Identifier: Apache-2.0 */
/* The list of signals, and why the others are not in it. */
#include "resolver/node/signals.h"

#include <signal.h>
#include <stddef.h>

void signals_ignore_rest(void)
{
	static const int unused[] = {SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGXFSZ};

	for (size_t i = 0; i < sizeof(unused) / sizeof(*unused); i++)
		signal(unused[i], SIG_IGN);
	for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
		signal(sig, SIG_IGN);
}
