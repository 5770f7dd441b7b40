/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that asks the kernel what time it is.
 */
#include "lib/base/clock.h"

#include <time.h>

#include "lib/base/hot.h"
#include "lib/base/worked.h"

static uint64_t clock_read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t); /* cannot fail for the clocks below */
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

HOT uint64_t clock_mono_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_real_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}

uint64_t clock_worked_ns(void)
{
	return clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

void clock_sleep_until(uint64_t t_mono_ns)
{
	struct timespec t = {
		.tv_sec = (time_t)(t_mono_ns / NS_PER_S),
		.tv_nsec = (long)(t_mono_ns % NS_PER_S),
	};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
