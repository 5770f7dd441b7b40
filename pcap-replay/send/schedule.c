/* SPDX-License-Identifier: Apache-2.0 */
/* At a rate that goes from a to b in T, a t + (b - a) t^2 / 2T questions are due until t. */
#include "pcap-replay/send/schedule.h"

#include <math.h>

#include "lib/base/clock.h"

static double ramp_s(const struct schedule *s, double number)
{
	double total_s = (double)s->ramp_ns / 1e9, slope = (s->rate_end - s->rate) / total_s;
	double all = (s->rate + s->rate_end) / 2 * total_s;
	if (number >= all)
		return total_s + (number - all) / s->rate_end;
	if (fabs(slope) * total_s < s->rate * 1e-9)
		return number / s->rate;
	/* the root that does not cancel when the slope is small */
	return 2 * number / (s->rate + sqrt(s->rate * s->rate + 2 * slope * number));
}

uint64_t schedule_ramp_questions(const struct schedule *s)
{
	return (uint64_t)((s->rate + s->rate_end) / 2 * (double)s->ramp_ns / 1e9);
}

uint64_t schedule_due_ns(const struct schedule *s, uint64_t number, uint64_t n, uint64_t t_ns, uint64_t span_ns)
{
	if (s->rate > 0 && s->rate_end > 0)
		return (uint64_t)(ramp_s(s, (double)number) * 1e9);
	if (s->rate > 0)
		return (uint64_t)((double)number * 1e9 / s->rate);
	/* a loop begins one mean gap after the end of the one before */
	uint64_t loop_ns = span_ns + (n > 1 ? span_ns / (n - 1) : NS_PER_S);
	uint64_t at_ns = number / n * loop_ns + t_ns;
	return s->speed == 1 ? at_ns : (uint64_t)((double)at_ns / s->speed);
}
