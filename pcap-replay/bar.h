/* SPDX-License-Identifier: Apache-2.0 */
/* How far a replay is, in a line: time, share, rate, lateness, loss. */
#ifndef NODENS_BAR_H
#define NODENS_BAR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "pcap-replay/send/sender.h"

struct bar {
	bool on_terminal; /* one line that changes, with a bar; otherwise a line each time */
	uint64_t last_ns, last_sent;
};
/* `late_p99_ns`: of all sendings so far. */
void bar_show(struct bar *b, const struct sender_progress *p, uint64_t late_p99_ns, FILE *out);
void bar_end(const struct bar *b, FILE *out);

#endif
