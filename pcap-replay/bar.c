/* SPDX-License-Identifier: Apache-2.0 */
/* The rate is that since the line before. */
#include "pcap-replay/bar.h"

#include <inttypes.h>

#define WIDTH 20

void bar_show(struct bar *b, const struct sender_progress *p, uint64_t late_p99_ns, FILE *out)
{
	double step_s = (double)(p->elapsed_ns - b->last_ns) / 1e9, over = (double)(p->answered + p->lost);
	double share = p->whole_ns ? (double)p->elapsed_ns / (double)p->whole_ns : 1;
	share = share < 1 ? share : 1;
	fprintf(out, "%spcap-replay: %3.0f s, ", b->on_terminal ? "\r" : "", (double)p->elapsed_ns / 1e9);
	if (b->on_terminal) {
		fputc('[', out);
		for (int i = 0; i < WIDTH; i++)
			fputc(share * WIDTH >= i + 1 ? '#' : '.', out);
		fputs("] ", out);
	}
	fprintf(out, "%.0f %%, %.0f/s, %" PRIu64 " sent, %" PRIu64 " answered, lost %.2f %%", share * 100,
		step_s > 0.1 ? (double)(p->sent - b->last_sent) / step_s : 0, p->sent, p->answered, over > 0 ? 100 * (double)p->lost / over : 0);
	if (p->missed)
		fprintf(out, ", not sent %" PRIu64, p->missed);
	fprintf(out, ", late p99 %.0f us%s", (double)late_p99_ns / 1e3, b->on_terminal ? "\x1b[K" : "\n");
	fflush(out);
	b->last_ns = p->elapsed_ns;
	b->last_sent = p->sent;
}

void bar_end(const struct bar *b, FILE *out)
{
	if (b->on_terminal && b->last_ns)
		fputc('\n', out);
}
